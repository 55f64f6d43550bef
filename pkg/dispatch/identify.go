package dispatch

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/bus/tokens"
)

// Access is who is let in. Without one nobody is asked who he is.
type Access struct {
	// Operator is the token that may do everything, whose text the operator keeps. By
	// it the others are made, which are stored. The zero value is none.
	Operator access.Token
	// Bearers tell whose a token is that is none of ours, such as one of an identity
	// provider. They are asked in their order.
	Bearers []func(ctx context.Context, token string) (*access.Principal, bool)
	// Certificates are who shows a certificate that an authority of the listener's has
	// signed, by its subject. They count where no token is sent along.
	Certificates map[string]*access.Principal
	// Rate is how many requests a second each of them may send; 0 = DefaultRate.
	Rate int
	// PublicReflection tells everybody what the management API can do.
	PublicReflection bool
}

// PublicReflection tells whether everybody may be told what the management API can do.
func (d *Dispatcher) PublicReflection() bool {
	return d.identity.access == nil || d.identity.access.PublicReflection
}

// identity is what a dispatcher knows of who may come in.
type identity struct {
	access *Access // nil = nobody is asked
	ring   access.Ring
	uses   uses
}

// followTokens follows the stored tokens; first is closed when all were read.
func (d *Dispatcher) followTokens(ctx context.Context) (first <-chan struct{}) {
	if d.identity.access == nil {
		read := make(chan struct{})
		close(read)
		return read
	}
	if operator := d.identity.access.Operator; operator.ID != "" {
		d.identity.ring.Set(operator)
	}
	return tokens.Follow(ctx, d.bus, &d.identity.ring)
}

// identify finds out who asks, and lets nobody pass who cannot be known. What is
// mounted refuses for itself: it speaks the protocol of who asks. What isPublic, and
// what isContract, is told to everybody.
func (d *Dispatcher) identify(next http.Handler, mounted map[string]http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, ok := d.identity.who(r)
		if !d.paceOf(w, r, p) {
			return
		}
		switch {
		case ok:
			d.identity.uses.note(p.ID)
			r = r.WithContext(access.WithAddress(access.With(r.Context(), p), addressOf(r.RemoteAddr)))
		case !isMounted(mounted, r.URL.Path) && !isPublic(r.URL.Path) && !d.isContract(r.URL.Path):
			w.Header().Set("WWW-Authenticate", `Bearer realm="callout"`)
			d.refuse(w, access.Unauthenticated())
			return
		}
		next.ServeHTTP(w, r)
	})
}

// who tells who a request is from. A token counts in the header Authorization alone:
// an address is logged wherever it passes.
func (i *identity) who(r *http.Request) (*access.Principal, bool) {
	if i.access == nil {
		return &access.Everybody, true
	}
	said := r.Header.Values("Authorization")
	if len(said) > 1 {
		return nil, false
	}
	if len(said) == 0 {
		subject, _ := certificateOf(r.Context())
		p, ok := i.access.Certificates[subject]
		return p, ok
	}
	scheme, text, _ := strings.Cut(said[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return nil, false
	}
	text = strings.TrimSpace(text)
	if p, ok := i.ring.Find(text, time.Now()); ok {
		return p, true
	}
	for _, whose := range i.access.Bearers {
		if p, ok := whose(r.Context(), text); ok {
			return p, true
		}
	}
	return nil, false
}

// may refuses who may not do an operation at a scope.
func (d *Dispatcher) may(w http.ResponseWriter, r *http.Request, o access.Operation, at access.Scope) bool {
	p, err := access.From(r.Context())
	if err == nil && p.May(o, at) {
		return true
	}
	if err == nil {
		d.refuse(w, access.Forbidden(o, at))
	} else {
		d.refuse(w, err)
	}
	return false
}

// useEvery is how often it is stored that a token is used.
const useEvery = time.Minute

// uses remembers when it was noted last that a token is used, so that a request
// stores nothing.
type uses struct {
	noted sync.Map    // *atomic.Int64 of nanoseconds by id
	news  chan string // ids whose use is to be stored; full = it is noted later
}

func newUses() uses { return uses{news: make(chan string, 256)} }

func (u *uses) note(id string) {
	if !access.IsTokenID(id) {
		return
	}
	seen, ok := u.noted.Load(id)
	if !ok {
		seen, _ = u.noted.LoadOrStore(id, new(atomic.Int64))
	}
	at := seen.(*atomic.Int64) //nolint:forcetypeassert // note alone stores
	now, before := time.Now().UnixNano(), at.Load()
	if now-before < int64(useEvery) || !at.CompareAndSwap(before, now) {
		return
	}
	select {
	case u.news <- id:
	default:
		at.CompareAndSwap(now, before)
	}
}

// storeUses stores that tokens are used, until ctx ends. What cannot be stored is
// noted by a later use.
func (d *Dispatcher) storeUses(ctx context.Context) {
	store := tokens.Of(d.bus)
	for {
		select {
		case <-ctx.Done():
			return
		case id := <-d.identity.uses.news:
			if d.identity.access == nil || id == d.identity.access.Operator.ID {
				continue // it is not stored
			}
			asked, cancel := context.WithTimeout(ctx, 5*time.Second)
			if err := store.Use(asked, id); err != nil {
				d.log.Debug().Err(err).Str("token", id).Msg("that a token is used could not be stored")
			}
			cancel()
		}
	}
}
