package invoke

import (
	"container/list"
	"context"
	"sync"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/share"
)

// waitingFor is how many exchanges may wait for each that may be under way.
const waitingFor = 2

// Shares divide what one worker can do at once among the targets, and among the
// instances: a target that hangs, or is flooded with calls, takes nothing from
// another. They are safe for concurrent use.
type Shares struct {
	underWay, waiting *share.Places[party]

	mu    sync.Mutex
	lines map[party]*list.List // of *queued: those that wait for a place
	turns *list.List           // of those parties, in the order in which they are let in

	undivided bool
}

// party is a target of an instance: whose share it is.
type party struct{ instance, owner, target string }

// queued is an exchange that waits for a place; ready is closed when it has one.
type queued struct{ ready chan struct{} }

// NewShares makes the shares of which one target may have alone exchanges under
// way while nobody else has any, 1 or more, and twice as many that wait. All
// targets of an instance have at most half as much again, and all instances that
// and half of it.
func NewShares(alone int) *Shares {
	return &Shares{underWay: share.NewPlaces[party](int64(alone)), waiting: share.NewPlaces[party](waitingFor * int64(alone)), lines: map[party]*list.List{}, turns: list.New()}
}

// Undivided are shares that are none: who comes first has all that one target may have.
// They are for measuring what sharing does.
func Undivided(alone int) *Shares {
	s := NewShares(alone)
	s.undivided = true
	return s
}

// admit waits for the target's limits, and for a place among the exchanges under
// way, at most wait. Who waits holds none, and there is a bound to who waits: one
// more is told at once that the target is busy.
func (s *Shares) admit(ctx context.Context, of party, l *limits, wait time.Duration) (p permit, a Answer, refused bool) {
	if s == nil {
		return l.admit(ctx, wait)
	}
	if s.undivided {
		of = party{}
	}
	if l.neverWaits() && s.enterAtOnce(of) {
		if p, a, refused = l.admit(ctx, wait); refused {
			s.leave(of)
		}
		p.shares, p.of = s, of
		return p, a, refused
	}
	if !s.waiting.Take(of.instance, of, 1) {
		return permit{}, uncharged(action.CodeBusy, againSoon), true
	}
	defer s.waiting.Give(of.instance, of, 1)
	until := time.Now().Add(wait)
	if p, a, refused = l.admit(ctx, wait); refused {
		return p, a, refused
	}
	if !s.enter(ctx, of, time.Until(until)) {
		a = overOr(ctx, action.CodeBusy, againSoon)
		p.end(ctx, a)
		return permit{}, a, true
	}
	p.shares, p.of = s, of
	return p, Answer{}, false
}

// enterAtOnce takes a place among the exchanges under way that nobody waits for.
// leave must follow, if there is one.
func (s *Shares) enterAtOnce(of party) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lines[of] == nil && s.underWay.Take(of.instance, of, 1)
}

// enter takes a place among the exchanges under way, or waits for one behind the
// others of its target until ctx ends or wait is over. leave must follow, if there
// is one.
func (s *Shares) enter(ctx context.Context, of party, wait time.Duration) bool {
	s.mu.Lock()
	line := s.lines[of]
	if line == nil && s.underWay.Take(of.instance, of, 1) {
		s.mu.Unlock()
		return true
	}
	if line == nil {
		line = list.New()
		s.lines[of] = line
		s.turns.PushBack(of)
	}
	mine := &queued{make(chan struct{})}
	place := line.PushBack(mine)
	s.letIn() // those before may all have given up
	s.mu.Unlock()

	over := time.NewTimer(wait)
	defer over.Stop()
	select {
	case <-mine.ready:
		return true
	case <-ctx.Done():
	case <-over.C:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-mine.ready: // it came in the same moment
		return true
	default:
		line.Remove(place)
		return false
	}
}

func (s *Shares) leave(of party) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.underWay.Give(of.instance, of, 1)
	s.letIn()
}

// letIn gives the places that are free to who waits, the targets in turn. It ends
// when nobody was let in by a whole round.
func (s *Shares) letIn() {
	for idle := 0; s.turns.Len() > 0 && idle < s.turns.Len(); {
		turn := s.turns.Front()
		of := turn.Value.(party)
		line := s.lines[of]
		first := line.Front()
		switch {
		case first == nil:
			s.turns.Remove(turn)
			delete(s.lines, of)
			continue
		case s.underWay.Take(of.instance, of, 1):
			close(line.Remove(first).(*queued).ready)
			idle = 0
		default:
			idle++
		}
		s.turns.MoveToBack(turn)
	}
}
