package shards

import (
	"context"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
)

// beats says over and over that this worker is there, until the holder ends.
func (h *Holder) beats() {
	for due := time.Now(); ; {
		select {
		case <-h.life.Done():
			return
		case <-time.After(time.Until(due)):
		}
		due = h.beat(due)
	}
}

// connect opens a connection for beats alone, so that none waits behind deliveries. While
// there is none, they go over the first one.
func (h *Holder) connect() {
	own, err := h.bus.Beside(h.life, "(leases)")
	if err != nil {
		if h.life.Err() == nil {
			h.bus.Log().Warn().Err(err).Msg("there is no connection for leases alone: they are renewed over the one for deliveries")
		}
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.beside = own
}

// connection is the one that the next beat goes over. ok is false while the first one is
// broken: nothing can be done with what is held then, and another is to have it.
func (h *Holder) connection() (b *bus.Bus, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.beside != nil && h.beside.Connected() {
		return h.beside, h.bus.Connected()
	}
	return h.bus, h.bus.Connected()
}

// beat says it once, and begins a session when there is none. It gives when the next
// beat is due. One that is not confirmed delays it by half of a lease at most, or until
// the connection is made anew, and counts still when the watch tells of it later.
func (h *Holder) beat(due time.Time) (next time.Time) {
	over, ok := h.connection()
	if !ok {
		return time.Now().Add(h.least / 10)
	}
	h.mu.Lock()
	if h.session == nil {
		h.session = newSession()
	}
	s, now := h.session, time.Now()
	lease, every := h.costs.lease(h.least, now), h.least/10
	if s.young(now) {
		lease = max(lease, youngLease)
	} else {
		every = lease / 10
	}
	b, expected := s.send(lease, now), s.revision
	h.lapseLater(s)
	h.mu.Unlock()
	asking, cancel := over.Session(h.life, now.Add(lease/2))
	defer cancel()
	connections := over.Conn().Stats().Reconnects
	revision, err := over.Bucket(bus.BucketHolders).Update(asking, sessionKey(s.id), word{lease: lease, beat: b.number}.bytes(), expected)
	h.mu.Lock()
	now = time.Now()
	if over.Connected() && over.Conn().Stats().Reconnects == connections { // else it tells of the network, which is gone
		h.costs.add(now.Sub(due), now)
	}
	if err == nil {
		h.confirm(s, b.number, revision)
	}
	disputed := action.CodeOf(err) == action.CodeConflict && s.revision == expected // else the watch has told why
	h.mu.Unlock()
	if disputed && h.settle(s, lease/2) {
		return now
	}
	if next = due.Add(every); next.Before(now) {
		next = now
	}
	return next
}

// settle finds out who wrote the entry of a session when another was expected there: we
// ourselves, in a beat that nobody had confirmed, or who took it for dead. It tells
// whether the session goes on.
func (h *Holder) settle(s *session, within time.Duration) bool {
	asking, cancel := context.WithTimeout(h.life, within)
	defer cancel()
	v, there, err := h.bus.Bucket(bus.BucketHolders).Get(asking, sessionKey(s.id))
	if err != nil {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	before := s.revision
	h.own(s, v, there)
	return h.session == s && s.revision > before
}

// own is told what stands in the entry of the session of this worker. mu is held.
func (h *Holder) own(s *session, v bus.Value, there bool) {
	w := wordOf(v.Bytes)
	switch {
	case h.session != s || there && v.Revision <= s.revision: // it is known
	case there && !w.dead:
		h.confirm(s, w.beat, v.Revision)
	case s.stored() || there: // it was taken for dead
		h.lapsed(s)
	}
}

// confirm notes that a beat was stored. mu is held.
func (h *Holder) confirm(s *session, number, revision uint64) {
	if h.session != s {
		return
	}
	if s.stored() && !s.good() { // it was over, and what was held is given up
		h.lapsed(s)
		return
	}
	first := !s.stored()
	s.confirm(number, revision)
	if !s.good() {
		h.lapsed(s)
		return
	}
	h.lapseLater(s)
	if first {
		h.Soon()
	}
}

// lapseLater has a session end at the moment when it is not good any more. mu is held.
func (h *Holder) lapseLater(s *session) {
	if !s.stored() {
		return
	}
	left := time.Until(s.until) + time.Millisecond
	if s.lapse == nil {
		s.lapse = time.AfterFunc(left, func() { h.mine() })
		return
	}
	s.lapse.Reset(left)
}

// mine gives the session while it is good. One that is over ends here.
func (h *Holder) mine() *session {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.session
	if s == nil || !s.stored() {
		return nil
	}
	if !s.good() {
		h.lapsed(s)
		return nil
	}
	return s
}

// lapsed ends a session that the others did not hear of in time. mu is held.
func (h *Holder) lapsed(s *session) {
	h.bus.Log().Warn().Msg("this worker was not heard of in time: it lets go of its shards")
	h.end(s)
}

// end ends a session: what was held in it is not any more. mu is held.
func (h *Holder) end(s *session) {
	s.end()
	if s.lapse != nil {
		s.lapse.Stop()
	}
	if h.session == s {
		h.session = nil
		clear(h.holdings)
	}
}
