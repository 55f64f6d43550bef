package work

import (
	"time"

	"github.com/callout-hq/callout/pkg/bus"
)

// ring holds the keys of one target, of which some may end. It is used under the
// lock of keys.
type ring struct {
	all   bus.SigningKeys
	now   []string  // those that sign, the newest first
	until time.Time // when they are others; zero = never
}

// newRing reads what is stored of a target. Who told of it has looked whether it
// can be read: of what cannot, there is no key.
func newRing(text string) *ring {
	all, _ := bus.ReadSigningKeys(text)
	r := &ring{all: all}
	r.turn(time.Now())
	return r
}

func (r *ring) turn(now time.Time) {
	keys, until := r.all.At(now)
	r.now, r.until = make([]string, len(keys)), until
	for n, k := range keys {
		r.now[n] = k.Key
	}
}

// signing are the keys that sign by now; nil when there is no ring. The slice is
// shared and must not be written to.
func (r *ring) signing() []string {
	if r == nil {
		return nil
	}
	if !r.until.IsZero() {
		if now := time.Now(); !now.Before(r.until) {
			r.turn(now)
		}
	}
	return r.now
}
