package share

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Rates say how much in a second each of some parties may have; one that nothing is said
// of may have any. The zero value says nothing of anybody. It is safe for concurrent use.
type Rates struct{ of sync.Map } // *rate.Limiter by party

// Set has a party have so much in a second from now on, and as much at once; 0 = any.
// What it has had in this second still counts.
func (r *Rates) Set(party string, perSecond int) {
	if perSecond == 0 {
		r.of.Delete(party)
		return
	}
	made := rate.NewLimiter(rate.Limit(perSecond), perSecond)
	if before, ok := r.of.LoadOrStore(party, made); ok {
		of := before.(*rate.Limiter) //nolint:forcetypeassert // Set alone stores
		of.SetLimit(rate.Limit(perSecond))
		of.SetBurst(perSecond)
	}
}

// Take takes n for a party, or nothing. Where it may not have that now, ever tells
// whether it may at any time.
func (r *Rates) Take(party string, n int, now time.Time) (taken, ever bool) {
	v, ok := r.of.Load(party)
	if !ok {
		return true, true
	}
	of := v.(*rate.Limiter) //nolint:forcetypeassert // Set alone stores
	return of.AllowN(now, n), n <= of.Burst()
}
