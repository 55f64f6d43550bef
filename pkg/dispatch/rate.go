package dispatch

import (
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/action"
)

// How many requests a second who asks may send, over a time: a token, and the strangers
// of an address together. Twice as many may come at once.
const (
	DefaultRate  = 1000
	strangerRate = 100
	maxPaced     = 10_000           // of whom a rate is remembered
	forgetPaced  = 10 * time.Minute // without a request
)

// paces are the rates of who asks.
type paces struct {
	perSecond int // of a token

	mu   sync.Mutex
	each map[string]*paced
}

type paced struct {
	limit *rate.Limiter
	last  time.Time
}

// lets tells whether a request of somebody may go on now.
func (p *paces) lets(who string, perSecond int, now time.Time) bool {
	p.mu.Lock()
	one := p.each[who]
	if one == nil {
		p.forget(now)
		if p.each == nil {
			p.each = map[string]*paced{}
		}
		one = &paced{limit: rate.NewLimiter(rate.Limit(perSecond), 2*perSecond)}
		p.each[who] = one
	}
	one.last = now
	p.mu.Unlock()
	return one.limit.AllowN(now, 1)
}

// forget makes room: who has not asked for long, and if that is nobody, all. What is
// forgotten begins with a full burst, so that nobody is refused by it.
func (p *paces) forget(now time.Time) {
	if len(p.each) < maxPaced {
		return
	}
	for who, one := range p.each {
		if now.Sub(one.last) > forgetPaced {
			delete(p.each, who)
		}
	}
	if len(p.each) >= maxPaced {
		clear(p.each)
	}
}

// paceOf refuses a request that is one too many. Nobody is paced where nobody is asked
// who he is: everybody is one there.
func (d *Dispatcher) paceOf(w http.ResponseWriter, r *http.Request, asks *access.Principal) bool {
	if d.identity.access == nil {
		return true
	}
	who, perSecond := "address "+addressOf(r.RemoteAddr), strangerRate
	if asks != nil {
		who, perSecond = asks.ID, d.paces.perSecond
	}
	if d.paces.lets(who, perSecond, time.Now()) {
		return true
	}
	w.Header().Set("Retry-After", "1")
	d.refuse(w, action.NewError(action.CodeTooManyRequests, action.StageAccess, ""))
	return false
}
