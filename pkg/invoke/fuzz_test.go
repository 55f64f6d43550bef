package invoke

import (
	"net/http"
	"net/netip"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// FuzzRefusal reads bodies as every kind of answer: a rejection has a status of
// 4xx, and a message that may be shown.
func FuzzRefusal(f *testing.F) {
	for _, body := range []string{
		`{"forwardedStatusCode":403,"forwardedErrorMessage":"no"}`, `{"forwardedStatusCode":1e400}`, `{"forwardedErrorMessage":"\u2028\u0000"}`, "\xef\xbb\xbf{}",
		`{"forwardedStatusCode":"403"}`, `{"forwarded\u0053tatusCode":404.5}`, `{"detail":"no"}`, `[]`, `{"forwardedErrorMessage":null}`, `{"ForwardedStatusCode":403}`,
	} {
		f.Add([]byte(body), 451, "application/problem+json; charset=utf-8")
	}
	f.Fuzz(func(t *testing.T, body []byte, status int, contentType string) {
		before := string(body)
		for _, no := range []*action.Error{
			saidIn(body, &http.Response{StatusCode: 200}),
			saidIn(body, &http.Response{StatusCode: 400 + (status%100+100)%100, Header: http.Header{"Content-Type": {contentType}}}),
		} {
			if no != nil {
				require.Equal(t, action.CodeRejected, no.Code)
				requireShowable(t, no)
			}
		}
		text, no := settle(body, contentType)
		require.Equal(t, before, string(body), "never in place")
		switch {
		case no != nil:
			require.Contains(t, []action.Code{action.CodeRejected, action.CodeAnswerMalformed, action.CodeTooDeep}, no.Code)
			if no.Code == action.CodeRejected {
				requireShowable(t, no)
			}
		case text != nil:
			require.NoError(t, wire.CheckJSON(text))
		}
	})
}

func requireShowable(t *testing.T, no *action.Error) {
	t.Helper()
	require.True(t, no.Status >= 400 && no.Status <= 499, "%d", no.Status)
	require.True(t, utf8.ValidString(no.Message))
	require.NotRegexp(t, `[[:cntrl:]]`, no.Message)
	require.LessOrEqual(t, len(no.Message), maxMessage)
	require.NotEmpty(t, no.Message)
	require.NoError(t, wire.CheckJSON(wire.EncodeError(no)))
}

// FuzzRetryAfter stays within its bounds.
func FuzzRetryAfter(f *testing.F) {
	for _, text := range []string{"", "5", " 120 ", "-1", "99999999999999999999", "Fri, 31 Dec 1999 23:59:59 GMT", "Sun, 06 Nov 2094 08:49:37 GMT", "5.5", "0x5", "٣"} {
		f.Add(text, int64(1700000000))
	}
	f.Fuzz(func(t *testing.T, text string, now int64) {
		wait := retryAfter(text, time.Unix(now, 0))
		require.True(t, wait >= 0 && wait <= action.MaxWait, "%v", wait)
	})
}

// FuzzGuard: nothing passes, under a wide allowance of IPv6, that leads to an
// address which IPv4 alone may not reach, and no metadata ever. Nothing is
// dialled.
func FuzzGuard(f *testing.F) {
	for _, address := range []string{"8.8.8.8:80", "[::1]:80", "[64:ff9b::a00:1]:80", "[fe80::1%eth0]:80", "[::ffff:127.0.0.1]:80", "localhost:80", "", "[2002:7f00:1::]:80", "1.2.3.4", "[fd00:ec2::254]:65535", "010.0.0.1:80", "127.1:80"} {
		f.Add("tcp6", address)
	}
	strict, wide := NewGuard(false), NewGuard(false, netip.MustParsePrefix("::/0"))
	all := NewGuard(false, netip.MustParsePrefix("::/0"), netip.MustParsePrefix("0.0.0.0/0"))
	f.Fuzz(func(t *testing.T, network, address string) {
		for _, g := range []*Guard{strict, wide, all} {
			if err := g.Check(network, address); err != nil {
				require.Equal(t, action.CodeBlockedAddress, action.CodeOf(err))
				continue
			}
			ip := netip.MustParseAddrPort(address).Addr().Unmap()
			require.Contains(t, []string{"tcp4", "tcp6"}, network)
			for _, p := range metadata {
				require.False(t, p.Contains(ip.WithZone("")), address)
			}
			if g == all {
				continue
			}
			if ip.Is4() {
				require.True(t, ip.IsGlobalUnicast() && !ip.IsPrivate(), address)
			}
			for _, at := range embedded(ip) {
				require.NoError(t, strict.Check("tcp4", netip.AddrPortFrom(at, 80).String()), address)
			}
		}
	})
}
