package invoke

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/sign"
)

// seen is what a server got.
type seen struct {
	*http.Request
	body []byte
}

// recorder answers {} and hands on what it got.
func recorder(t *testing.T) (url string, got chan seen) {
	got = make(chan seen, 10)
	s := httpServer(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- seen{r, body}
		_, _ = io.WriteString(w, "{}")
	})
	return s.URL, got
}

func TestRequest(t *testing.T) {
	url, got := recorder(t)
	now := time.Unix(1_700_000_000, 0)
	i := newInvoker(t, func(o *Options) { o.Now = func() time.Time { return now } })
	keys := []string{sign.NewKey(), sign.NewKey()}
	a := i.Do(t.Context(), callTo(url+"/path?q=1", func(c *Call) {
		c.Keys, c.Attempt, c.Sequence, c.Traceparent = keys, 3, 42, "00-abc-def-01"
	}))
	require.Nil(t, a.Err)
	r := <-got
	require.Equal(t, "POST", r.Method)
	require.Equal(t, "/path?q=1", r.RequestURI)
	require.Equal(t, `{"a":1}`, string(r.body))
	require.EqualValues(t, 7, r.ContentLength)
	require.Empty(t, r.TransferEncoding)
	for name, want := range map[string]string{
		"Content-Type": "application/json", "User-Agent": "callout", "Accept-Encoding": "gzip",
		"Callout-Delivery-Id": "01ID", "Idempotency-Key": "01ID", "webhook-id": "01ID",
		"Callout-Attempt": "3", "Callout-Sequence": "42", "Callout-Target": "hook",
		"traceparent": "00-abc-def-01", "webhook-timestamp": "1700000000",
	} {
		require.Equal(t, []string{want}, r.Header.Values(name), name)
	}
	remaining, err := strconv.Atoi(r.Header.Get("Callout-Remaining-Ms"))
	require.NoError(t, err)
	require.InDelta(t, 2900, remaining, 100)
	for _, key := range keys {
		require.NoError(t, sign.VerifyZitadel(r.Header.Get("ZITADEL-Signature"), r.body, now, key))
		require.NoError(t, sign.VerifyStandard(r.Header, r.body, now, key))
	}
}

// The keys of each call sign it, though those of the last one are kept ready.
func TestRotatedKeysSignAtOnce(t *testing.T) {
	url, got := recorder(t)
	i := newInvoker(t)
	old, fresh := sign.NewKey(), sign.NewKey()
	for _, keys := range [][]string{{old}, {fresh, old}, {fresh}, {old}} {
		require.Nil(t, i.Do(t.Context(), callTo(url, func(c *Call) { c.Keys = keys })).Err)
		r := <-got
		for _, key := range []string{old, fresh} {
			zitadel := sign.VerifyZitadel(r.Header.Get("ZITADEL-Signature"), r.body, time.Now(), key)
			standard := sign.VerifyStandard(r.Header, r.body, time.Now(), key)
			require.Equal(t, slices.Contains(keys, key), zitadel == nil)
			require.Equal(t, slices.Contains(keys, key), standard == nil)
		}
	}
}

func TestSignatureStyles(t *testing.T) {
	url, got := recorder(t)
	i := newInvoker(t)
	for _, c := range []struct {
		styles            []action.Signature
		zitadel, standard bool
	}{
		{nil, true, true},
		{[]action.Signature{action.SignZitadel}, true, false},
		{[]action.Signature{action.SignStandard}, false, true},
		{[]action.Signature{"none"}, false, false},
	} {
		a := i.Do(t.Context(), callTo(url, func(call *Call) { call.Target.Signatures = c.styles }))
		require.Nil(t, a.Err)
		r := <-got
		require.Equal(t, c.zitadel, r.Header.Get("ZITADEL-Signature") != "")
		require.Equal(t, c.standard, r.Header.Get("webhook-signature") != "")
		require.Equal(t, c.standard, r.Header.Get("webhook-id") != "")
		require.Empty(t, r.Header.Get("Callout-Sequence"), "0 is left out")
		require.Empty(t, r.Header.Get("traceparent"))
	}
}

func TestOwnHeadersCannotOverrideOurs(t *testing.T) {
	url, got := recorder(t)
	own := map[string]string{"X-Team": "identity", "authorization": "Bearer x", "Accept": "application/json"}
	forged := []string{
		"zitadel-signature", "Webhook-Id", "webhook-extra", "Webhook-Signature", "callout-sequence", "Callout-Future",
		"callout-org", "Callout-Instance", "CALLOUT-EVENT-ID", "Callout-Event-Type", "Callout-Event-Time", "Callout-Redrive",
		"callout-delivery-id", "Idempotency-Key", "traceparent", "Content-Type", "content-length",
		"Content-Encoding", "Transfer-Encoding", "Host", "Connection", "User-Agent", "Accept-Encoding", "Expect",
		"Proxy-Authorization", "Upgrade", "Te", "Trailer",
	}
	for _, name := range forged {
		own[name] = "forged"
	}
	a := newInvoker(t).Do(t.Context(), callTo(url, func(c *Call) { c.Target.Headers = own }))
	require.Nil(t, a.Err)
	r := <-got
	require.Equal(t, "identity", r.Header.Get("X-Team"))
	require.Equal(t, "Bearer x", r.Header.Get("Authorization"))
	require.Equal(t, "application/json", r.Header.Get("Accept"))
	require.NotEqual(t, "forged", r.Host)
	for name, values := range r.Header {
		require.NotContains(t, strings.Join(values, " "), "forged", name)
	}
}

func TestCallsThatCannotBeSent(t *testing.T) {
	url, got := recorder(t)
	i := newInvoker(t)
	header := func(name, value string) func(*Call) {
		return func(c *Call) { c.Target.Headers = map[string]string{name: value} }
	}
	asymmetric := "whsk_" + base64.StdEncoding.EncodeToString(make([]byte, ed25519.SeedSize))
	for name, c := range map[string]struct {
		change func(*Call)
		code   action.Code
	}{
		"no body":           {func(c *Call) { c.Body = nil }, action.CodeBadField},
		"no key":            {func(c *Call) { c.Keys = nil }, action.CodeInternal},
		"bad key":           {func(c *Call) { c.Keys = []string{"x"} }, action.CodeInternal},
		"asymmetric key":    {func(c *Call) { c.Keys = []string{asymmetric} }, action.CodeInternal},
		"one among others":  {func(c *Call) { c.Keys = []string{sign.NewKey(), asymmetric} }, action.CodeInternal},
		"dot in id":         {func(c *Call) { c.ID = "a.b" }, action.CodeBadField},
		"break in id":       {func(c *Call) { c.ID = "a\r\nX: y" }, action.CodeBadField},
		"break in header":   {header("X", "a\r\nY: z"), action.CodeBadField},
		"space in header":   {header("X Y", "a"), action.CodeBadField},
		"header with colon": {header("X:", "a"), action.CodeBadField},
		"relative URL":      {func(c *Call) { c.Target.URL = "/x" }, action.CodeBadField},
		"other scheme":      {func(c *Call) { c.Target.URL = "file:///etc/passwd" }, action.CodeBadField},
		"broken URL":        {func(c *Call) { c.Target.URL = "http://%zz" }, action.CodeBadField},
	} {
		a := i.Do(t.Context(), callTo(url, c.change))
		require.NotNil(t, a.Err, name)
		require.Equal(t, c.code, a.Err.Code, name)
		require.False(t, a.Sent, name)
	}
	require.Empty(t, got)
	require.Nil(t, i.Do(t.Context(), callTo(url, func(c *Call) {
		c.Keys, c.Target.Signatures = []string{asymmetric}, []action.Signature{action.SignStandard}
	})).Err)
	r := <-got
	require.NoError(t, sign.VerifyStandard(r.Header, r.body, time.Now(), asymmetric))
	require.Empty(t, r.Header.Values(sign.HeaderZitadel))
}

func TestBodies(t *testing.T) {
	url, got := recorder(t)
	i := newInvoker(t)
	for _, size := range []int{1, 4096, 1 << 20} {
		a := i.Do(t.Context(), callTo(url, func(c *Call) { c.Body = make([]byte, size) }))
		require.Nil(t, a.Err)
		r := <-got
		require.Len(t, r.body, size)
		require.Equal(t, strconv.Itoa(size), r.Header.Get("Content-Length"))
	}
}

// The caller's deadline and the target's timeout: the earlier one ends the
// exchange and is what the target is told.
func TestDeadlinesNest(t *testing.T) {
	remaining := make(chan string, 1)
	s := httpServer(t, func(w http.ResponseWriter, r *http.Request) {
		remaining <- r.Header.Get("Callout-Remaining-Ms")
		_, _ = io.Copy(io.Discard, r.Body) // after which a client that goes away is noticed
		<-r.Context().Done()
	})
	i := newInvoker(t)
	const short, long = 100 * time.Millisecond, 20 * time.Second
	for name, c := range map[string]struct{ caller, target time.Duration }{
		"caller's": {short, long}, "target's": {long, short},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), c.caller)
		start := time.Now()
		a := i.Do(ctx, callTo(s.URL, within(c.target)))
		cancel()
		require.Equal(t, action.CodeTimeout, a.Err.Code, name)
		require.InDelta(t, short.Seconds(), time.Since(start).Seconds(), 0.5, name)
		ms, err := strconv.Atoi(<-remaining)
		require.NoError(t, err)
		require.LessOrEqual(t, ms, 100, name)
		require.Positive(t, ms, name)
	}
}

func TestCancellation(t *testing.T) {
	arrived, left := make(chan struct{}), make(chan struct{})
	s := httpServer(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(arrived)
		<-r.Context().Done()
		close(left)
	})
	i := newInvoker(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		<-arrived
		cancel(errors.New("the lease has lapsed"))
	}()
	a := i.Do(ctx, callTo(s.URL))
	require.Equal(t, action.CodeCancelled, a.Err.Code)
	require.ErrorContains(t, a.Err.Cause, "lease")
	require.True(t, a.Sent)
	<-left // the target notices

	a = i.Do(ctx, callTo(s.URL))
	require.Equal(t, action.CodeCancelled, a.Err.Code, "and nothing begins under a context that is over")
	require.False(t, a.Sent)
}

// However many headers a request gets, there is room for each.
func TestRoomForEveryHeader(t *testing.T) {
	ex, v := &exchange{header: http.Header{}}, &computed{}
	for n := range 50 {
		ex.set(fmt.Sprint("X-", n), fmt.Sprint(n))
		v.end(fmt.Sprint("Y-", n))
	}
	for n := range 50 {
		require.Equal(t, []string{fmt.Sprint(n)}, ex.header[fmt.Sprint("X-", n)])
	}
	require.Len(t, v.values, 50)
}
