package dispatch

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"testing"
	"unicode/utf8"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/embed"
	"github.com/callout-hq/callout/pkg/wire"
)

// FuzzReadEvents reads the body of a request that publishes: it is refused with
// where it is wrong, or every event of it can be stored.
func FuzzReadEvents(f *testing.F) {
	for _, raw := range []string{``, `{}`, `[]`, `{"aggregateID":"a","event_type":"t"}`, ` [ {"aggregateID":"a","event_type":"t","id":"x"} ,{"aggregateID":"b","event_type":"u.v"}]`,
		`[[]]`, `[{"aggregateID":"a","event_type":"t"},7]`, `[{"aggregateID":"a","event_type":"t","instanceID":"other"}]`, `{"AggregateID":"a","event_type":"t"}`, "[{\"aggregateID\":\"\xff\",\"event_type\":\"t\"}]"} {
		f.Add([]byte(raw))
	}
	s, err := embed.Start(embed.Options{Listen: "127.0.0.1:0", Log: zerolog.Nop()})
	require.NoError(f, err)
	f.Cleanup(s.Close)
	b, err := bus.Connect(f.Context(), bus.Options{URL: s.URL(), InProcess: s, MaxObject: 1 << 10, MemoryStore: true, Log: zerolog.Nop()})
	require.NoError(f, err)
	f.Cleanup(b.Close)
	i := &Instance{ID: "default", bus: b.Instance("default")}
	f.Fuzz(func(t *testing.T, raw []byte) {
		events, err := i.readEvents(raw, "")
		if err != nil {
			refusal := action.AsError(err, action.StageDecode)
			require.NotEqual(t, action.CodeInternal, refusal.Code)
			require.NoError(t, wire.CheckJSON(wire.EncodeError(refusal)))
			return
		}
		for _, e := range events {
			_, err := wire.EventSubject(i.ID, e.Org, e.AggregateID, e.Type)
			require.NoError(t, err)
			require.NotEmpty(t, e.ID)
			require.NoError(t, wire.CheckJSON(e.Body))
		}
	})
}

// FuzzIsLocal: only names and addresses of this machine are local.
func FuzzIsLocal(f *testing.F) {
	for _, host := range []string{"localhost", "localhost:80", "[::1]", "[::1", "::1]", "127.0.0.1:", "[localhost]", "127.1", "[::ffff:127.0.0.1]:1", "localhost.", "[::1%25lo]", "0", "127.0.0.1@evil"} {
		f.Add(host)
	}
	f.Fuzz(func(t *testing.T, hostport string) {
		if !isLocal(hostport) {
			return
		}
		require.True(t, utf8.ValidString(hostport))
		host := hostport
		if h, _, err := net.SplitHostPort(hostport); err == nil {
			host = h
		} else if len(host) > 1 && host[0] == '[' {
			host = host[1 : len(host)-1]
		}
		ip := net.ParseIP(host)
		require.True(t, len(host) == len("localhost") && ip == nil || ip.IsLoopback(), hostport)
	})
}

// read is a connection on which bytes come in pieces.
type read struct {
	net.Conn
	from  *bytes.Reader
	piece int
}

func (r *read) Read(p []byte) (int, error) { return r.from.Read(p[:min(len(p), r.piece)]) }

// FuzzFraming: each request that the server of net/http would take, and that has
// two ends, is known for one, whatever comes before it and in whatever pieces.
func FuzzFraming(f *testing.F) {
	const chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
	const both = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
	const get, post = "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "POST / HTTP/1.1\nHost: a\ncontent-length : 3\n\nabc"
	for n, text := range []string{get, both, get + both, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" + both, post + both, chunked + both, "\r\n\r\n" + both,
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n 3\r\n\r\nabc" + both, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc" + both, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + both} {
		f.Add([]byte(text), uint16(n*7))
	}
	f.Fuzz(func(t *testing.T, raw []byte, piece uint16) {
		c := &framedConn{Conn: &read{from: bytes.NewReader(raw), piece: int(piece)%512 + 1}}
		at := &counted{from: c}
		in := bufio.NewReader(at)
		for {
			begins := at.n - in.Buffered()
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			head := raw[begins : at.n-in.Buffered()]
			twice := c.next()
			if !twice && len(r.TransferEncoding) > 0 {
				require.False(t, hasLength(head), "%q", head)
			}
			if twice || len(r.TransferEncoding) > 0 || r.Method == "PRI" {
				return // with it the connection ends
			}
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				return
			}
		}
	})
}

// counted counts what is read.
type counted struct {
	from io.Reader
	n    int
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.n += n
	return n, err
}

// hasLength reads a head as net/http does.
func hasLength(head []byte) bool {
	in := textproto.NewReader(bufio.NewReader(bytes.NewReader(bytes.TrimLeft(head, "\r\n"))))
	if _, err := in.ReadLine(); err != nil {
		return false
	}
	header, _ := in.ReadMIMEHeader()
	return len(header["Content-Length"]) > 0
}
