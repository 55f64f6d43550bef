package invoke

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/sign"
)

const (
	// idleConns is how many connections are kept for a target that has no
	// concurrency limit.
	idleConns = 256

	// streamBuffer bounds what an HTTP/2 target may send ahead of our reading,
	// in bytes for each request.
	streamBuffer = 256 << 10
)

// client is the connection pool of one target, with the part of the target's
// definition that it was made from.
type client struct {
	url         string
	timeout     time.Duration
	concurrency int
	noKeepAlive bool
	egress      []netip.Prefix
	idle        time.Duration
	tls         action.TLS
	own         bool
	identity    *Identity
	installed   *Installed

	parsed    *url.URL
	http      *retryablehttp.Client
	transport *http.Transport
	signer    atomic.Pointer[sign.Signer] // of the keys last used
}

func (c *client) fits(t definition) bool {
	return c.url == t.URL && c.timeout == timeoutOf(t.Target) &&
		c.concurrency == t.Concurrency && c.noKeepAlive == t.NoKeepAlive && slices.Equal(c.egress, t.Egress) &&
		c.idle == t.IdleFor() && c.tls == t.TLS && c.own == t.own && c.identity.is(t.identity) && c.installed == t.installed
}

// newClient makes the client of a target.
func (i *Invoker) newClient(t definition) (*client, *action.Error) {
	parsed, err := url.Parse(t.URL)
	if err != nil || parsed.Host == "" || parsed.User != nil || (parsed.Scheme != "http" && parsed.Scheme != "https") {
		return nil, action.NewError(action.CodeBadField, action.StageInvoke,
			"a target's URL is an absolute http or https URL without a user").WithField("url")
	}
	config, refused := i.tlsConfig(t)
	if refused != nil {
		return nil, refused
	}
	c := &client{
		url: t.URL, timeout: timeoutOf(t.Target), concurrency: t.Concurrency, noKeepAlive: t.NoKeepAlive, egress: slices.Clone(t.Egress),
		idle: t.IdleFor(), tls: t.TLS, own: t.own, identity: t.identity, installed: t.installed, parsed: parsed,
		transport: i.newTransport(t.Target, config),
	}
	c.http = &retryablehttp.Client{
		HTTPClient: &http.Client{
			Transport: sealed{c},
			CheckRedirect: func(*http.Request, []*http.Request) error {
				return http.ErrUseLastResponse
			},
		},
		Logger:       nil, // its lines hold URLs
		RetryMax:     maxRepeats,
		CheckRetry:   unprocessed,
		Backoff:      pause,
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
	return c, nil
}

// apart is a transport like the target's for one request, which gets a
// connection of its own. It may be used after the target's is closed.
func (c *client) apart() *http.Transport {
	t := c.transport.Clone()
	t.DisableKeepAlives = true
	return t
}

// signerOf gives a signer for keys, which seldom change.
func (c *client) signerOf(keys []string) *sign.Signer {
	if have := c.signer.Load(); have != nil && have.Has(keys) {
		return have
	}
	made := sign.NewSigner(keys)
	c.signer.Store(made)
	return made
}

func (i *Invoker) newTransport(t *action.Target, config *tls.Config) *http.Transport {
	idle := t.Concurrency
	if idle <= 0 {
		idle = idleConns
	}
	return &http.Transport{
		Proxy:                  nil, // that of the environment would dial in our stead, past the guard
		DialContext:            i.dialer(t),
		TLSClientConfig:        config,
		TLSHandshakeTimeout:    timeoutOf(t),
		DisableCompression:     true, // gzip is undone here, under a bound
		DisableKeepAlives:      t.NoKeepAlive,
		MaxIdleConnsPerHost:    idle,
		IdleConnTimeout:        t.IdleFor(),
		MaxResponseHeaderBytes: action.MaxHeaderBytes,
		ForceAttemptHTTP2:      true,
		HTTP2: &http.HTTP2Config{
			MaxReceiveBufferPerStream: streamBuffer,
			// One connection carries many requests: a dead one must be noticed
			// before all of them have waited for their timeouts.
			SendPingTimeout: 5 * time.Second,
			PingTimeout:     5 * time.Second,
		},
	}
}

// dialer dials under the guard. A dial may outlive its request, since the next
// one can use the connection; so it has a bound of its own, the target's
// timeout.
func (i *Invoker) dialer(t *action.Target) func(context.Context, string, string) (net.Conn, error) {
	guard := NewTargetGuard(i.options, t.Egress)
	d := &net.Dialer{Timeout: timeoutOf(t), Control: guard.control, Resolver: i.resolver}
	dial := d.DialContext
	if i.options.Proxy != nil {
		dial = i.options.Proxy.dialer(guard, timeoutOf(t))
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		if i.wrap != nil {
			conn = i.wrap(conn)
		}
		return &countedConn{Conn: conn}, nil
	}
}

// sealed stands between the clients and the transport. It hides
// CloseIdleConnections, which go-retryablehttp calls after every failure: one
// bad answer would cost the target its whole pool. It takes away the Location
// of a redirect, since net/http fails on one that does not parse, though nobody
// follows it. And it puts the headers on: http.Client never has them, so it
// needs no copy for a redirect and could not carry a signature along one.
type sealed struct{ client *client }

func (s sealed) RoundTrip(req *http.Request) (*http.Response, error) {
	next := s.client.transport
	if ex, ok := req.Context().Value(exchangeKey{}).(*exchange); ok {
		next = ex.try(s.client)
		req.Header = ex.header
	}
	resp, err := next.RoundTrip(req)
	if err == nil {
		resp.Header.Del("Location")
	}
	return resp, err
}
