package shards

import (
	"context"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/callout-hq/callout/pkg/bus"
)

// usualLease is how long at most a worker counts as there that is not heard of, while
// its beats cost little.
const usualLease = 2 * time.Second

// askFor is how long NATS may take for what a holder asks of it.
const askFor = longestLease / 2

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
	least time.Duration   // the lease while beats cost little
	life  context.Context // ends with Stop
	stop  context.CancelFunc
	ended chan struct{}
	soon  chan struct{}

	mu       sync.Mutex
	beside   *bus.Bus // the connection of beats; nil = there is none yet
	session  *session // nil = the next beat begins one
	costs    costs
	peers    map[string]peer // the sessions that are there, by key
	owners   map[Shard]owner // who holds which
	leaving  bool
	holdings map[Shard]*holding // of this worker
}

type peer struct {
	revision uint64
	heard    time.Time
	lease    time.Duration // that it said then
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
	h := &Holder{bus: b, duty: d, least: min(b.AckWait(), usualLease), ended: make(chan struct{}), soon: make(chan struct{}, 1),
		peers: map[string]peer{}, owners: map[Shard]owner{}, holdings: map[Shard]*holding{}}
	h.life, h.stop = context.WithCancel(context.Background())
	go h.run()
	return h
}

// Valid tells whether this worker may act on what it holds, at this moment.
func (h *Holder) Valid() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.session != nil && h.session.good()
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
	h.stop()
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
	beating.Go(h.connect)
	beating.Go(h.beats)
	defer func() { // no beat may come behind the word that this worker is gone
		beating.Wait()
		h.leave()
		if h.beside != nil {
			h.beside.Close()
		}
	}()
	first := h.bus.Bucket(bus.BucketHolders).Follow(h.life, ">", h.told)
	tick := time.NewTicker(h.least / 10)
	defer tick.Stop()
	select {
	case <-first:
	case <-h.life.Done():
		return
	}
	for {
		select {
		case <-h.life.Done():
			return
		case <-h.soon:
		case <-tick.C:
		}
		h.look(h.life)
	}
}

// told hears of sessions and owners.
func (h *Holder) told(v bus.Value) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if id, is := strings.CutPrefix(v.Key, "session."); is {
		h.toldOf(id, v)
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

// toldOf hears of a session. mu is held.
func (h *Holder) toldOf(id string, v bus.Value) {
	if h.session != nil && h.session.id == id {
		h.own(h.session, v, v.Bytes != nil)
	}
	w := wordOf(v.Bytes)
	if v.Bytes == nil || w.dead {
		delete(h.peers, v.Key)
		return
	}
	if p, known := h.peers[v.Key]; !known || v.Revision >= p.revision {
		h.peers[v.Key] = peer{revision: v.Revision, heard: time.Now(), lease: w.lease}
	}
}

// leave tells that this worker is gone.
func (h *Holder) leave() {
	h.mu.Lock()
	s := h.session
	if s != nil {
		h.end(s)
	}
	h.mu.Unlock()
	if s == nil || !h.bus.Connected() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), h.least/4)
	defer cancel()
	_ = h.bus.Bucket(bus.BucketHolders).Purge(ctx, sessionKey(s.id)) // else it is taken for dead
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

// bury takes those for dead that were not heard of for as long as they said last. Their
// own word is stronger: who has said something meanwhile lives, for as long as that says.
func (h *Holder) bury(ctx context.Context) {
	h.mu.Lock()
	dead := map[string]peer{}
	for key, p := range h.peers {
		if time.Since(p.heard) > p.lease && (h.session == nil || key != sessionKey(h.session.id)) {
			dead[key] = p
		}
	}
	h.mu.Unlock()
	for key, p := range dead {
		k := h.bus.Bucket(bus.BucketHolders)
		asking, cancel := context.WithTimeout(ctx, askFor)
		revision, err := k.Update(asking, key, word{dead: true}.bytes(), p.revision)
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
