package shards

import (
	"context"
	"time"

	"github.com/callout-hq/callout/pkg/bus"
)

const (
	turn    = 300 * time.Millisecond // how long each lets those before it take a free shard
	settles = 2 * time.Second        // how long another must be the one to have a shard before it is given back
)

// before counts those that are to have a shard rather than this worker.
func (h *Holder) before(s *session, shard Shard) (count int) {
	own := shard.rank(sessionKey(s.id))
	for key := range h.peers {
		if key != sessionKey(s.id) && shard.rank(key) > own {
			count++
		}
	}
	return count
}

// mayTake tells whether a shard is free, and this worker's turn to take it.
func (h *Holder) mayTake(s *session, shard Shard) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	o := h.owners[shard]
	if o.by == s.id { // it was given to us, and nobody has told us so: it is of no other
		return true
	}
	if _, there := h.peers[sessionKey(o.by)]; o.by != "" && there {
		if !o.free.IsZero() {
			o.free = time.Time{}
			h.owners[shard] = o
		}
		return false
	}
	if o.free.IsZero() {
		o.free = time.Now()
		h.owners[shard] = o
	}
	return time.Since(o.free) >= time.Duration(h.before(s, shard))*turn
}

// take takes a shard that is free. It asks for nothing more once its session is over: it
// would take the shard away from whoever has it then.
func (h *Holder) take(ctx context.Context, s *session, shard Shard) {
	asking, cancel := context.WithTimeout(s.ctx, askFor)
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	h.mu.Lock()
	o := h.owners[shard]
	h.mu.Unlock()
	revision, err := h.bus.Bucket(bus.BucketHolders).Update(asking, shard.key(), []byte(s.id), o.revision)
	if err != nil {
		return // another was first, or NATS does not answer
	}
	l, p, err := Open(asking, h.bus, shard, s.id)
	h.mu.Lock()
	if h.owners[shard].revision < revision { // else somebody was told to hold it since
		h.owners[shard] = owner{by: s.id, revision: revision}
	}
	if h.session != s || err != nil {
		h.mu.Unlock()
		if err != nil {
			h.bus.Log().Error().Err(err).Stringer("shard", shard).Msg("the positions of a shard could not be taken over")
			h.giveBack(ctx, shard, s)
		}
		return
	}
	holding := &holding{}
	var working context.Context
	working, holding.end = context.WithCancel(s.ctx)
	h.holdings[shard] = holding
	h.mu.Unlock()
	h.duty.Take(working, shard, l, p)
}

// review looks at a shard that is held: it is given back when this worker leaves, or
// another has been the one to have it for a while.
func (h *Holder) review(ctx context.Context, s *session, shard Shard, g *holding, leaving bool) {
	if g.dropped != nil {
		select {
		case <-g.dropped:
			h.mu.Lock()
			if h.holdings[shard] == g {
				delete(h.holdings, shard)
			}
			h.mu.Unlock()
			g.end()
			h.giveBack(ctx, shard, s)
		default:
		}
		return
	}
	h.mu.Lock()
	o := h.owners[shard]
	first := h.before(s, shard) == 0
	h.mu.Unlock()
	switch {
	case o.by != s.id && o.by != "": // somebody else has written himself in
		g.end()
		g.dropped = h.duty.Drop(shard)
		h.mu.Lock()
		delete(h.holdings, shard)
		h.mu.Unlock()
		return
	case first && !leaving:
		g.astray = time.Time{}
		return
	case g.astray.IsZero():
		g.astray = time.Now()
	}
	if leaving || time.Since(g.astray) >= settles {
		g.dropped = h.duty.Drop(shard)
	}
}

// giveBack says that nobody holds a shard.
func (h *Holder) giveBack(ctx context.Context, shard Shard, s *session) {
	asking, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	h.mu.Lock()
	o := h.owners[shard]
	h.mu.Unlock()
	if o.by != s.id {
		return
	}
	revision, err := h.bus.Bucket(bus.BucketHolders).Update(asking, shard.key(), nil, o.revision)
	if err != nil {
		return // whoever takes it next asks whether we are there
	}
	h.mu.Lock()
	h.owners[shard] = owner{revision: revision, free: time.Now()}
	h.mu.Unlock()
}
