package dispatch_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/dispatch"
)

// served is what a dispatcher answered.
type served struct {
	status int
	header http.Header
	body   string
}

// raw sends a request as it stands, and reads the answer.
func (c caller) raw(text string) served {
	c.t.Helper()
	conn, err := c.dial()
	require.NoError(c.t, err)
	defer func() { _ = conn.Close() }()
	require.NoError(c.t, conn.SetDeadline(time.Now().Add(time.Minute)))
	_, err = io.WriteString(conn, text)
	require.NoError(c.t, err)
	return c.next(bufio.NewReader(conn))
}

// next reads one answer.
func (c caller) next(from *bufio.Reader) served {
	c.t.Helper()
	r, err := http.ReadResponse(from, nil)
	require.NoError(c.t, err)
	body, err := io.ReadAll(r.Body)
	require.NoError(c.t, err)
	require.NoError(c.t, r.Body.Close())
	return served{r.StatusCode, r.Header, string(body)}
}

// post sends a body with some headers.
func (c caller) post(path, body string, headers ...string) served {
	c.t.Helper()
	if !strings.Contains(strings.Join(headers, "\n"), "Host:") {
		headers = append(headers, "Host: localhost")
	}
	return c.raw(fmt.Sprintf("POST %s HTTP/1.1\r\n%s\r\nContent-Length: %d\r\n\r\n%s", path, strings.Join(headers, "\r\n"), len(body), body))
}

const isJSON = "Content-Type: application/json"

// eventsOf is where the events of an instance are posted to.
func eventsOf(id string) string { return "/v1/instances/" + url.PathEscape(id) + "/events" }

// opened gives a dispatcher with two instances, and who calls it.
func opened(t *testing.T) (*dispatch.Dispatcher, caller) {
	t.Helper()
	d, c, _ := doorOf(t)
	for _, id := range bothIDs {
		_, err := d.Instance(id).Apply(within(t, 20*time.Second), oneLineOf(t, id))
		require.NoError(t, err)
	}
	return d, c
}

// anEvent is one that is taken.
const anEvent = `{"aggregateID":"u","event_type":"user.added","event_payload":{}}`

// TestWhoseRequestsAreTaken: those that name this machine, and come from no page of
// another site. What is refused says which header it is about, and stores nothing.
func TestWhoseRequestsAreTaken(t *testing.T) {
	t.Parallel()
	d, c := opened(t)
	tries := []struct {
		headers []string
		field   string // "" = it is taken
	}{
		{nil, ""},
		{[]string{"Host: localhost:8080"}, ""}, {[]string{"Host: LOCALHOST"}, ""}, {[]string{"Host: 127.0.0.1"}, ""},
		{[]string{"Host: 127.9.9.9:1"}, ""}, {[]string{"Host: [::1]:65535"}, ""}, {[]string{"Host: [::ffff:127.0.0.1]"}, ""},
		{[]string{"Host: callout.example"}, "Host"}, {[]string{"Host: localhost.example"}, "Host"}, {[]string{"Host: 10.0.0.1"}, "Host"},
		{[]string{"Host: 0.0.0.0"}, "Host"}, {[]string{"Host: [::]"}, "Host"}, {[]string{"Host: [127.0.0.1]"}, "Host"},
		{[]string{"Host: localhost:65536"}, "Host"}, {[]string{"Host: localhost:x"}, "Host"}, {[]string{"Host: 2130706433"}, "Host"},
		{[]string{"Origin: http://localhost:3000"}, ""}, {[]string{"Origin: http://[::1]"}, ""},
		{[]string{"Origin: https://callout.example"}, "Origin"}, {[]string{"Origin: null"}, "Origin"}, {[]string{"Origin: file://"}, "Origin"},
		{[]string{"Origin: http://localhost", "Origin: https://callout.example"}, "Origin"},
		{[]string{"Sec-Fetch-Site: same-origin"}, ""}, {[]string{"Sec-Fetch-Site: none"}, ""},
		{[]string{"Sec-Fetch-Site: cross-site"}, "Sec-Fetch-Site"}, {[]string{"Sec-Fetch-Site: new-word"}, "Sec-Fetch-Site"},
		{[]string{"Sec-Fetch-Site: same-site"}, "Sec-Fetch-Site"}, {[]string{"Sec-Fetch-Site: same-site", "Origin: http://localhost:9"}, ""},
		{[]string{"Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: cross-site"}, "Sec-Fetch-Site"},
	}
	for _, id := range bothIDs {
		taken := 0
		for _, try := range tries {
			got := c.post(eventsOf(id), anEvent, append([]string{isJSON}, try.headers...)...)
			if try.field == "" {
				require.Equal(t, http.StatusAccepted, got.status, "%v: %s", try.headers, got.body)
				taken++
				continue
			}
			require.Equal(t, http.StatusForbidden, got.status, "%v: %s", try.headers, got.body)
			require.Contains(t, got.body, `"code":"forbidden"`)
			require.Contains(t, got.body, fmt.Sprintf(`"field":%q`, try.field))
		}
		awaitWaiting(t, d.Instance(id), "hook", taken)
	}
}

// awaitWaiting waits until so many events wait for a target: the server counts an
// event that it has just stored a moment later.
func awaitWaiting(t *testing.T, i *dispatch.Instance, target string, count int) {
	t.Helper()
	require.Eventually(t, func() bool {
		n, err := i.Waiting(within(t, 20*time.Second), lineTo(target))
		return err == nil && n == uint64(count)
	}, time.Minute, time.Millisecond, "%d events wait", count)
	n, err := i.Waiting(within(t, 20*time.Second), lineTo(target))
	require.NoError(t, err)
	require.EqualValues(t, count, n)
}

// TestWhatABodyIsSaidToBe: a browser sends a text, a form or nothing that tells to
// anybody, without asking first, and JSON only where it may. What RPC speaks is taken
// where that is mounted.
func TestWhatABodyIsSaidToBe(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	d := f.dispatcherWith(f.bus(), dispatch.Options{Mount: func(*dispatch.Dispatcher) map[string]http.Handler {
		return map[string]http.Handler{"/rpc.Service/": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })}
	}})
	c := caller{t, "127.0.0.1", strings.TrimPrefix(d.URL(), "http://")}
	for _, id := range bothIDs {
		_, err := d.Instance(id).Apply(within(t, 20*time.Second), oneLineOf(t, id))
		require.NoError(t, err)
		for content, want := range map[string]int{
			"application/json": 202, "application/json; charset=utf-8": 202, "APPLICATION/JSON": 202,
			"": 415, "text/plain": 415, "application/x-www-form-urlencoded": 415, "multipart/form-data; boundary=x": 415,
			"application/jsonp": 415, "application/proto": 415, "application/grpc+proto": 415, "text/plain, application/json": 415,
		} {
			var headers []string
			if content != "" {
				headers = append(headers, "Content-Type: "+content)
			}
			got := c.post(eventsOf(id), anEvent, headers...)
			require.Equal(t, want, got.status, "%q: %s", content, got.body)
		}
	}
	for content, want := range map[string]int{"application/proto": 418, "application/grpc-web+proto": 418, "application/connect+json": 418, "application/json": 418,
		"text/plain": 415, "application/grpc-other": 415} {
		require.Equal(t, want, c.post("/rpc.Service/Do", "x", "Content-Type: "+content).status, content)
	}
}
