package lead

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/wire"
)

// LeadWaiting is how many dispatchers stand in the rota of an instance behind its
// leader.
func LeadWaiting(ctx context.Context, b *bus.Bus, instance string) (int, error) {
	q := queue{bus: b, key: wire.Token(instance), news: make(chan struct{})}
	found, err := q.read(ctx)
	return len(found.Waiting), err
}

// LeadQueued is how many callers of this process lead an instance or have their
// place behind who does, and whether a queue is kept for it.
func LeadQueued(b *bus.Bus, instance string) (callers int, kept bool) {
	queues.mu.Lock()
	defer queues.mu.Unlock()
	q := queues.of[queueKey{b, instance}]
	if q == nil {
		return 0, false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	callers = len(q.waiting)
	if q.taken {
		callers++
	}
	return callers, true
}

// Passed is how much may have passed when the one clock went on by so much, and
// the other by so much.
func Passed(wall, run time.Duration) time.Duration {
	m := now()
	return moment{wall: m.wall.Add(wall), run: m.run + run}.since(m)
}

// QueueMost is how many callers of one process may wait for one instance.
const QueueMost = queueMost

// FullRota is a rota in which as many wait as may.
func FullRota() []byte {
	full := rota{Leader: "x", Beat: 1}
	for n := range rotaMost {
		full.Waiting = append(full.Waiting, fmt.Sprint(n))
	}
	raw, _ := json.Marshal(full) // of texts and a number
	return raw
}

// LeadTrust is how long a lead is trusted, LeadLate when others set it aside.
const (
	LeadTrust = leadTrust
	LeadLate  = leadLate
)
