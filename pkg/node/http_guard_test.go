package node_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

// wired is a connection to the dispatcher on which a test writes what no client
// would.
type wired struct {
	t *testing.T
	net.Conn
	from *bufio.Reader
}

func wireTo(t *testing.T, n *running) *wired {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(n.HTTPURL(), "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(20*time.Second)))
	return &wired{t, c, bufio.NewReader(c)}
}

func (w *wired) send(text string) {
	w.t.Helper()
	_, err := io.WriteString(w, text)
	require.NoError(w.t, err)
}

// answer reads the next answer, which is JSON whatever was asked.
func (w *wired) answer() (*http.Response, *action.Error) {
	w.t.Helper()
	resp, err := http.ReadResponse(w.from, nil)
	require.NoError(w.t, err)
	raw, err := io.ReadAll(resp.Body)
	require.NoError(w.t, err)
	require.True(w.t, utf8.Valid(raw), "%q", raw)
	var answer struct {
		Error *action.Error `json:"error"`
	}
	require.NoError(w.t, json.Unmarshal(raw, &answer), "%q", raw)
	return resp, answer.Error
}

// closed tells that nothing more comes.
func (w *wired) closed() {
	w.t.Helper()
	rest, err := io.ReadAll(w.from)
	require.NoError(w.t, err, "it is left open")
	require.Empty(w.t, rest)
}

// TestWhatIsNotUTF8IsAnsweredWithJSON, on the ways of the dispatcher and of what
// is mounted beside it.
func TestWhatIsNotUTF8IsAnsweredWithJSON(t *testing.T) {
	t.Parallel()
	n := run(t, newTargets(t), manners, nil)
	for _, path := range []string{
		"/%FF", "/healthz/%C3%28", "/v1/instances/%FF/events", "/v1/instances/default%FE/calls/request", "/v1/instances/default/calls/functions/%FF",
		"/v2/actions/%FF", "/v2/actions/executions/%FF", "/v2/actions/targets/%FF", "/%ED%A0%80",
	} {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			w := wireTo(t, n)
			w.send(method + " " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n" + `{"response":{} }`)
			resp, refusal := w.answer()
			if !strings.HasPrefix(path, "/v2/") { // which has errors of ZITADEL's form
				require.GreaterOrEqual(t, resp.StatusCode, 400, "%s %s", method, path)
				require.NotNil(t, refusal, "%s %s", method, path)
			}
		}
	}
}

// TestTwoLengthsAreOneTooMany: who stands between may take the other one, and see
// other requests than we do.
func TestTwoLengthsAreOneTooMany(t *testing.T) {
	t.Parallel()
	n := run(t, newTargets(t), manners, nil)
	const (
		call  = `{"fullMethod":"/acme.S/None","request":{}}`
		post  = "POST /v1/instances/default/calls/request HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
		whole = post + "Content-Length: 42\r\n\r\n" + call
		get   = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
	)
	chunks := "\r\n2a\r\n" + call + "\r\n0\r\n\r\n"
	for name, twice := range map[string]string{
		"length first":     post + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n" + chunks,
		"encoding first":   post + "Transfer-Encoding: chunked\r\nContent-Length: 52\r\n" + chunks,
		"other letters":    post + "TRANSFER-encoding: chunked\r\ncontent-LENGTH: 52\r\n" + chunks,
		"bare line ends":   strings.ReplaceAll(post+"Transfer-Encoding: chunked\r\nContent-Length: 52\r\n", "\r", "") + "\n2a\r\n" + call + "\r\n0\r\n\r\n",
		"what follows too": post + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n" + chunks + get + get,
	} {
		t.Run(name, func(t *testing.T) {
			for before, text := range []string{"", get, whole, get + whole + get} {
				w := wireTo(t, n)
				w.send(text + twice)
				for range strings.Count(text, "HTTP/1.1") {
					resp, _ := w.answer()
					require.Equal(t, 200, resp.StatusCode, "what came before is served")
				}
				resp, refusal := w.answer()
				require.Equal(t, 400, resp.StatusCode, before)
				require.Equal(t, []any{action.CodeMalformed, "Transfer-Encoding"}, []any{refusal.Code, refusal.Field})
				require.True(t, resp.Close)
				w.closed()
			}
		})
	}
	t.Run("byte by byte", func(t *testing.T) {
		w := wireTo(t, n)
		for _, b := range []byte(whole + post + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n" + chunks) {
			w.send(string(b))
		}
		_, _ = w.answer()
		resp, _ := w.answer()
		require.Equal(t, 400, resp.StatusCode)
		w.closed()
	})
	t.Run("one length is enough", func(t *testing.T) {
		w := wireTo(t, n)
		inside := strings.Replace(call, "{}", `{"a":"\r\nTransfer-Encoding: chunked\r\n\r\n"}`, 1)
		w.send(strings.Repeat(whole+get, 20) + strings.Replace(whole, "42\r\n\r\n"+call, "86\r\n\r\n"+inside, 1) + post + "Transfer-Encoding: chunked\r\n" + chunks)
		for range 42 {
			resp, refusal := w.answer()
			require.Equal(t, 200, resp.StatusCode, "%v", refusal)
		}
		w.closed()
	})
}

// TestWhoseRequestsAreTaken: those of tools on this machine, and of pages that it
// serves itself.
func TestWhoseRequestsAreTaken(t *testing.T) {
	t.Parallel()
	n := run(t, newTargets(t), manners, nil)
	for header, taken := range map[string]bool{
		"Host: localhost": true, "Host: LOCALHOST:8080": true, "Host: 127.0.0.1": true, "Host: 127.9.9.9:1": true, "Host: [::1]": true, "Host: [::1]:80": true,
		"Host: [localhost]": false, "Host: [::1": false, "Host: ::1]": false, "Host: ::1": false, "Host: [127.0.0.1]": false, "Host: [::1]x": false, "Host: [[::1]]": false,
		"Host: localhost.example": false, "Host: example.com": false, "Host: localhost:x": false, "Host: localhost:1:2": false, "Host: [::1%25lo]": false, "Host: 8.8.8.8": false,
		"Host: ": false, "Host: 2130706433": false, "Host: 127.1": false,

		"Origin: http://localhost:3000": true, "Origin: http://[::1]": true, "Origin: https://127.0.0.1": true,
		"Origin: http://[localhost]": false, "Origin: null": false, "Origin: http://example.com": false, "Origin: http://localhost.example.com": false,
		"Origin: http://localhost\r\nOrigin: http://example.com": false,

		"Sec-Fetch-Site: none": true, "Sec-Fetch-Site: same-origin": true,
		"Sec-Fetch-Site: cross-site": false, "Sec-Fetch-Site: same-site": false, "Sec-Fetch-Site: of-another-kind": false,
		"Sec-Fetch-Site: same-origin\r\nSec-Fetch-Site: cross-site":  false,
		"Sec-Fetch-Site: same-site\r\nOrigin: http://localhost:3000": true, "Sec-Fetch-Site: same-site\r\nOrigin: http://example.com": false,
		"Sec-Fetch-Site: cross-site\r\nOrigin: http://localhost:3000": false,
	} {
		w := wireTo(t, n)
		if !strings.HasPrefix(header, "Host: ") {
			header = "Host: localhost\r\n" + header
		}
		w.send("GET /healthz HTTP/1.1\r\n" + header + "\r\nConnection: close\r\n\r\n")
		resp, refusal := w.answer()
		if taken {
			require.Equal(t, 200, resp.StatusCode, header)
			continue
		}
		require.Equal(t, 403, resp.StatusCode, header)
		require.Equal(t, action.CodeForbidden, refusal.Code, header)
	}
}
