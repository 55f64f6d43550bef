package invoke

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

// Whatever goes wrong on the way, what a caller sees of it holds nothing of the
// target's URL, address, headers or keys; what the operator sees holds no
// secret either. Every private part here has one of these words or numbers.
func TestErrorsAreDiscreet(t *testing.T) {
	const path = "/private-path?token=secret-token"
	plain := httpServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Private", "secret-answer")
		http.Error(w, "secret-answer", http.StatusBadGateway)
	})
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = quiet
	secure.StartTLS()
	t.Cleanup(secure.Close)
	answers := func(text string) string { return "http://" + rawServer(t, answering(text)) }
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	slow := func(c *Call) { c.Target.Timeout = 30 * time.Millisecond }

	for name, tt := range map[string]struct {
		url    string
		change func(*Call)
		code   action.Code
		twice  bool // the second of two is looked at
		strict bool // loopback is closed
	}{
		"status":          {url: plain.URL, code: action.CodeStatus},
		"certificate":     {url: secure.URL, code: action.CodeTLS},
		"no TLS":          {url: strings.Replace(plain.URL, "http:", "https:", 1), code: action.CodeTLS},
		"refused":         {url: "http://" + closed.Addr().String(), code: action.CodeConnect},
		"name":            {url: "http://private-host.invalid", code: action.CodeDNS},
		"address":         {url: plain.URL, code: action.CodeBlockedAddress, strict: true},
		"timeout":         {url: "http://" + rawServer(t, hold), change: slow, code: action.CodeTimeout},
		"redirect":        {url: answers("HTTP/1.1 302 Found\r\nLocation: http://secret-answer/\r\n\r\n"), code: action.CodeRedirect},
		"broken":          {url: answers("secret-answer\r\n\r\n"), code: action.CodeAnswerBroken},
		"encoding":        {url: answers(ok + "Content-Encoding: secret-enc\r\n\r\nx"), code: action.CodeAnswerBroken},
		"malformed":       {url: answers(ok + "\r\n{\"secret-answer\":\"\xff\"}"), code: action.CodeAnswerMalformed},
		"type":            {url: answers(ok + "Content-Type: text/secret-answer\r\n\r\n[]"), code: action.CodeAnswerMalformed},
		"member":          {url: answers(ok + "\r\n{\"forwardedStatusCode\":\"secret-answer\"}"), code: action.CodeAnswerMalformed},
		"URL":             {url: "ftp://private-host", code: action.CodeBadField},
		"URL, unreadable": {url: "http://private-host/%zz", code: action.CodeBadField},
		"URL with a user": {url: strings.Replace(plain.URL, "//", "//user:secret-token@", 1), code: action.CodeBadField},
		"header": {url: plain.URL, code: action.CodeBadField,
			change: func(c *Call) { c.Target.Headers = map[string]string{"Authorization": "secret-token\n"} }},
		"key":     {url: plain.URL, change: func(c *Call) { c.Keys = []string{"whsec_secret-token"} }, code: action.CodeInternal},
		"no key":  {url: plain.URL, change: func(c *Call) { c.Keys = nil }, code: action.CodeInternal},
		"breaker": {url: plain.URL, twice: true, code: action.CodeBreakerOpen, change: func(c *Call) { c.Target.Breaker = action.Breaker{Failures: 1, Open: time.Hour} }},
		"rate":    {url: plain.URL, twice: true, code: action.CodeRateLimited, change: func(c *Call) { c.Target.Rate = action.Rate{N: 1, Per: time.Hour} }},
	} {
		t.Run(name, func(t *testing.T) {
			i := newInvoker(t, func(o *Options) {
				o.AllowLocal = !tt.strict
				o.Allow = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}
			})
			i.resolver = resolverTo(t, nil)
			c := callTo(tt.url + path)
			if tt.change != nil {
				tt.change(&c)
			}
			a := i.Do(t.Context(), c)
			if tt.twice {
				a = i.Do(t.Context(), c)
			}
			require.NotNil(t, a.Err)
			require.Equal(t, tt.code, a.Err.Code, "%v", a.Err)
			shown, err := json.Marshal(a.Err)
			require.NoError(t, err)
			for _, word := range []string{"private", "secret", "127.0.0.1", "::1", "://", "token", strings.TrimPrefix(testKey, "whsec_")} {
				require.NotContains(t, string(shown), word)
			}
			if host := strings.SplitAfter(tt.url, "127.0.0.1:"); len(host) == 2 {
				require.NotContains(t, string(shown), host[1], "the port")
			}
			logged := a.Err.Error()
			for _, word := range []string{"secret-token", "private-path", strings.TrimPrefix(testKey, "whsec_")} {
				require.NotContains(t, logged, word, "the log")
			}
		})
	}
}
