package lines

import (
	"context"
	"errors"
	"time"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/shards"
)

// Bounds of what is kept in memory of one packed line, besides what is in work. What
// does not fit is read again when its turn comes.
const (
	queueMost  = 64
	queueBytes = 1 << 20
	fetchFirst = 8   // how many are read at once when it is behind, at first
	fetchMost  = 256 // and at most
)

// member is a line in a shard that this worker holds. held.mu guards all of it.
type member struct {
	held *held
	line Line

	done    uint64        // up to which everything of it is done
	early   []bus.Message // read again, before those in queue
	gap     uint64        // up to which events are to be read again, behind the last of early
	gapFrom uint64        // and behind which
	queue   []bus.Message // as they came
	bytes   int           // of their bodies
	last    uint64        // sequence of the last that came and is in queue
	beyond  int           // events behind those that did not fit
	unknown bool          // how many there are in the gap is not known
	fetch   int

	until   time.Time // it hands out nothing before
	notNow  time.Time // its head waits for its next attempt
	tried   bool      // its head may have been in hand before, here or elsewhere
	begun   bool      // it was, here
	hurried bool
	working uint64 // sequence of the head that is in hand; 0 = none
	turn    uint64 // it grows when work begins, and when somebody moves the line
	begunIn uint64 // the turn that what is in hand began in: in another one it counts for nothing
	waiting bool   // what was done last is not written yet
	stopped bool   // nothing more is taken from it
	ended   chan struct{}
	before  *member // the line as it was taken from before, whose head is in hand still
	wake    *time.Timer
	handed  uint64 // the highest sequence that was ever in hand
	moved   time.Time

	written shards.Place
	known   bool // it is in what is written
}

// pending tells whether anything of it is not done.
func (m *member) pending() bool {
	return len(m.early) > 0 || m.gapFrom < m.gap || len(m.queue) > 0 || m.beyond > 0
}

// place is what is to be written of it.
func (m *member) place() (p shards.Place) {
	if m.pending() || m.done > m.held.read {
		p.Next = m.settled() + 1
	}
	if m.until.After(time.Now()) {
		p.Until = m.until.UnixNano()
	}
	return p
}

// floor is the sequence up to which everything is done.
func (m *member) floor() uint64 {
	if m.pending() {
		return m.settled()
	}
	return max(m.done, m.held.read)
}

// settled is the sequence before that of the first that is pending, as far as what lies
// between has been read: it is of others, or of no line.
func (m *member) settled() uint64 {
	switch {
	case len(m.early) > 0:
		return max(m.done, m.early[0].Sequence-1)
	case m.gapFrom < m.gap:
		return max(m.done, m.gapFrom)
	case len(m.queue) > 0:
		return max(m.done, m.queue[0].Sequence-1)
	}
	return m.done
}

// arrive takes an event that has just been read.
func (m *member) arrive(e bus.Message) {
	if e.Sequence <= m.done || m.stopped {
		return
	}
	if !m.pending() {
		m.done = e.Sequence - 1
		m.held.touch(m)
	}
	if m.beyond > 0 || len(m.queue) >= queueMost || m.bytes+len(e.Body) > queueBytes && len(m.queue) > 0 || !m.held.room(len(e.Body)) && len(m.queue) > 0 {
		if m.beyond == 0 {
			m.last = m.lastQueued()
		}
		m.beyond++
		return
	}
	m.queue, m.bytes = append(m.queue, e), m.bytes+len(e.Body)
	m.held.consumer.queued.Add(int64(len(e.Body)))
	m.start()
}

func (m *member) lastQueued() uint64 {
	if n := len(m.queue); n > 0 {
		return m.queue[n-1].Sequence
	}
	return m.done
}

// start has the head worked on, unless something is in the way.
func (m *member) start() {
	h := m.held
	if m.working != 0 || m.waiting || m.stopped || m.before != nil || h.dropping || h.ctx.Err() != nil || m.line.Fenced || !m.pending() {
		return
	}
	wait := max(time.Until(m.until), time.Until(m.notNow))
	if wait > 0 {
		if m.wake == nil {
			m.wake = time.AfterFunc(wait, m.awake)
		} else {
			m.wake.Reset(wait)
		}
		return
	}
	m.working = m.done + 1
	m.turn++
	m.begunIn = m.turn
	h.inWork++
	go h.work(m, m.turn)
}

func (m *member) awake() {
	m.held.mu.Lock()
	defer m.held.mu.Unlock()
	m.start()
}

// next gives the head, reading it again where it did not fit; ok is false when there
// is none.
func (h *held) next(ctx context.Context, m *member, turn uint64) (e bus.Message, ok bool, err error) {
	for {
		h.mu.Lock()
		switch {
		case m.turn != turn:
			h.mu.Unlock()
			return e, false, nil
		case len(m.early) > 0:
			e = m.early[0]
			m.working = e.Sequence
			h.mu.Unlock()
			return e, true, nil
		case m.gapFrom < m.gap:
			from, to := m.gapFrom, m.gap
			m.fetch = min(max(2*m.fetch, fetchFirst), fetchMost)
			filter, most := m.line.filter(), m.fetch
			h.mu.Unlock()
			some, err := h.readAgain(ctx, filter, from, to, most)
			if err != nil {
				return e, false, err
			}
			h.mu.Lock()
			if m.turn == turn {
				m.fetched(some, to)
				if !m.stopped {
					h.touch(m) // it has come farther, though nothing of it was done
				}
			}
			h.mu.Unlock()
		case len(m.queue) > 0:
			e = m.queue[0]
			m.working = e.Sequence
			h.mu.Unlock()
			return e, true, nil
		case m.beyond > 0:
			m.gapFrom, m.gap, m.beyond = max(m.last, m.done), h.read, 0
			h.mu.Unlock()
		default:
			m.done = max(m.done, min(m.gap, h.read))
			h.mu.Unlock()
			return e, false, nil
		}
	}
}

// errBehind tells that a replica does not have yet what the leader has.
var errBehind = errors.New("a replica of the event stream is behind its leader")

// readAgain reads events of a line behind a sequence again, those up to another one at
// least. Where it finds none, who leads the stream says whether there is none: a replica
// may be behind, and what it does not have yet would be passed over.
func (h *held) readAgain(ctx context.Context, filter string, from, to uint64, most int) ([]bus.Message, error) {
	some, err := h.lines.Read(ctx, h.lines.Events, filter, from+1, most)
	if err != nil || len(some) > 0 {
		return some, err
	}
	next, there, err := h.lines.LeadersNext(ctx, h.lines.Events, filter, from+1)
	if err == nil && there && next <= to {
		err = errBehind
	}
	return nil, err
}

// fetched takes what was read again.
func (m *member) fetched(some []bus.Message, to uint64) {
	m.gapFrom, m.unknown = to, m.unknown && len(some) > 0
	for _, e := range some {
		if e.Sequence > to {
			m.unknown = false
			return
		}
		m.early = append(m.early, e)
		m.gapFrom = e.Sequence
	}
	if len(some) == 0 {
		m.gapFrom = to
	}
}

// pass takes the head away, which is done.
func (m *member) pass(sequence uint64) {
	switch {
	case len(m.early) > 0 && m.early[0].Sequence == sequence:
		m.early = m.early[1:]
	case len(m.queue) > 0 && m.queue[0].Sequence == sequence:
		m.bytes -= len(m.queue[0].Body)
		m.held.consumer.queued.Add(-int64(len(m.queue[0].Body)))
		m.queue[0] = bus.Message{}
		m.queue = m.queue[1:]
	}
	m.done, m.tried, m.begun, m.hurried, m.notNow, m.moved = sequence, false, false, false, time.Time{}, time.Now()
}

// clear forgets what was read.
func (m *member) clear() {
	m.held.consumer.queued.Add(-int64(m.bytes))
	m.early, m.queue, m.bytes, m.beyond, m.gap, m.gapFrom, m.unknown = nil, nil, 0, 0, 0, 0, false
}

// moveTo has the event at a sequence be the next, at once.
func (m *member) moveTo(sequence uint64) {
	again := m.working != 0 && m.working == sequence && m.begunIn == m.turn
	m.hurried, m.notNow = true, time.Time{}
	if again { // it is in hand
		return
	}
	m.turn++ // what is in hand counts for nothing any more
	m.clear()
	m.done, m.tried, m.begun = sequence-1, true, false
	if m.done < m.held.read {
		m.gapFrom, m.gap, m.unknown = m.done, m.held.read, true
	}
	m.held.touch(m)
}
