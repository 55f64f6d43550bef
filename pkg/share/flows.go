package share

import (
	"sync"
	"time"
)

// Flows say how many bytes in a second each of some parties may send; one that nothing is
// said of may send any. Unlike a rate it lets through what is larger than a second's, and
// has what follows wait for that: a party that has anything left may send something of any
// size, and owes what it lacks. The zero value says nothing of anybody. It is safe for
// concurrent use.
type Flows struct{ of sync.Map } // *flow by party

// flow is what a party has left; below 0 it owes.
type flow struct {
	mu        sync.Mutex
	perSecond float64 // 0 = any
	left      float64
	at        time.Time // when that was so
}

// Set has a party have so many bytes in a second from now on, and as many at once; 0 =
// any. What it owes it still owes.
func (f *Flows) Set(party string, perSecond int64, now time.Time) {
	if perSecond == 0 {
		f.of.Delete(party)
		return
	}
	made := &flow{perSecond: float64(perSecond), left: float64(perSecond), at: now}
	if before, ok := f.of.LoadOrStore(party, made); ok {
		was := before.(*flow) //nolint:forcetypeassert // Set alone stores
		was.mu.Lock()
		defer was.mu.Unlock()
		was.refill(now)
		was.perSecond = float64(perSecond)
		was.left = min(was.left, was.perSecond)
	}
}

// Take takes n bytes for a party that owes none, or tells how long it still does.
func (f *Flows) Take(party string, n int, now time.Time) (wait time.Duration) {
	of := f.find(party)
	if of == nil {
		return 0
	}
	of.mu.Lock()
	defer of.mu.Unlock()
	of.refill(now)
	if of.left <= 0 {
		return max(time.Duration((1-of.left)/of.perSecond*float64(time.Second)), 1)
	}
	of.left -= float64(n)
	return 0
}

// Owe takes n bytes for a party whatever it has left. A negative n gives back what was
// taken and not sent.
func (f *Flows) Owe(party string, n int, now time.Time) {
	if of := f.find(party); of != nil {
		of.mu.Lock()
		defer of.mu.Unlock()
		of.refill(now)
		of.left = min(of.left-float64(n), of.perSecond)
	}
}

func (f *Flows) find(party string) *flow {
	v, ok := f.of.Load(party)
	if !ok {
		return nil
	}
	return v.(*flow) //nolint:forcetypeassert // Set alone stores
}

func (f *flow) refill(now time.Time) {
	if since := now.Sub(f.at); since > 0 {
		f.left = min(f.left+since.Seconds()*f.perSecond, f.perSecond)
		f.at = now
	}
}
