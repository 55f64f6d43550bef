package lines

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/callout-hq/callout/pkg/bus/shards"
)

// write writes places until the shard is given back, or is not ours any more.
func (h *held) write() {
	idle := time.NewTicker(writeIdle)
	defer idle.Stop()
	for {
		select {
		case <-h.ctx.Done():
			return
		case <-h.kick:
		case <-idle.C:
		}
		for !h.commit() {
			select {
			case <-h.ctx.Done():
				return
			case <-time.After(writeAgain):
			}
		}
		h.mark()
		if h.rest() {
			return
		}
	}
}

// rest tells whether the shard is being given back and nothing of it is left to do.
func (h *held) rest() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.dropping || h.inWork > 0 || len(h.touched) > 0 || len(h.passed) > 0 {
		return false
	}
	close(h.drained)
	return true
}

// commit is what one write is about.
type commit struct {
	change  shards.Change
	whole   *shards.Places
	members map[*member]shards.Place
	passed  []*member
	asked   []chan struct{}
}

// gather takes what is to be written. ok is false when there is nothing.
func (h *held) gather() (c commit, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c = commit{change: shards.Change{Read: h.read, Made: h.made, Gone: h.gone, Lines: map[string]shards.Place{}}, members: map[*member]shards.Place{}, passed: h.passed, asked: h.asked}
	maps.Copy(c.change.Lines, h.fixed)
	for m := range h.touched {
		p := m.place()
		if !m.known || p != m.written {
			c.change.Lines[m.line.Name] = p
		}
		c.members[m] = p
	}
	if h.log.Long() {
		c.whole = &shards.Places{Read: h.read, Made: h.made, Lines: maps.Clone(h.others)}
		for name, m := range h.members {
			c.members[m] = m.place()
			c.whole.Lines[name] = c.members[m]
		}
	}
	if len(c.change.Lines) == 0 && len(h.gone) == 0 && len(h.passed) == 0 && len(h.asked) == 0 && c.whole == nil && h.read == h.wrote {
		clear(h.touched)
		return c, false
	}
	h.touched, h.gone, h.passed, h.asked, h.fixed = map[*member]struct{}{}, nil, nil, nil, map[string]shards.Place{}
	return c, true
}

// commit writes what has changed; false means that it is to be tried again.
func (h *held) commit() bool {
	c, ok := h.gather()
	if !ok {
		return true
	}
	ctx, cancel := context.WithTimeout(h.ctx, writeFor)
	defer cancel()
	var err error
	if c.whole != nil {
		err = h.log.Whole(ctx, *c.whole)
	} else {
		err = h.log.Commit(ctx, c.change)
	}
	if errors.Is(err, shards.ErrFenced) {
		h.consumer.bus.Log().Warn().Stringer("shard", h.shard).Msg("another worker has taken over a shard that was held here")
		h.consumer.holder.Fenced(h.shard)
		return true
	}
	if err != nil && h.ctx.Err() == nil {
		h.consumer.bus.Log().Warn().Err(err).Stringer("shard", h.shard).Msg("how far lines have come could not be written, and is tried again")
	}
	h.committed(c, err)
	return err == nil
}

// committed goes on with the lines whose places are written, or keeps what is not.
func (h *held) committed(c commit, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil {
		for m := range c.members {
			if !m.stopped {
				h.touch(m)
			}
		}
		for name, p := range h.others {
			h.fixed[name] = p
		}
		h.gone, h.passed, h.asked = append(c.change.Gone, h.gone...), append(c.passed, h.passed...), append(c.asked, h.asked...)
		return
	}
	h.wrote = c.change.Read
	for m, p := range c.members {
		m.written, m.known = p, true
		if p.Next > h.read && !m.stopped { // ahead of what was read: it is written again when that has come
			h.touch(m)
		}
	}
	for _, m := range c.passed {
		m.waiting = false
		m.start()
	}
	for _, done := range c.asked {
		close(done)
	}
}
