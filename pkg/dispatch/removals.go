package dispatch

import (
	"context"
	"sync"
)

// removals are the instances that this dispatcher helps to delete.
type removals struct {
	mu      sync.Mutex
	under   map[string]chan struct{} // closed when all is gone, or this dispatcher ends
	waiting []string
	news    chan struct{}
}

func (r *removals) init() { r.under, r.news = map[string]chan struct{}{}, make(chan struct{}, 1) }

// begin has what is left of an instance removed, unless that is under way here. The
// channel is closed when it is done.
func (r *removals) begin(id string) (done <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if under, is := r.under[id]; is {
		return under
	}
	r.under[id] = make(chan struct{})
	r.waiting = append(r.waiting, id)
	select {
	case r.news <- struct{}{}:
	default: // it is about to be looked at
	}
	return r.under[id]
}

func (r *removals) next() (ids []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	ids, r.waiting = r.waiting, nil
	return ids
}

func (r *removals) end(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.under[id])
	delete(r.under, id)
}

// removing removes what is left of instances until ctx ends, each by itself: what
// one of them waits for holds up no other.
func (d *Dispatcher) removing(ctx context.Context) {
	for {
		for _, id := range d.removals.next() {
			d.ended.Go(func() {
				defer d.removals.end(id)
				d.remove(ctx, id)
			})
		}
		select {
		case <-ctx.Done():
			return
		case <-d.removals.news:
		}
	}
}
