package identity

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/rs/zerolog"

	"github.com/callout-hq/callout/pkg/access"
)

const (
	// askEvery is how often a provider is asked for its keys at most: a token with an
	// unknown key has them looked for, and anybody can write one.
	askEvery = 10 * time.Second
	askFor   = 5 * time.Second
	// known is how long it is believed of a token that it counted, and maxKnown of how
	// many. A provider that revokes one is heeded by then.
	knownFor = time.Minute
	maxKnown = 10_000
	maxJWT   = 16 << 10 // bytes
)

// algorithms are those with a public key. "none" and those with a shared secret are no
// signatures of a provider.
var algorithms = []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA}

// Verifier tells who asks by a token of an identity provider. Its methods may be called
// from any goroutine.
type Verifier struct {
	provider Provider
	log      zerolog.Logger
	client   *http.Client

	mu       sync.Mutex
	verifier *oidc.IDTokenVerifier
	asked    time.Time
	known    map[[sha256.Size]byte]*seen
}

// seen is a token that counted a short while ago.
type seen struct {
	principal *access.Principal
	until     time.Time
}

// NewVerifier looks for the provider when it is needed first: it may be away when this
// process starts.
func NewVerifier(p Provider, log zerolog.Logger) *Verifier {
	return &Verifier{provider: p, log: log, client: &http.Client{Timeout: askFor, Transport: &seldom{next: http.DefaultTransport}}, known: map[[sha256.Size]byte]*seen{}}
}

// Verify tells who asks with the text of a token; ok is false for what does not count:
// of another issuer or audience, over, not begun, badly signed, or without a role.
func (v *Verifier) Verify(ctx context.Context, text string, now time.Time) (p *access.Principal, ok bool) {
	if len(text) > maxJWT || strings.Count(text, ".") != 2 {
		return nil, false
	}
	sum := sha256.Sum256([]byte(text))
	v.mu.Lock()
	s := v.known[sum]
	v.mu.Unlock()
	if s != nil && now.Before(s.until) {
		return s.principal, true
	}
	verifier, err := v.ready(ctx, now)
	if err != nil {
		return nil, false
	}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, v.client), askFor)
	defer cancel()
	token, err := verifier.Verify(ctx, text)
	if err == nil && !now.Before(token.Expiry) { // the library asks its own clock
		err = errors.New("it is over")
	}
	if err != nil {
		v.log.Debug().Err(err).Str("issuer", v.provider.Issuer).Msg("a token of an identity provider does not count")
		return nil, false
	}
	if p = v.principalOf(token); p == nil {
		return nil, false
	}
	v.remember(sum, &seen{p, earlier(token.Expiry, now.Add(knownFor))}, now)
	return p, true
}

// ready finds the provider's keys, once; while it is away, every askEvery.
func (v *Verifier) ready(ctx context.Context, now time.Time) (*oidc.IDTokenVerifier, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.verifier != nil {
		return v.verifier, nil
	}
	if now.Sub(v.asked) < askEvery {
		return nil, errAway
	}
	v.asked = now
	// The keys are asked for later with this context: it must not end with the request.
	lasting := oidc.ClientContext(context.WithoutCancel(ctx), v.client)
	provider, err := oidc.NewProvider(lasting, v.provider.Issuer)
	if err != nil {
		v.log.Warn().Err(err).Str("issuer", v.provider.Issuer).Msg("the identity provider cannot be asked, its tokens do not count until it can")
		return nil, errAway
	}
	v.verifier = provider.VerifierContext(lasting, &oidc.Config{ClientID: v.provider.Audience, SupportedSigningAlgs: algorithms})
	return v.verifier, nil
}

var errAway = errors.New("the identity provider is away")

// principalOf is who has the first role of the file that a token has; nil when it has
// none.
func (v *Verifier) principalOf(token *oidc.IDToken) *access.Principal {
	var claims map[string]any
	if err := token.Claims(&claims); err != nil {
		return nil
	}
	has := textsOf(claims[v.provider.Claim])
	for n := range v.provider.Roles {
		if r := &v.provider.Roles[n]; slices.Contains(has, r.Value) {
			name := token.Subject
			for _, claim := range []string{"preferred_username", "client_id", "azp"} {
				if text, ok := claims[claim].(string); ok && text != "" {
					name = text
					break
				}
			}
			return r.principal(bounded("oidc:"+token.Subject), bounded(name))
		}
	}
	return nil
}

// maxName bounds what a provider may have somebody be called, in bytes.
const maxName = 200

func bounded(s string) string { return strings.ToValidUTF8(s[:min(len(s), maxName)], "\uFFFD") }

// textsOf reads a claim that is a text, texts with spaces between them as scope has
// them, a list, or an object whose members are the roles as ZITADEL writes them.
func textsOf(claim any) (all []string) {
	switch c := claim.(type) {
	case string:
		return strings.Fields(c)
	case []any:
		for _, one := range c {
			if text, ok := one.(string); ok {
				all = append(all, text)
			}
		}
	case map[string]any:
		for name := range c {
			all = append(all, name)
		}
	}
	return all
}

func (v *Verifier) remember(sum [sha256.Size]byte, s *seen, now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.known) >= maxKnown {
		for known, s := range v.known {
			if !now.Before(s.until) {
				delete(v.known, known)
			}
		}
		if len(v.known) >= maxKnown {
			clear(v.known)
		}
	}
	v.known[sum] = s
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// seldom asks for one address no more often than every askEvery.
type seldom struct {
	next http.RoundTripper
	mu   sync.Mutex
	last map[string]time.Time
}

var errTooSoon = errors.New("the identity provider was asked a moment ago")

func (s *seldom) RoundTrip(r *http.Request) (*http.Response, error) {
	address := r.URL.String()
	s.mu.Lock()
	soon := time.Since(s.last[address]) < askEvery
	if !soon {
		if s.last == nil {
			s.last = map[string]time.Time{}
		}
		s.last[address] = time.Now()
	}
	s.mu.Unlock()
	if soon {
		return nil, errTooSoon
	}
	return s.next.RoundTrip(r)
}
