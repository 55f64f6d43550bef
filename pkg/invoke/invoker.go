package invoke

import (
	"context"
	"crypto/x509"
	"net"
	"net/netip"
	"time"

	"github.com/rs/zerolog"

	"github.com/callout-hq/callout/pkg/action"
)

// Options say how an Invoker reaches targets. The zero value is the strict
// one: public addresses only, the system's certificate authorities.
type Options struct {
	Log        zerolog.Logger // debug lines about connection pools; never a URL
	AllowLocal bool           // loopback and private ranges may be dialled too (development)
	Allow      []netip.Prefix // addresses of the installation that every target may be at
	// AllowEgress is what a target may ask for by its own Egress; what of that lies
	// outside does not count. None = nothing.
	AllowEgress []netip.Prefix
	// Installation is what is believed of all targets, and shown to them; nil = the
	// system's authorities, and no certificate.
	Installation *Installation
	// Proxy is asked to connect to targets in our place; nil = they are dialled from here.
	// It resolves their names, so of a name the guard sees no address then, see proxy.go.
	Proxy *Proxy
	Now   func() time.Time // clock of signatures and of Retry-After dates; nil = time.Now
}

// Invoker holds one connection pool and the limits of each target. It is safe for concurrent
// use.
type Invoker struct {
	options Options
	clients *clients

	// Replaced by tests: how names are resolved, and what is put around a
	// fresh connection.
	resolver *net.Resolver
	wrap     func(net.Conn) net.Conn
}

// New makes an Invoker. Close it when done.
func New(o Options) *Invoker {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Installation == nil {
		o.Installation = NewInstallation(Installed{})
	}
	if o.Installation.installed().Roots == nil {
		// The system's are read once, and not again if that fails: better now
		// than when there is no descriptor left. That they cannot be read is
		// said by the exchanges that need them.
		_, _ = x509.SystemCertPool()
	}
	return &Invoker{options: o, clients: newClients(maxClients)}
}

// Close closes all idle connections and lets no new exchange begin; a later Do
// answers with code internal. Exchanges under way run to their own end. It may
// be called twice.
func (i *Invoker) Close() { i.clients.close() }

// Do posts the body to the target and classifies what comes back. First it
// waits for the target's concurrency and rate limits, at most Call.Wait, which
// is the target's timeout unless set; the timeout itself runs from when the
// exchange begins. It never goes on beyond ctx's deadline. The limits are this
// Invoker's, hence for each worker.
//
// The codes of Answer.Err are timeout, dns, connect, tls, blocked_address,
// redirect, status, gone, answer_too_large, headers_too_large, answer_broken,
// answer_malformed, cancelled (ctx was cancelled, rather than over), rejected
// (a 2xx answer that says no, or a 4xx that says why, see Call.Heard); busy, rate_limited and breaker_open, see
// Answer.Uncharged; our_fault, when this machine had no descriptor, port or
// memory left, or no certificate authorities; and, for a Call that cannot be
// sent as it is, bad_field or internal.
//
// The request is processed once at most, as far as anybody can know: within the
// deadline it is sent again on a fresh connection when not a byte of it could be
// written, when an HTTP/2 server says that it did not process it (REFUSED_STREAM,
// GOAWAY), or when the kept connection that it was given ended within a second
// and before any byte of an answer. A fresh connection that breaks, or an answer
// that began, is never repeated.
//
// Beside the bodies, an exchange under way holds less than 128 KiB. The body of
// the Call is not copied; the answer's costs once its size, and once more, for
// as long as it is read, when the target does not say its size beforehand or
// compresses it. So an answer of 1 MiB costs at most 2.125 MiB, and what is over
// the target's answer limit at most the limit and 128 KiB.
func (i *Invoker) Do(ctx context.Context, c Call) Answer {
	start := time.Now()
	a := i.do(ctx, c)
	a.Duration, a.secrets = time.Since(start), c.Headers
	if a.Err != nil {
		a.hide(c.Target)
		a.Err = a.Err.WithTarget(c.Target.Name)
	}
	return a
}

func (i *Invoker) do(caller context.Context, c Call) Answer {
	if err := caller.Err(); err != nil {
		return Answer{Err: classify(caller, caller, nil, err)}
	}
	v, err := i.enter(c.Instance, c.Owner, i.definition(&c))
	if err != nil {
		return Answer{Err: err}
	}
	defer i.clients.leave(v)
	wait := c.Wait
	if wait <= 0 {
		wait = timeoutOf(c.Target)
	}
	p, a, refused := c.Shares.admit(caller, party{c.Instance, c.Owner, c.Target.Name}, v.limits, wait)
	if refused {
		return a
	}
	defer func() { p.end(caller, a) }()
	a = i.exchange(caller, v.client, c)
	return a
}

// exchange has one HTTP exchange.
func (i *Invoker) exchange(caller context.Context, cl *client, c Call) Answer {
	ctx, cancel := context.WithTimeout(caller, timeoutOf(c.Target))
	defer cancel()
	ex := &exchange{}
	defer ex.end()
	if refused := i.prepare(ctx, ex, cl, c); refused != nil {
		return Answer{Err: refused}
	}
	resp, err := cl.http.Do(&ex.request)
	if err != nil {
		if resp != nil {
			resp.Body.Close()
		}
		return Answer{Sent: ex.reached(), Err: classify(caller, ctx, ex, err)}
	}
	defer resp.Body.Close()
	ex.heed(resp, cl.idle)
	a := Answer{Status: resp.StatusCode, Sent: true, secrets: c.Headers, hidden: c.hidden()}
	if when := resp.Header.Get("Retry-After"); when != "" {
		a.RetryAfter = retryAfter(when, i.options.Now())
	}
	if !isSuccess(resp.StatusCode) || !c.ReadBody {
		a.answered(resp, c, cancel)
		return a
	}
	a.Header, a.ContentType = resp.Header, mediaType(resp.Header.Get("Content-Type"))
	body, err := readBody(resp, c.Target.AnswerLimit(), false)
	if err != nil {
		a.Err = classify(caller, ctx, nil, err)
		if len(body) == 0 { // its length alone was too much
			body = beginning(resp, cancel, nil)
		}
	} else {
		a.Body, a.Err = settle(body, a.ContentType)
	}
	a.failing(resp, body, c.Target)
	return a
}

// timeoutOf is the target's timeout, within its bounds whatever it says.
func timeoutOf(t *action.Target) time.Duration {
	if t.Timeout > 0 {
		return min(t.Timeout, action.MaxTimeout)
	}
	return action.DefaultTimeout
}
