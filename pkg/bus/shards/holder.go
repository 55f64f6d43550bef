package shards

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
)

// longestLease is how long at most a worker counts as there that is not heard of.
const longestLease = 2 * time.Second

// leaseShare is the part of it after which the worker itself does nothing more.
const leaseShare = 0.75

// Duty is what a worker does with shards. Its methods are called by one goroutine.
type Duty interface {
	// Wanted are the shards there is work in.
	Wanted() []Shard
	// Take begins to work on a shard, until ctx ends: then it is not this worker's any
	// more.
	Take(ctx context.Context, s Shard, l *Log, p Places)
	// Drop takes nothing more of a shard. The channel is closed when nothing is in hand
	// and all is written.
	Drop(s Shard) <-chan struct{}
}

// Holder is a worker among those that share the shards. Its methods may be called
// from any goroutine.
type Holder struct {
	bus   *bus.Bus
	duty  Duty
	lease time.Duration
	stop  chan struct{}
	ended chan struct{}
	soon  chan struct{}

	mu       sync.Mutex
	session  *session
	peers    map[string]peer // the sessions that are there, by key
	owners   map[Shard]owner // who holds which
	leaving  bool
	holdings map[Shard]*holding // of this worker
}

// session is one life of a worker among the others: when they have taken it for
// dead, another begins.
type session struct {
	id       string
	revision uint64 // of its entry
	until    time.Time
	ctx      context.Context
	end      context.CancelFunc
}

type peer struct {
	revision uint64
	heard    time.Time
	since    time.Time
}

type owner struct {
	by       string // session; "" = nobody
	revision uint64
	free     time.Time // since when nobody holds it, as far as was seen; zero = somebody does
}

// holding is a shard that is held.
type holding struct {
	end     context.CancelFunc
	dropped <-chan struct{} // not nil: it is being given back
	astray  time.Time       // since when another is to have it; zero = it is not
}

// NewHolder joins those that share the shards. It ends with Stop.
func NewHolder(b *bus.Bus, d Duty) *Holder {
	h := &Holder{bus: b, duty: d, lease: min(b.AckWait(), longestLease), stop: make(chan struct{}), ended: make(chan struct{}), soon: make(chan struct{}, 1),
		peers: map[string]peer{}, owners: map[Shard]owner{}, holdings: map[Shard]*holding{}}
	go h.run()
	return h
}

// Valid tells whether this worker may act on what it holds, at this moment.
func (h *Holder) Valid() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.session != nil && !bus.Past(h.session.until)
}

// Fenced tells that somebody else has written in a shard that was held: it is let go,
// and taken again by whoever is to have it.
func (h *Holder) Fenced(s Shard) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if g := h.holdings[s]; g != nil {
		g.end()
		done := make(chan struct{})
		close(done)
		g.dropped = done
		h.Soon()
	}
}

// Soon has the shards looked at soon.
func (h *Holder) Soon() {
	select {
	case h.soon <- struct{}{}:
	default: // they are about to be
	}
}

// Stop gives back all that is held, as soon as nothing of it is in hand, and leaves.
// It ends at the latest with ctx; what was not given back by then is free when the
// lease is over. Stopping twice is as good as once.
func (h *Holder) Stop(ctx context.Context) {
	h.mu.Lock()
	if h.leaving {
		h.mu.Unlock()
		<-h.ended
		return
	}
	h.leaving = true
	h.mu.Unlock()
	h.Soon()
	for h.holdsAny() && ctx.Err() == nil {
		h.Soon()
		select {
		case <-ctx.Done():
		case <-time.After(5 * time.Millisecond):
		}
	}
	close(h.stop)
	<-h.ended
}

func (h *Holder) holdsAny() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.holdings) > 0
}

func (h *Holder) run() {
	defer close(h.ended)
	var beating sync.WaitGroup
	defer beating.Wait()
	life, end := context.WithCancel(context.Background())
	defer end()
	first := h.bus.Bucket(bus.BucketHolders).Follow(life, ">", h.told)
	tick := time.NewTicker(h.lease / 10)
	defer tick.Stop()
	beats := make(chan struct{}, 1)
	beating.Go(func() { h.beat(life, beats) })
	select {
	case <-first:
	case <-h.stop:
		return
	}
	for {
		select {
		case <-h.stop:
			h.leave()
			return
		case <-h.soon:
		case <-tick.C:
			select {
			case beats <- struct{}{}:
			default: // the last one is on its way
			}
		}
		h.look(life)
	}
}

// told hears of sessions and owners.
func (h *Holder) told(v bus.Value) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	if strings.HasPrefix(v.Key, "session.") {
		if v.Bytes == nil || string(v.Bytes) == sessionDead {
			delete(h.peers, v.Key)
			return
		}
		p, known := h.peers[v.Key]
		if known && v.Revision < p.revision { // our own, which is known
			return
		}
		if !known {
			p.since = now
		}
		p.heard, p.revision = now, v.Revision
		h.peers[v.Key] = p
		return
	}
	s, ok := shardOf(v.Key)
	if !ok {
		return
	}
	if v.Bytes == nil {
		delete(h.owners, s)
		return
	}
	if v.Revision <= h.owners[s].revision { // our own, which is known
		return
	}
	h.owners[s] = owner{by: string(v.Bytes), revision: v.Revision}
	h.Soon()
}

const (
	sessionAlive = "alive"
	sessionDead  = "dead"
)

// beat says that this worker is there, each time it is told to, and begins a session
// when there is none.
func (h *Holder) beat(ctx context.Context, due <-chan struct{}) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-due:
		}
		h.mu.Lock()
		s := h.session
		h.mu.Unlock()
		if s == nil {
			s = &session{id: newID()}
			s.ctx, s.end = context.WithCancel(context.Background())
		}
		asking, cancel := context.WithTimeout(ctx, h.lease/2)
		sent := time.Now()
		revision, err := h.bus.Bucket(bus.BucketHolders).Update(asking, "session."+s.id, []byte(sessionAlive), s.revision)
		cancel()
		h.mu.Lock()
		switch {
		case err == nil && (s.until.IsZero() || !bus.Past(s.until)):
			s.revision, s.until = revision, sent.Add(time.Duration(float64(h.lease)*leaseShare))
			h.session = s
			h.peers["session."+s.id] = peer{revision: revision, heard: sent, since: sent}
		case err == nil || action.CodeOf(err) == action.CodeConflict: // it was over, or was taken for dead
			h.end(s)
		}
		h.mu.Unlock()
	}
}

// end ends a session: what was held in it is not any more. mu is held.
func (h *Holder) end(s *session) {
	s.end()
	if h.session == s {
		h.session = nil
		clear(h.holdings)
	}
}

func newID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // it never fails
	return hex.EncodeToString(b[:])
}

// leave tells that this worker is gone.
func (h *Holder) leave() {
	h.mu.Lock()
	s := h.session
	h.session = nil
	h.mu.Unlock()
	if s == nil {
		return
	}
	s.end()
	ctx, cancel := context.WithTimeout(context.Background(), h.lease/4)
	defer cancel()
	if h.bus.Connected() {
		_ = h.bus.Bucket(bus.BucketHolders).Purge(ctx, "session."+s.id) // else it is taken for dead
	}
}

// mine gives the session while it is good. One that is over ends here.
func (h *Holder) mine() *session {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.session != nil && bus.Past(h.session.until) {
		h.bus.Log().Warn().Msg("this worker was not heard of in time: it lets go of its shards")
		h.end(h.session)
	}
	return h.session
}

// look buries who is not heard of, takes what is free, and gives back what is another's.
func (h *Holder) look(ctx context.Context) {
	s := h.mine()
	if s == nil {
		return
	}
	h.bury(ctx)
	h.mu.Lock()
	leaving := h.leaving
	held := maps.Clone(h.holdings)
	h.mu.Unlock()
	for shard, g := range held {
		h.review(ctx, s, shard, g, leaving)
	}
	if leaving {
		return
	}
	for _, shard := range h.duty.Wanted() {
		if held[shard] == nil && h.mayTake(s, shard) {
			h.take(ctx, s, shard)
		}
	}
}

// bury takes those for dead that were not heard of for the length of a lease. Their
// own word is stronger: who says something at this moment lives.
func (h *Holder) bury(ctx context.Context) {
	h.mu.Lock()
	var dead []string
	for key, p := range h.peers {
		if time.Since(p.heard) > h.lease {
			dead = append(dead, key)
		}
	}
	h.mu.Unlock()
	for _, key := range dead {
		h.mu.Lock()
		p := h.peers[key]
		h.mu.Unlock()
		k := h.bus.Bucket(bus.BucketHolders)
		asking, cancel := context.WithTimeout(ctx, h.lease)
		revision, err := k.Update(asking, key, []byte(sessionDead), p.revision)
		if err == nil {
			_ = k.Purge(asking, key) // else it stays, as dead
		}
		cancel()
		if err != nil {
			continue // it lives, or NATS does not answer
		}
		h.mu.Lock()
		if h.peers[key].revision <= revision {
			delete(h.peers, key)
		}
		h.mu.Unlock()
		h.bus.Log().Info().Str("session", key).Msg("a worker was not heard of in time: its shards are free")
	}
}
