package lines

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/callout-hq/callout/pkg/bus/shards"
)

// queuedMost bounds what one worker keeps of events that wait, in bytes of bodies.
const queuedMost = 64 << 20

// inWorkMost bounds how many deliveries of packed lines a worker has in work.
const inWorkMost = 1024

// pack makes a packed line one that this worker takes from while it holds its shard.
func (c *Consumer) pack(l Line) {
	if c.closed {
		return
	}
	c.forgetPacked(l.Key()) // it may have been in another shard
	c.packed[l.Key()] = l
	c.wanted[l.shard()]++
	if h := c.held[l.shard()]; h != nil {
		c.putLater(h, l)
	}
	if c.holder == nil {
		c.holder = shards.NewHolder(c.bus, c)
	}
	c.holder.Soon()
}

// putLater puts a line into a shard that is held. Of one that is new there, it is asked
// how far it had come elsewhere.
func (c *Consumer) putLater(h *held, l Line) {
	if h.knows(l.Name) {
		h.put(l, 0)
		return
	}
	go func() {
		for wait := takeSoon; h.ctx.Err() == nil; wait = min(2*wait, takeAgain) {
			kept, err := h.lines.position(h.ctx, l)
			c.mu.Lock()
			now, there := c.packed[l.Key()]
			if err == nil && there {
				h.put(now, kept)
			}
			c.mu.Unlock()
			if err == nil {
				return
			}
			select {
			case <-h.ctx.Done():
			case <-time.After(wait):
			}
		}
	}()
}

// unpack takes nothing more from a packed line.
func (c *Consumer) unpack(k Key) (ended <-chan struct{}, was bool) {
	l, was := c.packed[k]
	if !was {
		return nil, false
	}
	c.forgetPacked(k)
	if h := c.held[l.shard()]; h != nil {
		return h.leave(l.Name), true
	}
	none := make(chan struct{})
	close(none)
	return none, true
}

// forgetPacked drops what is known of a packed line. mu is held.
func (c *Consumer) forgetPacked(k Key) {
	l, was := c.packed[k]
	if !was {
		return
	}
	delete(c.packed, k)
	if c.wanted[l.shard()]--; c.wanted[l.shard()] == 0 {
		delete(c.wanted, l.shard())
	}
}

// Wanted are the shards of the lines that this worker was told of.
func (c *Consumer) Wanted() []shards.Shard {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	return slices.Collect(maps.Keys(c.wanted))
}

// Take begins to take from the lines of a shard.
func (c *Consumer) Take(ctx context.Context, s shards.Shard, l *shards.Log, p shards.Places) {
	h := newHeld(ctx, c, s, l, p)
	if state, err := h.lines.State(ctx, h.lines.Events); err == nil {
		if made := state.Created.UnixNano(); h.made != made {
			if h.made != 0 { // what is written is of a stream that is gone
				h.read, h.had, h.others, h.fixed = 0, 0, map[string]shards.Place{}, map[string]shards.Place{}
			}
			h.made = made
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held[s] = h
	for _, line := range c.packed {
		if line.shard() == s {
			c.putLater(h, line)
		}
	}
	r := c.readers[s.Instance]
	if r == nil {
		r = &reader{consumer: c, lines: h.lines, shards: map[int]*held{}}
		c.readers[s.Instance] = r
		reading, stop := context.WithCancel(context.Background())
		r.stop = stop
		r.shards[s.Number] = h
		go r.run(reading)
	} else {
		r.shards[s.Number] = h
		if r.again != nil {
			r.again()
		}
	}
	go h.write()
	go h.serve()
	go h.keepBookmark()
	context.AfterFunc(ctx, func() { c.lose(h) })
}

// lose forgets a shard that is not held any more.
func (c *Consumer) lose(h *held) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held[h.shard] != h {
		return
	}
	delete(c.held, h.shard)
	h.tellUnwritten()
	if r := c.readers[h.shard.Instance]; r != nil && r.shards[h.shard.Number] == h {
		delete(r.shards, h.shard.Number)
		if len(r.shards) == 0 {
			r.stop()
			delete(c.readers, h.shard.Instance)
		}
	}
}

// Drop takes nothing more of a shard.
func (c *Consumer) Drop(s shards.Shard) <-chan struct{} {
	c.mu.Lock()
	h := c.held[s]
	c.mu.Unlock()
	if h == nil {
		none := make(chan struct{})
		close(none)
		return none
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.dropping = true
	h.hurry()
	drained := h.drained
	if h.ctx.Err() != nil {
		gone := make(chan struct{})
		close(gone)
		return gone
	}
	return drained
}
