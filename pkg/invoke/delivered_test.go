package invoke

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

// A 2xx of a webhook or an event is delivered, whatever its body is.
func TestADeliveryIsItsStatus(t *testing.T) {
	whole := func(head, body string) string { return ok + head + "\r\n" + body }
	const no = `{"forwardedStatusCode":403,"forwardedErrorMessage":"no"}`
	for name, text := range map[string]string{
		"2 MiB of HTML":                  whole("Content-Type: text/html\r\nContent-Length: 2097152\r\n", strings.Repeat("<p>", 2<<20)[:2<<20]),
		"2 MiB of HTML, unknown length":  whole("Content-Type: text/html\r\n", strings.Repeat("<p>", 2<<20)[:2<<20]),
		"2 MiB of JSON":                  whole("", `{"a":"`+strings.Repeat("x", 2<<20)+`"}`),
		"a no in 2 MiB":                  whole("", no[:len(no)-1]+`,"a":"`+strings.Repeat("x", 2<<20)+`"}`),
		"a no cut short":                 whole("Content-Length: 200\r\n", no[:30]),
		"a no cut short, unknown length": whole("Transfer-Encoding: chunked\r\n", "ff\r\n"+no[:30]),
		"a no that is malformed":         whole("", no+"}"),
		"a no of another type":           whole("", `{"forwardedStatusCode":"403"}`),
		"a no in a broken gzip":          whole("Content-Encoding: gzip\r\n", no),
		"an encoding nobody asked for":   whole("Content-Encoding: br\r\n", no),
		"a length that is too long":      whole("Content-Length: 100\r\n", "{}"),
		"a huge length":                  whole("Content-Length: 9223372036854775807\r\n", "{}"),
		"cut behind the status":          whole("Content-Length: 5\r\n", ""),
		"a broken chunk":                 whole("Transfer-Encoding: chunked\r\n", "zz\r\n{}"),
		"too deep":                       whole("", strings.Repeat(`{"a":`, 300)),
		"an empty answer":                whole("Content-Length: 0\r\n", ""),
	} {
		t.Run(name, func(t *testing.T) {
			a := newInvoker(t).Do(t.Context(), callTo("http://"+rawServer(t, answering(text)), webhook))
			require.Nil(t, a.Err, "%v", a.Err)
			require.Equal(t, 200, a.Status)
			require.Less(t, a.Duration, 2*time.Second)
		})
	}
	for name, text := range map[string]string{
		"plain":                    whole("", no),
		"as HTML":                  whole("Content-Type: text/html\r\n", no),
		"behind a byte order mark": whole("", "\xef\xbb\xbf"+no),
		"behind much white space":  whole("", strings.Repeat(" ", 100_000)+no),
	} {
		t.Run("a no "+name, func(t *testing.T) {
			a := newInvoker(t).Do(t.Context(), callTo("http://"+rawServer(t, answering(text)), webhook))
			require.Equal(t, action.CodeRejected, action.CodeOf(a.Err))
			require.Equal(t, []any{403, "no"}, []any{a.Err.Status, a.Err.Message})
		})
	}
}

// A body that does not come is waited for no longer than the deadline, and one
// that no longer matters hardly at all.
func TestASlowBodyIsNoFailure(t *testing.T) {
	for name, c := range map[string]struct {
		body    string
		timeout time.Duration
		most    time.Duration
	}{
		"nothing":       {"", 100 * time.Millisecond, 3 * time.Second},
		"half a no":     {`{"forwardedStatusCode":403,`, 100 * time.Millisecond, 3 * time.Second},
		"half a page":   {"<html>", 20 * time.Second, 5 * time.Second},
		"half a number": {"12", 20 * time.Second, 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			address := rawServer(t, func(conn net.Conn) {
				if readRequest(conn) {
					_, _ = io.WriteString(conn, ok+"Content-Length: 100000\r\n\r\n"+c.body)
					hold(conn)
				}
			})
			a := newInvoker(t).Do(t.Context(), callTo("http://"+address, webhook, within(c.timeout)))
			require.Nil(t, a.Err, "%v", a.Err)
			require.Equal(t, 200, a.Status)
			require.Less(t, a.Duration, c.most)
		})
	}
}

// A 4xx that says why is a rejection with its status, if a caller is there to
// hear it; of any other failure nothing is handed on.
func TestARefusalThatSaysWhy(t *testing.T) {
	heard := func(c *Call) { c.Heard = true }
	const said = `{"forwardedErrorMessage":"not\nyou","forwardedStatusCode":418}`
	const problem = `{"type":"about:blank","detail":"no credit","status":499}`
	for _, c := range []struct {
		name, status, kind, body string
		change                   func(*Call)
		code                     action.Code
		shown                    int
		message                  string
	}{
		{name: "message", status: "403 No", body: said, change: heard, code: action.CodeRejected, shown: 403, message: "not you"},
		{name: "message of any type", status: "499 No", kind: "text/html", body: "\xef\xbb\xbf" + said, change: heard, code: action.CodeRejected, shown: 499, message: "not you"},
		{name: "problem", status: "402 No", kind: "application/problem+json; charset=utf-8", body: problem, change: heard, code: action.CodeRejected, shown: 402, message: "no credit"},
		{name: "gone for good", status: "410 No", body: said, change: heard, code: action.CodeRejected, shown: 410, message: "not you"},
		{name: "problem of another type", status: "402 No", kind: "application/json", body: problem, change: heard, code: action.CodeStatus, shown: 502},
		{name: "a status alone", status: "403 No", body: `{"forwardedStatusCode":403}`, change: heard, code: action.CodeStatus, shown: 502},
		{name: "no text", status: "403 No", body: `{"forwardedErrorMessage":{}}`, change: heard, code: action.CodeStatus, shown: 502},
		{name: "an empty text", status: "403 No", body: `{"forwardedErrorMessage":" \n"}`, change: heard, code: action.CodeStatus, shown: 502},
		{name: "no JSON", status: "403 No", body: said + "}", change: heard, code: action.CodeStatus, shown: 502},
		{name: "a page", status: "404 No", body: "<p>not here", change: heard, code: action.CodeStatus, shown: 502},
		{name: "5xx", status: "503 No", body: said, change: heard, code: action.CodeStatus, shown: 502},
		{name: "an event", status: "403 No", body: said, change: func(*Call) {}, code: action.CodeStatus, shown: 502},
		{name: "an event, gone", status: "410 No", body: said, change: func(*Call) {}, code: action.CodeGone, shown: 502},
	} {
		t.Run(c.name, func(t *testing.T) {
			head := "HTTP/1.1 " + c.status + "\r\n"
			if c.kind != "" {
				head += "Content-Type: " + c.kind + "\r\n"
			}
			address := rawServer(t, answering(head+"\r\n"+c.body))
			for _, wanted := range []bool{true, false} {
				call := callTo("http://"+address, c.change, func(call *Call) { call.ReadBody = wanted })
				for _, a := range []Answer{newInvoker(t).Do(t.Context(), call), newInvoker(t).Try(t.Context(), call).Answer} {
					require.Equal(t, c.code, action.CodeOf(a.Err), "%v", a.Err)
					require.Equal(t, c.shown, a.Err.Status)
					require.Nil(t, a.Body)
					if c.message == "" {
						c.message = c.code.Message()
					}
					require.Equal(t, c.message, a.Err.Message)
				}
			}
		})
	}
}

// What a call answers is read under any content type, and none.
func TestACallReadsAnyContentType(t *testing.T) {
	for _, kind := range []string{"", "Content-Type: text/html\r\n", "Content-Type: application/octet-stream\r\n", "Content-Type: ;;\r\n"} {
		a := newInvoker(t).Do(t.Context(), callTo("http://"+rawServer(t, answering(ok+kind+"\r\n\xef\xbb\xbf{\"a\":1}"))))
		require.Nil(t, a.Err, kind)
		require.Equal(t, `{"a":1}`, string(a.Body))
	}
}
