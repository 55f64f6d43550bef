package invoke

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

// gzipOf is size zero bytes, compressed, in members of 1 MiB each.
func gzipOf(size int) string {
	var member bytes.Buffer
	z := gzip.NewWriter(&member)
	_, _ = z.Write(make([]byte, 1<<20))
	_ = z.Close()
	return strings.Repeat(member.String(), size>>20)
}

func emptyGzip() string {
	var b bytes.Buffer
	_ = gzip.NewWriter(&b).Close()
	return strings.Repeat(b.String(), 200)
}

const ok = "HTTP/1.1 200 OK\r\n"

// hostile is one way in which a target behaves badly. slow marks those that
// only the deadline ends: they get a short one.
type hostile struct {
	name   string
	serve  func(net.Conn)
	slow   bool
	change func(*Call)
	code   action.Code
	status int
}

func hostiles() []hostile {
	request := func(then func(net.Conn)) func(net.Conn) {
		return func(c net.Conn) {
			if readRequest(c) {
				then(c)
			}
		}
	}
	head := func(text string, then func(net.Conn)) func(net.Conn) {
		return request(func(c net.Conn) {
			if _, err := io.WriteString(c, text); err == nil {
				then(c)
			}
		})
	}
	bomb, empty := gzipOf(1<<30), emptyGzip()
	return []hostile{
		{name: "never answers", serve: request(hold), slow: true, code: action.CodeTimeout},
		{name: "never reads", serve: func(c net.Conn) { drip(c, "") }, slow: true, code: action.CodeTimeout,
			change: func(c *Call) { c.Body = make([]byte, 8<<20) }},
		{name: "drips headers", serve: head(ok+"X: ", func(c net.Conn) { drip(c, "x") }), slow: true, code: action.CodeTimeout},
		{name: "drips body", serve: head(ok+"\r\n", func(c net.Conn) { drip(c, " ") }), slow: true, code: action.CodeTimeout, status: 200},
		{name: "drips body of a webhook", serve: head(ok+"\r\n", func(c net.Conn) { drip(c, " ") }), slow: true, change: webhook, status: 200},
		{name: "drips text of a webhook", serve: head(ok+"\r\n", func(c net.Conn) { drip(c, "x") }), change: webhook, status: 200},
		{name: "drips body of an error", serve: head("HTTP/1.1 500 No\r\n\r\n", func(c net.Conn) { drip(c, " ") }), code: action.CodeStatus, status: 500},
		{name: "floods body of an error", serve: head("HTTP/1.1 500 No\r\n\r\n", func(c net.Conn) { flood(c, bomb[:64<<10]) }), code: action.CodeStatus, status: 500},
		{name: "closes at the first byte", serve: func(c net.Conn) { _, _ = c.Read(make([]byte, 1)) }, code: action.CodeAnswerBroken},
		{name: "closes before the answer", serve: answering(""), code: action.CodeAnswerBroken},
		{name: "closes in the headers", serve: answering(ok + "Content-Le"), code: action.CodeAnswerBroken},
		{name: "closes in the body", serve: answering(ok + "Content-Length: 100\r\n\r\n{\"a\""), code: action.CodeAnswerBroken, status: 200},
		{name: "closes in a chunk", serve: answering(ok + "Transfer-Encoding: chunked\r\n\r\n50\r\n{"), code: action.CodeAnswerBroken, status: 200},
		{name: "closes in the body of a webhook", serve: answering(ok + "Content-Length: 100\r\n\r\n{\"a\""),
			change: webhook, status: 200},
		{name: "says too short a length", serve: answering(ok + "Connection: close\r\nContent-Length: 4\r\n\r\n{\"a\":1}"), code: action.CodeAnswerMalformed, status: 200},
		{name: "two lengths", serve: answering(ok + "Content-Length: 4\r\nContent-Length: 7\r\n\r\n{\"a\":1}"), code: action.CodeAnswerBroken},
		{name: "says a huge length", serve: head(ok+"Content-Length: 4294967296\r\n\r\n", hold), code: action.CodeAnswerTooLarge, status: 200},
		{name: "endless body", serve: head(ok+"\r\n", func(c net.Conn) { flood(c, bomb[:64<<10]) }), code: action.CodeAnswerTooLarge, status: 200},
		{name: "endless chunks", serve: head(ok+"Transfer-Encoding: chunked\r\n\r\n", func(c net.Conn) { flood(c, "400\r\n"+strings.Repeat("x", 1024)+"\r\n") }),
			code: action.CodeAnswerTooLarge, status: 200},
		{name: "endless body of a webhook", serve: head(ok+"\r\n", func(c net.Conn) { flood(c, bomb[:64<<10]) }), change: webhook, status: 200},
		{name: "gzip bomb of a webhook", serve: answering(ok + "Content-Encoding: gzip\r\n\r\n" + bomb), change: webhook, status: 200},
		{name: "gzip bomb", serve: answering(ok + "Content-Encoding: gzip\r\n\r\n" + bomb), code: action.CodeAnswerTooLarge, status: 200},
		{name: "gzip of nothing, for ever", serve: head(ok+"Content-Encoding: gzip\r\n\r\n", func(c net.Conn) { flood(c, empty) }), code: action.CodeAnswerTooLarge, status: 200},
		{name: "gzip that is none", serve: answering(ok + "Content-Encoding: gzip\r\n\r\n{\"a\":1}"), code: action.CodeAnswerBroken, status: 200},
		{name: "gzip cut short", serve: answering(ok + "Content-Encoding: gzip\r\n\r\n" + bomb[:500]), code: action.CodeAnswerBroken, status: 200},
		{name: "an encoding nobody asked for", serve: answering(ok + "Content-Encoding: br\r\n\r\n{}"), code: action.CodeAnswerBroken, status: 200},
		{name: "megabyte header", serve: answering(ok + "X: " + strings.Repeat("x", 1<<20) + "\r\n\r\n{}"), code: action.CodeHeadersTooLarge},
		{name: "many headers", serve: answering(ok + strings.Repeat("X: x\r\n", 100_000) + "\r\n{}"), code: action.CodeHeadersTooLarge},
		{name: "endless header", serve: head(ok+"X: ", func(c net.Conn) { flood(c, strings.Repeat("x", 4096)) }), code: action.CodeHeadersTooLarge},
		{name: "1xx flood", serve: request(func(c net.Conn) { flood(c, "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n") }), code: action.CodeHeadersTooLarge},
		{name: "1xx drip", serve: request(func(c net.Conn) { drip(c, "HTTP/1.1 102 Processing\r\n\r\n") }), slow: true, code: action.CodeTimeout},
		{name: "switches protocols", serve: head("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", hold), code: action.CodeStatus, status: 101},
		{name: "status 999", serve: answering("HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n"), code: action.CodeStatus, status: 999},
		{name: "status 299", serve: answering("HTTP/1.1 299 Yes\r\nContent-Length: 0\r\n\r\n"), code: "", status: 299},
		{name: "gone", serve: answering("HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"), code: action.CodeGone, status: 410},
		{name: "redirect nowhere", serve: answering("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"), code: action.CodeRedirect, status: 302},
		{name: "redirect to no URL", serve: answering("HTTP/1.1 302 Found\r\nLocation: :%zz\r\nContent-Length: 0\r\n\r\n"), code: action.CodeRedirect, status: 302},
		{name: "garbage", serve: answering(strings.Repeat("\x00\xff garbage ", 50)), code: action.CodeAnswerBroken},
		{name: "a page instead of JSON", serve: answering(ok + "Content-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>"), code: action.CodeAnswerMalformed, status: 200},
		{name: "JSON too deep", serve: answering(ok + "\r\n{\"a\":" + strings.Repeat("[", 1<<19)), code: action.CodeAnswerMalformed, status: 200},
	}
}

// Each hostile target is met on its own, so that time and memory are its own.
// With -v it prints them as a table.
func TestHostileTargets(t *testing.T) {
	var table strings.Builder
	rows := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(rows, "hostile target\tclass\tstatus\ttime\tpeak KiB\tallocated KiB")
	for _, h := range hostiles() {
		t.Run(h.name, func(t *testing.T) {
			i := newInvoker(t)
			address := rawServer(t, h.serve)
			c := callTo("http://" + address + "/secret-path?token=secret")
			c.Target.Timeout = 10 * time.Second
			bound := 1500 * time.Millisecond // far below the timeout: something else must end it
			if h.slow {
				c.Target.Timeout = 100 * time.Millisecond
			}
			if h.change != nil {
				h.change(&c)
			}
			var a Answer
			start := time.Now()
			peak, allocated := heapOf(func() { start = time.Now(); a = i.Do(t.Context(), c) })
			took := time.Since(start)

			require.Less(t, a.Duration, bound)
			// One answer limit, the buffers of a connection, and what the
			// serving side of this process takes.
			require.Less(t, peak, uint64(4<<20), "held")
			require.Less(t, allocated, uint64(6<<20), "allocated")
			require.Equal(t, h.status, a.Status)
			require.Nil(t, a.Body)
			require.True(t, a.Sent)
			require.LessOrEqual(t, a.Duration, took)
			class := "-"
			if a.Err != nil {
				class = string(a.Err.Code)
			}
			fmt.Fprintf(rows, "%s\t%s\t%d\t%v\t%d\t%d\n", h.name, class, a.Status,
				a.Duration.Round(10*time.Microsecond), peak>>10, allocated>>10)
			if h.code == "" {
				require.Nil(t, a.Err)
				return
			}
			require.NotNil(t, a.Err)
			require.Equal(t, h.code, a.Err.Code, "%v", a.Err)
			requireDiscreet(t, a.Err, address)
		})
	}
	rows.Flush()
	t.Log("\n" + table.String())
}

// requireDiscreet holds an error against the rule that nothing of the target's
// address shows in it, and nothing of its URL even in the log.
func requireDiscreet(t *testing.T, e *action.Error, address string) {
	t.Helper()
	shown, err := json.Marshal(e)
	require.NoError(t, err)
	host, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	for _, private := range []string{host, port, "secret", "http"} {
		require.NotContains(t, string(shown), private)
	}
	require.NotContains(t, e.Error(), "secret")
	require.Equal(t, "hook", e.Target)
}
