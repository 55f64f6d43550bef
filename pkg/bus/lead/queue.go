package lead

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/wire"
)

// queueMost is how many callers of one process may wait for one instance.
const queueMost = 4096

// queueStays is how long a queue that follows its key stays behind when nobody
// waits any more: who comes again at once need not begin to follow anew.
const queueStays = 100 * time.Millisecond

// queue is where the callers of one process wait for one instance. Only the first
// of them deals with the other processes, with one ticket for all.
type queue struct {
	bus      *bus.Bus
	instance string
	key      string
	users    int // under queues.mu

	mu        sync.Mutex
	taken     bool
	waiting   []chan struct{}
	told      []byte        // what the key holds, as the watch has it
	news      chan struct{} // closed and replaced when told changes
	following context.CancelFunc
	// Who led when the rota was last looked at, and since when.
	seen   rota
	seenAt time.Time

	ticket string // of the first, who alone uses it
}

// queueSet has the queues in which somebody waits or leads.
type queueSet struct {
	mu sync.Mutex
	of map[queueKey]*queue
}

type queueKey struct {
	bus      *bus.Bus
	instance string
}

var queues = queueSet{of: map[queueKey]*queue{}}

func (s *queueSet) join(b *bus.Bus, instance string) *queue {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.of[queueKey{b, instance}]
	if q == nil {
		q = &queue{bus: b, instance: instance, key: wire.Token(instance), news: make(chan struct{})}
		s.of[queueKey{b, instance}] = q
	}
	q.users++
	return q
}

func (s *queueSet) leave(q *queue) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if q.users--; q.users > 0 {
		return
	}
	q.mu.Lock()
	stop := q.following
	q.mu.Unlock()
	if stop == nil {
		delete(s.of, queueKey{q.bus, q.instance})
		return
	}
	time.AfterFunc(queueStays, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if q.users == 0 && s.of[queueKey{q.bus, q.instance}] == q {
			delete(s.of, queueKey{q.bus, q.instance})
			stop()
		}
	})
}

// enter waits until the caller is the first.
func (q *queue) enter(ctx context.Context) error {
	if ctx.Err() != nil {
		return gaveUp(ctx)
	}
	q.mu.Lock()
	if !q.taken {
		q.taken = true
		q.mu.Unlock()
		return nil
	}
	if len(q.waiting) >= queueMost {
		q.mu.Unlock()
		return action.NewError(action.CodeBusy, action.StageCatalog, "as many wait for the instance as may")
	}
	first := make(chan struct{})
	q.waiting = append(q.waiting, first)
	q.mu.Unlock()
	select {
	case <-first:
		return nil
	case <-ctx.Done():
	}
	q.mu.Lock()
	i := slices.Index(q.waiting, first)
	if i >= 0 {
		q.waiting = slices.Delete(q.waiting, i, i+1)
	}
	q.mu.Unlock()
	if i < 0 { // it became the first meanwhile
		q.exit()
	}
	return gaveUp(ctx)
}

// exit lets the next one be the first. It takes over the ticket of one that gave
// up; when there is nobody, that is taken back.
func (q *queue) exit() {
	if q.pass(false) {
		return
	}
	q.release(reading{})
	q.pass(true)
}

// pass tells whether there is a next one. With vacate the place of the first is
// given up when there is not.
func (q *queue) pass(vacate bool) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.taken = !vacate
		return false
	}
	close(q.waiting[0])
	q.waiting = q.waiting[1:]
	return true
}

func gaveUp(ctx context.Context) error {
	return action.NewError(action.CodeConflict, action.StageCatalog, "another dispatcher is at work on the instance").WithCause(ctx.Err())
}

// follow begins to follow the key, once.
func (q *queue) follow() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.following != nil {
		return
	}
	ctx, stop := context.WithCancel(context.Background()) //nolint:gosec // leave calls it
	q.following = stop
	q.bus.Bucket(bus.BucketLeads).Follow(ctx, q.key, func(v bus.Value) {
		q.mu.Lock()
		defer q.mu.Unlock()
		if !bytes.Equal(q.told, v.Bytes) {
			q.told = v.Bytes
			close(q.news)
			q.news = make(chan struct{})
		}
	})
}

// note remembers since when a leader has not moved.
func (q *queue) note(found reading) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.seenAt.IsZero() || found.Leader != q.seen.Leader || found.Beat != q.seen.Beat {
		q.seen, q.seenAt = found.rota, time.Now()
	}
}

// untilLate is how long a leader still has before it is set aside. The monotonic
// clock alone is asked: if it stood, the leader has more time, never less.
func (q *queue) untilLate(r rota) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	has := leadLate
	if r.Beat == 0 {
		has = leadAnswer
	}
	if r.Leader != q.seen.Leader || r.Beat != q.seen.Beat {
		return has
	}
	return has - time.Since(q.seenAt)
}

func (q *queue) newsOf() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.news
}

func (q *queue) toldLast() reading {
	q.mu.Lock()
	told := newReading(q.told)
	q.mu.Unlock()
	q.note(told)
	return told
}

func (q *queue) agrees(known reading) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return bytes.Equal(q.told, known.raw)
}
