package lines

import (
	"context"
	"sync"
	"time"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/shards"
)

// held is a shard that this worker holds: its lines, how far they have come, and what
// of that is written.
type held struct {
	consumer *Consumer
	lines    Lines
	shard    shards.Shard
	log      *shards.Log     // of commits alone
	ctx      context.Context // ends when it is not ours any more
	kick     chan struct{}

	mu       sync.Mutex
	read     uint64 // up to which events were handed to its lines
	wrote    uint64 // what of that is written
	had      uint64 // up to which whoever had the shard before had read: until then nobody knows what waits
	made     int64
	members  map[string]*member
	others   map[string]shards.Place // of lines that this worker has not heard of, or has left
	fixed    map[string]shards.Place // those of them that are not written yet
	routes   routes
	touched  map[*member]struct{} // whose place may be another than what is written
	gone     []string
	leavers  map[string]*member // lines that were left, whose head is in hand still
	passed   []*member          // that wait until their place is written
	asked    []chan struct{}
	inWork   int
	dropping bool
	drained  chan struct{}
	marked   time.Time     // when the bookmark was told last
	marks    chan bookmark // the newest, until somebody comes to it
}

const (
	writeFor   = 2 * time.Second
	writeAgain = 50 * time.Millisecond
	writeIdle  = time.Second // after which it is written how far was read, though nothing was done
	headAgain  = 100 * time.Millisecond
)

func newHeld(ctx context.Context, c *Consumer, s shards.Shard, l *shards.Log, p shards.Places) *held {
	h := &held{consumer: c, lines: Of(c.bus.Instance(s.Instance)), shard: s, log: l, ctx: ctx, kick: make(chan struct{}, 1),
		read: p.Read, wrote: p.Read, had: p.Read, made: p.Made, members: map[string]*member{}, others: p.Lines, touched: map[*member]struct{}{}, drained: make(chan struct{}), fixed: map[string]shards.Place{}, leavers: map[string]*member{},
		marks: make(chan bookmark, 1)}
	for name, p := range h.others {
		if p.Next == 0 { // while it is no member, what is read of it is not done
			h.fix(name, p, h.read)
		}
	}
	h.read = behind(p)
	return h
}

// rewindMost is how many sequences a shard that is taken over is read again at most, for
// the lines that are a little behind. One that is farther behind reads for itself.
const rewindMost = 50_000

// behind is from where on a shard that is taken over is to be read.
func behind(p shards.Places) uint64 {
	from := p.Read
	for _, place := range p.Lines {
		if done := max(place.Next, 1) - 1; place.Next > 0 && done+rewindMost >= p.Read {
			from = min(from, done)
		}
	}
	return from
}

// fix keeps the place of a line that is no member, or not yet. mu is held.
func (h *held) fix(name string, p shards.Place, done uint64) {
	p.Next = done + 1
	h.others[name], h.fixed[name] = p, p
}

// touch has the place of a line written. mu is held.
func (h *held) touch(m *member) { h.touched[m] = struct{}{} }

// room tells whether the body of one more event may be kept.
func (h *held) room(bytes int) bool { return h.consumer.queued.Load()+int64(bytes) <= queuedMost }

// put makes a line one of the shard, or tells it what has changed of it. kept is how far
// it has come if nothing is written of it here.
func (h *held) put(l Line, kept uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if m := h.members[l.Name]; m != nil {
		m.line = l
		m.start()
		return
	}
	m := &member{held: h, line: l, ended: make(chan struct{})}
	p, known := h.others[l.Name]
	delete(h.others, l.Name)
	delete(h.fixed, l.Name)
	switch {
	case !known:
		m.done = max(kept, max(l.Cut, 1)-1)
	case p.Next > 0:
		m.done = p.Next - 1
	default:
		m.done = h.read
	}
	if p.Until > 0 {
		m.until = time.Unix(0, p.Until)
	}
	m.tried = true // whoever had it before may have begun
	h.touch(m)
	if m.done < h.read {
		m.gapFrom, m.gap, m.unknown = m.done, h.read, true
	}
	m.before = h.leavers[l.Name]
	h.members[l.Name] = m
	h.routes.add(l.filter(), m)
	m.start()
	h.hurry()
}

// knows tells whether anything is written of a line, or it is a member.
func (h *held) knows(name string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, written := h.others[name]
	return written || h.members[name] != nil
}

// leave takes nothing more from a line. The channel is closed when nothing of it is in
// hand.
func (h *held) leave(name string) <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	m := h.members[name]
	if m == nil {
		none := make(chan struct{})
		close(none)
		return none
	}
	h.fix(name, m.place(), m.floor())
	h.dismiss(m)
	h.hurry()
	return m.ended
}

// dismiss takes a line out of what is taken from. mu is held.
func (h *held) dismiss(m *member) {
	m.stopped = true
	h.routes.remove(m.line.filter(), m)
	delete(h.members, m.line.Name)
	delete(h.touched, m)
	m.clear()
	if m.working == 0 {
		close(m.ended)
	} else {
		h.leavers[m.line.Name] = m
	}
}

// route hands an event to the lines that take it.
func (h *held) route(e bus.Message) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if e.Sequence <= h.read {
		return
	}
	before := h.read
	h.read = e.Sequence
	h.routes.match(e.Subject, func(m *member) {
		if !m.pending() {
			m.done = max(m.done, before)
		}
		m.arrive(e)
	})
}

// work has the handler carry out the head of a line.
func (h *held) work(m *member, turn uint64) {
	var end ending
	defer func() { h.worked(m, turn, end) }()
	select {
	case h.consumer.places <- struct{}{}:
		defer func() { <-h.consumer.places }()
	case <-h.ctx.Done():
		return
	}
	e, ok, err := h.next(h.ctx, m, turn)
	if err != nil {
		end.delay = headAgain
		end.kind = endWaits
		if h.ctx.Err() == nil {
			h.consumer.bus.Log().Warn().Err(err).Str("instance", m.line.Instance).Str("line", m.line.Name).Msg("line interrupted")
		}
		return
	}
	if !ok {
		end.kind = endNone
		return
	}
	ctx, cancel := context.WithCancelCause(h.consumer.working)
	defer cancel(nil)
	defer context.AfterFunc(h.ctx, func() { cancel(ErrLapsed) })()
	g := &packed{held: h, member: m, turn: turn, sequence: e.Sequence}
	h.consumer.handle(ctx, h.delivery(m, e, g))
	end = g.end_
}

// delivery is an event in hand.
func (h *held) delivery(m *member, e bus.Message, g grip) *Delivery {
	h.mu.Lock()
	l, tried, hurried := m.line, m.tried, m.hurried
	m.tried, m.begun, m.hurried, m.handed = true, true, false, max(m.handed, e.Sequence)
	h.mu.Unlock()
	return eventDelivery(h, l, e, tried, hurried, g)
}

// worked goes on behind what was in hand.
func (h *held) worked(m *member, turn uint64, end ending) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.inWork--
	sequence := m.working
	m.working = 0
	if m.stopped {
		h.left(m, sequence, end)
	}
	if m.turn == turn && !m.stopped {
		switch end.kind {
		case endDone:
			m.pass(sequence)
			h.touch(m)
			m.waiting = true
			h.passed = append(h.passed, m)
		case endWaits:
			m.notNow = time.Now().Add(end.delay)
		case endNone:
			h.touch(m)
		default: // it was left
			m.notNow = time.Now().Add(headAgain)
		}
	}
	m.start()
	h.hurry()
}

// left is told what became of the last delivery of a line that was left meanwhile, and
// perhaps come back to. mu is held.
func (h *held) left(m *member, sequence uint64, end ending) {
	close(m.ended)
	name := m.line.Name
	if h.leavers[name] == m {
		delete(h.leavers, name)
	}
	again := h.members[name]
	if end.kind == endDone {
		m.done = sequence
		if p, is := h.others[name]; is && m.done+1 > p.Next {
			h.fix(name, p, m.done)
		} else if again != nil && m.done > again.done {
			again.done, again.gapFrom = m.done, max(again.gapFrom, m.done)
			h.touch(again)
		}
	}
	if again != nil && again.before == m {
		again.before = nil
		again.start()
	}
}

// hurry has what has changed written. mu is held or not.
func (h *held) hurry() {
	select {
	case h.kick <- struct{}{}:
	default: // it is about to be
	}
}

// tellUnwritten says of a shard that was lost what of it was done and not written: it
// comes again, at whoever has the shard then.
func (h *held) tellUnwritten() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range h.members {
		if m.waiting {
			h.consumer.bus.Log().Warn().Str("instance", m.line.Instance).Str("line", m.line.Name).Uint64("sequence", m.done).
				Msg("how far the line has come was not written, the delivery will come again")
		}
	}
}
