package share

import (
	"sync"
	"sync/atomic"
	"time"
)

// Rates say how much in a second each of some parties may have; one that nothing is said
// of may have any. Where several processes count the same, each lets through its part, see
// Divide. The zero value says nothing of anybody, and is the only one that counts. It is
// safe for concurrent use.
type Rates struct {
	of    sync.Map // *rated by party
	among atomic.Int64
}

// rated is what a party has left; below 0 it owes.
type rated struct {
	mu    sync.Mutex
	whole float64 // in a second, in all processes
	part  float64 // in a second, here
	left  float64
	at    time.Time // when that was so
}

// Set has a party have so much in a second from now on, and as much at once; 0 = any.
// What it has had in this second still counts.
func (r *Rates) Set(party string, perSecond int) {
	if perSecond == 0 {
		r.of.Delete(party)
		return
	}
	now, among := time.Now(), r.processes()
	v, _ := r.of.LoadOrStore(party, &rated{left: max(float64(perSecond)/among, 1), at: now})
	v.(*rated).set(float64(perSecond), among, now) //nolint:forcetypeassert // Set alone stores
}

// Divide has each party have a part of what is said of it: that of one of n processes
// which all count the same. The parts are together what is said, each however small: who
// may have 1 in a second among 4 has one in four seconds.
func (r *Rates) Divide(n int) {
	if among := int64(max(n, 1)); r.among.Swap(among) == among {
		return
	}
	now := time.Now()
	r.of.Range(func(_, v any) bool {
		one := v.(*rated) //nolint:forcetypeassert // Set alone stores
		one.set(0, r.processes(), now)
		return true
	})
}

func (r *Rates) processes() float64 { return float64(max(r.among.Load(), 1)) }

// set has what is said hold from now on; 0 leaves it.
func (r *rated) set(whole, among float64, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refill(now)
	if whole > 0 {
		r.whole = whole
	}
	r.part = r.whole / among
	r.left = min(r.left, r.most())
}

// most is how much may be taken at once: at least one, or nothing ever could.
func (r *rated) most() float64 { return max(r.part, 1) }

func (r *rated) refill(now time.Time) {
	if since := now.Sub(r.at).Seconds(); since > 0 {
		r.left, r.at = min(r.left+since*r.part, r.most()), now
	}
}

// rounding is what sums of parts may lack by how they are computed.
const rounding = 1e-6

// Take takes n for a party, or nothing. Where it may not have that now, ever tells
// whether it may at any time. What is more than this process's part, and not more than
// may be had in all, is taken when nothing else of the part was, and owed: a process
// more makes no request too large.
func (r *Rates) Take(party string, n int, now time.Time) (taken, ever bool) {
	v, ok := r.of.Load(party)
	if !ok {
		return true, true
	}
	of := v.(*rated) //nolint:forcetypeassert // Set alone stores
	of.mu.Lock()
	defer of.mu.Unlock()
	if float64(n) > of.whole {
		return false, false
	}
	of.refill(now)
	if of.left+rounding < min(float64(n), of.most()) {
		return false, true
	}
	of.left -= float64(n)
	return true, true
}
