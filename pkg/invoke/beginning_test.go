package invoke

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

func packed(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(text))
	_ = z.Close()
	return b.String()
}

// TestTheBeginningOfAFailure is kept, whoever reads the body, and of what
// succeeds nothing is.
func TestTheBeginningOfAFailure(t *testing.T) {
	long := strings.Repeat("x", 3*action.MaxBeginning)
	heard := func(c *Call) { c.ReadBody, c.Heard = false, true }
	wanted := func(*Call) {}
	little := func(c *Call) { c.Target.MaxAnswer = 100 }
	const zip = "Content-Encoding: gzip\r\n"
	for _, c := range []struct {
		name, status, head, body, want string
		change                         func(*Call)
		code                           action.Code
		cut                            bool
	}{
		{"a page", "503 No", "", "<p>no", "<p>no", webhook, action.CodeStatus, false},
		{"a page of a call", "503 No", "", "<p>no", "<p>no", wanted, action.CodeStatus, false},
		{"a page that a caller could hear", "403 No", "", "<p>no", "<p>no", heard, action.CodeStatus, false},
		{"JSON that a caller could hear", "403 No", "", `{"a":1}`, `{"a":1}`, heard, action.CodeStatus, false},
		{"a rejection", "403 No", "", `{"forwardedErrorMessage":"no"}`, `{"forwardedErrorMessage":"no"}`, heard, action.CodeRejected, false},
		{"a rejection of 200", "200 OK", "", `{"forwardedStatusCode":403}`, `{"forwardedStatusCode":403}`, webhook, action.CodeRejected, false},
		{"as long as is kept", "500 No", "", long[:action.MaxBeginning], long[:action.MaxBeginning], webhook, action.CodeStatus, false},
		{"longer", "500 No", "", long, long[:action.MaxBeginning], webhook, action.CodeStatus, true},
		{"longer, as a caller hears it", "400 No", "", "{" + long, "{" + long[1:action.MaxBeginning], heard, action.CodeStatus, true},
		{"compressed", "500 No", zip, packed("<p>no"), "<p>no", webhook, action.CodeStatus, false},
		{"compressed, as a caller hears it", "400 No", zip, packed("<p>no"), "<p>no", heard, action.CodeStatus, false},
		{"compressed and longer", "500 No", zip, packed(long), long[:action.MaxBeginning], webhook, action.CodeStatus, true},
		{"not compressed as it says", "500 No", zip, "plain", "plain", webhook, action.CodeStatus, false},
		{"nothing", "500 No", "", "", "", webhook, action.CodeStatus, false},
		{"malformed", "200 OK", "", "no JSON", "no JSON", wanted, action.CodeAnswerMalformed, false},
		{"too large by its length", "200 OK", "Content-Length: 101\r\n", "{" + long[:100], "{" + long[:100], func(c *Call) { little(c) }, action.CodeAnswerTooLarge, false},
		{"too large", "200 OK", "", "{" + long, "{" + long[:100], func(c *Call) { little(c) }, action.CodeAnswerTooLarge, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			address := rawServer(t, answering("HTTP/1.1 "+c.status+"\r\nX-Why: it is so\r\n"+c.head+"\r\n"+c.body))
			a := newInvoker(t).Do(t.Context(), callTo("http://"+address, c.change))
			require.Equal(t, c.code, action.CodeOf(a.Err), "%v", a.Err)
			require.Equal(t, c.want, string(a.AnswerBeginning))
			require.Equal(t, c.cut, a.Cut)
			require.Equal(t, "it is so", a.Header.Get("X-Why"))
		})
	}
	a := newInvoker(t).Do(t.Context(), callTo("http://"+rawServer(t, answering(ok+"\r\n{}")), webhook))
	require.Nil(t, a.Err)
	require.Empty(t, a.AnswerBeginning)
}

// TestTheBeginningHoldsNoSecret of the target's own headers, also where it is cut
// off in one.
func TestTheBeginningHoldsNoSecret(t *testing.T) {
	t.Parallel()
	const secret = "Bearer 0123456789"
	for _, before := range []int{0, 100, action.MaxBeginning - 8, action.MaxBeginning - len(secret)} {
		fill := strings.Repeat("x", before)
		address := rawServer(t, answering("HTTP/1.1 500 No\r\n\r\n"+fill+secret+" and "+secret))
		a := newInvoker(t).Do(t.Context(), callTo("http://"+address, webhook, func(c *Call) { c.Target.Headers = map[string]string{"X-Key": secret, "X-Team": "and"} }))
		require.Equal(t, action.CodeStatus, action.CodeOf(a.Err))
		require.NotContains(t, string(a.AnswerBeginning), "Bearer")
		require.True(t, strings.HasPrefix(string(a.AnswerBeginning), fill+"***"))
	}
}

// TestNoSecretComesBack: values of headers are masked in what a target says to a caller,
// in what its answer broke off with, and in what a test shows, as they are and as they
// stand in JSON. Those of the definition are, and those that it does not hold.
func TestNoSecretComesBack(t *testing.T) {
	t.Parallel()
	const plain, kept = "plain-0123456789", `kept "a\b" <0123456789>`
	quoted, err := json.Marshal(kept)
	require.NoError(t, err)
	change := func(c *Call) {
		c.Target.Headers, c.Headers = map[string]string{"X-Plain": plain}, map[string]string{"X-Kept": kept}
		c.Heard = true
	}
	said := `{"detail":"no ` + plain + ` and ` + strings.Trim(string(quoted), `"`) + `"}`
	for answer, code := range map[string]action.Code{
		"HTTP/1.1 400 No\r\nContent-Type: application/problem+json\r\n\r\n" + said: action.CodeRejected,
		"HTTP/1.1 500 No\r\n\r\n" + said + kept:                                    action.CodeStatus,
		"HTTP/1.1 200 OK\r\n" + kept + " " + plain + "\r\n\r\n":                    action.CodeAnswerBroken,
	} {
		address := rawServer(t, answering(answer))
		a := newInvoker(t).Do(t.Context(), callTo("http://"+address, webhook, change))
		require.Equal(t, code, action.CodeOf(a.Err), "%v", a.Err)
		tried := newInvoker(t).Try(t.Context(), callTo("http://"+address, webhook, change))
		require.Equal(t, code, action.CodeOf(tried.Err), "%v", tried.Err)
		for _, text := range []string{a.Err.Error(), a.Err.Message, string(a.AnswerBeginning), tried.Err.Error(), string(tried.Shown)} {
			require.NotContains(t, text, "0123456789")
		}
		if code == action.CodeRejected {
			require.Equal(t, "no *** and ***", a.Err.Message)
		}
	}
}

// TestTheBeginningCostsNothing: a body that does not come is not waited for, and
// a connection is used again behind a failure.
func TestTheBeginningCostsNothing(t *testing.T) {
	t.Parallel()
	slow := rawServer(t, func(conn net.Conn) {
		if readRequest(conn) {
			_, _ = io.WriteString(conn, "HTTP/1.1 503 No\r\nContent-Length: 5000\r\n\r\nwait")
			hold(conn)
		}
	})
	a := newInvoker(t).Do(t.Context(), callTo("http://"+slow, webhook, within(20*time.Second)))
	require.Equal(t, action.CodeStatus, action.CodeOf(a.Err))
	require.Equal(t, "wait", string(a.AnswerBeginning))
	require.Less(t, a.Duration, 10*time.Second)

	var connections atomic.Int64
	address := rawServer(t, func(conn net.Conn) {
		connections.Add(1)
		for readRequest(conn) {
			_, _ = io.WriteString(conn, "HTTP/1.1 503 No\r\nContent-Length: 9000\r\n\r\n"+strings.Repeat("x", 9000))
		}
	})
	i := newInvoker(t)
	for range 5 {
		a := i.Do(t.Context(), callTo("http://"+address, webhook))
		require.Equal(t, action.CodeStatus, action.CodeOf(a.Err))
		require.Len(t, a.AnswerBeginning, action.MaxBeginning)
	}
	require.EqualValues(t, 1, connections.Load())
}
