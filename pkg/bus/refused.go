package bus

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/callout-hq/callout/pkg/action"
)

// Refused is the error of a server that answers and does not let this process in.
// URL is shown as action.ShownURL does.
type Refused struct {
	URL string
	Fix string // what is to be looked at
	TLS bool   // it failed before anybody said who he is
	Err error
}

func (r *Refused) Error() string {
	what := "refuses this login"
	if r.TLS {
		what = "cannot be spoken to over TLS"
	}
	return fmt.Sprintf("the NATS server at %s %s: %s; %s", r.URL, what, action.ShownText(strings.TrimPrefix(r.Err.Error(), "nats: ")), r.Fix)
}

// Unwrap gives the cause.
func (r *Refused) Unwrap() error { return r.Err }

// refused tells why a server does not let a process in; nil = it has not said so.
func refused(o Options, err error) error {
	url := "this process"
	if o.URL != "" {
		url = action.ShownURL(o.URL)
	}
	var bad *BadLogin
	if errors.As(err, &bad) {
		return bad
	}
	if isLogin(err) {
		return &Refused{URL: url, Fix: o.Login.fix(), Err: err}
	}
	if fix := o.Login.tlsFix(err); fix != "" {
		return &Refused{URL: url, Fix: fix, TLS: true, Err: err}
	}
	return nil
}

// isLogin tells whether an error says that the server does not know a user, or not
// any more.
func isLogin(err error) bool {
	if err == nil {
		return false
	}
	for _, of := range []error{nats.ErrAuthorization, nats.ErrAuthExpired, nats.ErrAuthRevoked, nats.ErrAccountAuthExpired, nats.ErrNkeysNotSupported} {
		if errors.Is(err, of) {
			return true
		}
	}
	text := strings.ToLower(strings.TrimPrefix(err.Error(), "nats: ")) // as the server says it when a connection begins
	for _, begins := range []string{nats.AUTHORIZATION_ERR, nats.AUTHENTICATION_EXPIRED_ERR, nats.AUTHENTICATION_REVOKED_ERR, nats.ACCOUNT_AUTHENTICATION_EXPIRED_ERR} {
		if strings.HasPrefix(text, begins) {
			return true
		}
	}
	return false
}

func (l Login) fix() string {
	switch {
	case l.Creds != "":
		return "check " + FlagCreds + " " + l.Creds
	case l.NKey != "":
		return "check " + FlagNKey + " " + l.NKey + ", and whether the server knows its public key"
	case l.Cert != "":
		return "check " + FlagCert + " " + l.Cert + ", or give " + FlagCreds + " or " + FlagNKey
	}
	return "give " + FlagCreds + " or " + FlagNKey + ", or a user and a password in --nats"
}

// tlsFix tells what helps where TLS is what failed; "" = it is not.
func (l Login) tlsFix(err error) string {
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var remote *net.OpError
	switch {
	case errors.As(err, &authority):
		return "give the certificate of who signed the server's with " + FlagCA
	case errors.As(err, &host):
		return "give a --nats URL with a name that stands in the server's certificate"
	case errors.Is(err, nats.ErrSecureConnWanted):
		return "it offers none: leave " + strings.Join([]string{FlagCA, FlagCert, FlagTLSFirst, "tls:// in --nats"}, ", ") + " out, or have the server speak TLS"
	case errors.As(err, &remote) && remote.Op == "remote error": // so says crypto/tls
		return "the server refuses this process' certificate, or that there is none: check " + FlagCert + " and " + FlagKey
	case !errors.Is(err, nats.ErrTLS):
		return ""
	case l.TLSFirst:
		return "leave " + FlagTLSFirst + " out unless the server's TLS has handshake_first, and check " + FlagCA
	}
	return "check " + FlagCA + ", " + FlagCert + " and " + FlagKey
}

// silent tells whether a server took the connection and said nothing, which one
// does that waits for TLS.
func silent(err error) bool {
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" {
		return false
	}
	return errors.Is(err, io.EOF) || errors.Is(err, os.ErrDeadlineExceeded)
}

// How soon a server is tried again that was away, and one that has refused this
// process; how often it is said that it does, or refuses something else.
const (
	reconnectSoon   = 100 * time.Millisecond
	reconnectLater  = time.Second
	refusedSayEvery = 30 * time.Second
	refusedKinds    = 64
)

// again is how long is waited before all servers are tried once more. One that does
// not let this process in is asked more seldom, and it is said why: credentials may
// be replaced at any time, so nobody gives up.
func (b *Bus) again(int) time.Duration {
	if nc := b.dialled.Load(); nc != nil {
		if err := refused(b.opts, nc.LastError()); err != nil {
			b.sayRefused(err)
			return reconnectLater + rand.N(reconnectLater/2)
		}
	}
	return reconnectSoon + rand.N(reconnectSoon/2)
}

// refusals is what was said of refusals, and when.
type refusals struct {
	mu   sync.Mutex
	said map[string]time.Time // by the text
}

// isNews tells whether something is to be said that was not said lately.
func (r *refusals) isNews(text string) bool {
	text = strings.ToLower(text) // the server and the client spell the same differently
	r.mu.Lock()
	defer r.mu.Unlock()
	if at, ok := r.said[text]; ok && time.Since(at) < refusedSayEvery {
		return false
	}
	if r.said == nil || len(r.said) >= refusedKinds {
		r.said = map[string]time.Time{}
	}
	r.said[text] = time.Now()
	return true
}

func (b *Bus) sayRefused(err error) {
	if b.refusals.isNews(err.Error()) {
		b.log.Error().Msg(err.Error() + "; it is tried again")
	}
}

// reported hears of what NATS has to say beside answers. What is refused over and
// over is said every half minute.
func (b *Bus) reported(_ *nats.Conn, _ *nats.Subscription, err error) {
	switch why := refused(b.opts, err); {
	case why != nil:
		b.sayRefused(why)
	case errors.Is(err, nats.ErrPermissionViolation):
		if b.refusals.isNews(err.Error()) {
			b.log.Error().Err(err).Msg("the NATS server does not allow this login what it needs")
		}
	default:
		b.log.Warn().Err(err).Msg("NATS reported an error")
	}
}
