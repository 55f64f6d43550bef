package invoke

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/callout-hq/callout/pkg/action"
)

// Proxy is an HTTP proxy that connects to targets by CONNECT (RFC 9110, 9.3.6), to those
// with an http URL too: what it forwards it neither reads nor repeats. Where it is dialled
// the operator has said, so no guard looks at that. It resolves the names of targets, and
// what they may lead to is its to hold; a URL that has an address in it, or a name that
// means this or any machine itself, is looked at here all the same.
type Proxy struct {
	address string // host:port
	secure  *tls.Config
	basic   string // of Proxy-Authorization; "" = none
}

// ReadProxy reads http://HOST[:PORT], or https; login is USER:PASSWORD, "" = it asks for
// none. The error repeats nothing of either.
func ReadProxy(text, login string) (*Proxy, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("a proxy is given as http://HOST:PORT or https://HOST:PORT, without user and password")
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	p := &Proxy{address: net.JoinHostPort(u.Hostname(), port)}
	if u.Scheme == "https" {
		p.secure = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: u.Hostname()}
	}
	if login != "" {
		p.basic = "Basic " + base64.StdEncoding.EncodeToString([]byte(login))
	}
	return p, nil
}

// dialer connects to targets through the proxy, as far as the guard lets them be named.
func (p *Proxy) dialer(guard *Guard, timeout time.Duration) func(context.Context, string, string) (net.Conn, error) {
	d := &net.Dialer{Timeout: timeout}
	return func(ctx context.Context, _, address string) (net.Conn, error) {
		if err := guard.checkNamed(address); err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		conn, err := d.DialContext(ctx, "tcp", p.address)
		if err != nil {
			return nil, noProxy(err)
		}
		stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
		through, err := p.connect(ctx, conn, address)
		if !stop() && err == nil {
			err = ctx.Err()
		}
		if err != nil {
			_ = conn.Close()
			if ctx.Err() != nil {
				err = ctx.Err()
			}
			return nil, noProxy(err)
		}
		return through, nil
	}
}

// connect has the proxy connect to an address.
func (p *Proxy) connect(ctx context.Context, conn net.Conn, address string) (net.Conn, error) {
	if p.secure != nil {
		secure := tls.Client(conn, p.secure)
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		conn = secure
	}
	text := "CONNECT " + address + " HTTP/1.1\r\nHost: " + address + "\r\n"
	if p.basic != "" {
		text += "Proxy-Authorization: " + p.basic + "\r\n"
	}
	if _, err := io.WriteString(conn, text+"\r\n"); err != nil {
		return nil, err
	}
	answer := bufio.NewReader(io.LimitReader(conn, action.MaxHeaderBytes))
	resp, err := http.ReadResponse(answer, &http.Request{Method: http.MethodConnect}) //nolint:bodyclose // what follows is the target's, or the connection is closed
	switch {
	case err != nil:
		return nil, err
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("it answers CONNECT with status %d", resp.StatusCode)
	case answer.Buffered() > 0: // a target speaks when it is spoken to
		return nil, errors.New("it sends more than the answer to CONNECT")
	}
	return conn, nil
}

// noProxy is the error of a proxy that does not connect: a dial that failed, whatever it
// was, and no fault of the target's name or certificate. The operator alone reads what it
// says.
func noProxy(err error) error {
	var late net.Error
	if errors.As(err, &late) && late.Timeout() {
		return &net.OpError{Op: "dial", Net: "tcp", Err: lateProxy{}}
	}
	if !isFault(err) {
		err = errors.New(err.Error())
	}
	return &net.OpError{Op: "dial", Net: "tcp", Err: fmt.Errorf("the proxy to the targets: %w", err)}
}

// lateProxy is a timeout, as net/http asks for one.
type lateProxy struct{}

func (lateProxy) Error() string { return "the proxy to the targets: it took too long" }
func (lateProxy) Timeout() bool { return true }

// nameBytes are those of a name that is resolved: net/http has made ASCII of any other.
const nameBytes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."

// checkNamed holds the guard against what stands in a URL, host and port, where somebody
// else resolves it: an address, a name of one's own machine, and a number, which resolvers
// take for an address in many spellings.
func (g *Guard) checkNamed(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return blocked(err)
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		if ip.Zone() != "" {
			return blocked(errors.New("the address has a zone, which is a network of this machine and none of the proxy's"))
		}
		network := "tcp6"
		if ip.Unmap().Is4() {
			network = "tcp4"
		}
		return g.Check(network, net.JoinHostPort(ip.Unmap().String(), port))
	}
	if strings.ContainsFunc(host, func(c rune) bool { return !strings.ContainsRune(nameBytes, c) }) {
		return blocked(errors.New("the host is no name: what a proxy takes for one, or for an end of it, may be an address"))
	}
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	last := name[strings.LastIndexByte(name, '.')+1:]
	switch {
	case last == "" || strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x"):
		return blocked(errors.New("the host is a number, which is an address in another spelling"))
	case last == "localhost" || last == "localdomain" || name == "ip6-localhost" || name == "ip6-loopback":
		return g.Check("tcp4", net.JoinHostPort("127.0.0.1", port))
	}
	return nil
}
