package callout

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// Store remembers which deliveries are done, so that one that comes again is not handled twice. Who
// keeps it in the transaction of the handler itself handles a delivery once for good. It is used by several
// goroutines at once. An error is answered 503, and the delivery comes again.
type Store interface {
	// Seen tells whether a delivery is done.
	Seen(ctx context.Context, id string) (bool, error)
	// Done marks it so. It is called when its handler has succeeded.
	Done(ctx context.Context, id string) error
}

// Memory is a Store of this process: when it ends, all is forgotten.
type Memory struct {
	most int
	age  time.Duration
	now  func() time.Time

	mu    sync.Mutex
	order *list.List // of entry, the oldest first
	byID  map[string]*list.Element
}

type entry struct {
	id    string
	until time.Time
}

// NewMemory makes a Store that keeps so many ids for so long.
func NewMemory(most int, age time.Duration) *Memory {
	return &Memory{most: most, age: age, now: time.Now, order: list.New(), byID: map[string]*list.Element{}}
}

// Seen tells whether a delivery is done. It never fails.
func (m *Memory) Seen(_ context.Context, id string) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forget()
	_, seen := m.byID[id]
	return seen, nil
}

// Done marks a delivery as done. It never fails.
func (m *Memory) Done(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if old := m.byID[id]; old != nil {
		m.order.Remove(old)
	}
	m.byID[id] = m.order.PushBack(entry{id, m.now().Add(m.age)})
	m.forget()
	return nil
}

// forget takes out what is too old or too many.
func (m *Memory) forget() {
	for first := m.order.Front(); first != nil; first = m.order.Front() {
		e := first.Value.(entry)
		if m.order.Len() <= m.most && m.now().Before(e.until) {
			return
		}
		m.order.Remove(first)
		delete(m.byID, e.id)
	}
}
