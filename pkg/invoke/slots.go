package invoke

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// slots counts a target's exchanges under way and holds back what is over the
// limit. Who waits longest is first. The count outlives a change of the limit:
// exchanges begun under the old one still count.
type slots struct {
	mu      sync.Mutex
	limit   int // 0 = none
	used    int
	waiting list.List // of chan struct{}, closed when the slot is theirs
}

// take gets a slot, or waits for one until ctx ends or wait is over. It tells
// whether there is one; give must follow if so.
func (s *slots) take(ctx context.Context, wait time.Duration) bool {
	s.mu.Lock()
	if s.limit == 0 || (s.used < s.limit && s.waiting.Len() == 0) {
		s.used++
		s.mu.Unlock()
		return true
	}
	mine := make(chan struct{})
	place := s.waiting.PushBack(mine)
	s.mu.Unlock()

	over := time.NewTimer(wait)
	defer over.Stop()
	select {
	case <-mine:
		return true
	case <-ctx.Done():
	case <-over.C:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-mine: // it came in the same moment
		return true
	default:
		s.waiting.Remove(place)
		return false
	}
}

// give hands a slot back, to whoever waits longest.
func (s *slots) give() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used--
	s.admit()
}

// resize changes the limit. A lower one cuts off nothing that is under way.
func (s *slots) resize(limit int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limit = limit
	s.admit()
}

// admit lets in who waits, as far as there is room.
func (s *slots) admit() {
	for first := s.waiting.Front(); first != nil && (s.limit == 0 || s.used < s.limit); first = s.waiting.Front() {
		close(s.waiting.Remove(first).(chan struct{}))
		s.used++
	}
}
