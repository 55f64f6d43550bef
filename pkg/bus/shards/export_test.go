package shards

import (
	"context"
	"time"

	"github.com/callout-hq/callout/pkg/bus"
)

// SaidLease is the lease that a session says in what stands in its entry.
func SaidLease(raw []byte) time.Duration { return wordOf(raw).lease }

// Session is the id of that which a worker lives in; "" = it has none.
func (h *Holder) Session() string {
	if s := h.mine(); s != nil {
		return s.id
	}
	return ""
}

// ValidUntil tells whether a worker may act whose session is good until then.
func ValidUntil(until time.Time) bool {
	_, end := context.WithCancel(context.Background())
	return (&Holder{session: &session{revision: 1, until: until, end: end}}).Valid()
}

// Alive tells whether a session is there.
func Alive(ctx context.Context, b *bus.Bus, id string) (bool, error) {
	return alive(ctx, b.Bucket(bus.BucketHolders), id)
}

// Found is how often what was written was found stored, though nobody had confirmed it.
func Found(l *Log) int { return l.found }
