package conformance

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 4 << 20

// longest bounds an exchange. The cases that wait for a target's own bound of 10 seconds have
// room in it.
const longest = 30 * time.Second

// answered is what came of a request. A connection that ended without an answer has err.
type answered struct {
	status int
	header http.Header
	body   []byte
	took   time.Duration
	err    error
}

// exchange sends a request over a connection of its own, byte for byte as the case has it:
// an ordinary client would mend what the case is about.
func (s *signing) exchange(ctx context.Context, base string, r *Request, id string) answered {
	headers, body, err := s.compose(r, id, time.Now())
	if err != nil {
		return answered{err: err}
	}
	at, err := url.Parse(base)
	if err != nil {
		return answered{err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	conn, err := dial(ctx, at)
	if err != nil {
		return answered{err: err}
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	begun := time.Now()
	// Who refuses a request may answer before it has read all of it, so both go on at once.
	go func() { _, _ = conn.Write(r.wire(at, headers, body)) }()
	method := r.method()
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return answered{err: fmt.Errorf("there was no answer: %w", err), took: time.Since(begun)}
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return answered{status: resp.StatusCode, header: resp.Header, body: raw, took: time.Since(begun), err: err}
}

func dial(ctx context.Context, at *url.URL) (net.Conn, error) {
	host, port := at.Hostname(), at.Port()
	if at.Scheme == "https" {
		if port == "" {
			port = "443"
		}
		return (&tls.Dialer{Config: &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}}).DialContext(ctx, "tcp", net.JoinHostPort(host, port))
	}
	if port == "" {
		port = "80"
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(host, port))
}

func (r *Request) method() string {
	if r.Method == "" {
		return http.MethodPost
	}
	return r.Method
}

// wire is a request as it goes over the connection.
func (r *Request) wire(at *url.URL, headers [][2]string, body []byte) []byte {
	var b bytes.Buffer
	path := strings.TrimSuffix(at.EscapedPath(), "/") + r.Path
	if path == "" {
		path = "/"
	}
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nUser-Agent: callout\r\n", r.method(), path, at.Host)
	if r.Type == nil {
		headers = append(headers, [2]string{"Content-Type", "application/json"})
	} else if *r.Type != "" {
		headers = append(headers, [2]string{"Content-Type", *r.Type})
	}
	if r.Large > 0 {
		headers = append(headers, [2]string{"x-large", strings.Repeat("x", r.Large)})
	}
	for _, h := range headers {
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
	}
	switch r.Framing {
	case "chunked":
		b.WriteString("Transfer-Encoding: chunked\r\n\r\n")
		for part := range chunks(body) {
			fmt.Fprintf(&b, "%x\r\n%s\r\n", len(part), part)
		}
		b.WriteString("0\r\n\r\n")
		return b.Bytes()
	case "unsent":
		fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n", len(body))
		return b.Bytes()
	case "half":
		fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body[:len(body)/2])
		return b.Bytes()
	}
	if r.method() == http.MethodPost || len(body) > 0 {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}

func chunks(body []byte) func(func([]byte) bool) {
	const size = 16 << 10
	return func(yield func([]byte) bool) {
		for len(body) > 0 {
			n := min(size, len(body))
			if !yield(body[:n]) {
				return
			}
			body = body[n:]
		}
	}
}
