package lines

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/wire"
)

// counted counts what waits where it is not known.
func (i Lines) counted(ctx context.Context, l Line, p placement) (placement, error) {
	if p.Counted {
		return p, nil
	}
	n, known := i.counts.get(l.Name, p.Floor)
	if !known {
		var err error
		if n, err = i.count(ctx, l, max(p.Floor+1, l.Cut)); err != nil {
			return p, err
		}
		i.counts.put(l.Name, p.Floor, n)
	}
	p.Pending, p.Counted = n-min(n, uint64(p.InWork)), true
	return p, nil
}

// countFor is how long the server keeps what was made to count, should it not be
// removed.
const countFor = 5 * time.Second

// count counts the events of a line from a sequence on. The server does so for who is
// about to read them.
func (i Lines) count(ctx context.Context, l Line, from uint64) (uint64, error) {
	c, err := i.JetStream().CreateConsumer(ctx, i.Events, jetstream.ConsumerConfig{
		FilterSubject: l.filter(), AckPolicy: jetstream.AckNonePolicy, DeliverPolicy: jetstream.DeliverByStartSequencePolicy,
		OptStartSeq: max(from, 1), InactiveThreshold: countFor, MemoryStorage: true, Replicas: 1, Description: "counts what waits in " + l.Name,
		Metadata: map[string]string{"callout_instance": "", "callout_counts": wire.Token(l.Instance)},
	})
	if err != nil {
		return 0, i.failure(ctx, l, err)
	}
	n := c.CachedInfo().NumPending
	_ = i.JetStream().DeleteConsumer(ctx, i.Events, c.CachedInfo().Name) // else it goes by itself
	return n, nil
}

// counts are what waited in lines of an instance when it was counted last, so that who
// watches a thousand of them does not have each counted every second. It may be used from
// any goroutine, and nil keeps nothing.
type counts struct {
	mu sync.Mutex
	of map[string]countOf
}

type countOf struct {
	at    time.Time
	floor uint64
	n     uint64
}

const (
	countAgain = 3 * time.Second
	countsMost = 8192 // that are kept
)

// CountingSeldom gives the lines to one who asks often how they stand: what waits in one
// that is far behind he may be told as it was countAgain ago.
func (i Lines) CountingSeldom() Lines {
	i.counts = &counts{of: map[string]countOf{}}
	return i
}

// get gives the count of a line if it is new enough. That of a line that has been moved
// back since is none.
func (c *counts) get(name string, floor uint64) (n uint64, known bool) {
	if c == nil {
		return 0, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	was, known := c.of[name]
	return was.n, known && time.Since(was.at) < countAgain && was.floor <= floor
}

func (c *counts) put(name string, floor, n uint64) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if len(c.of) >= countsMost {
		maps.DeleteFunc(c.of, func(_ string, was countOf) bool { return now.Sub(was.at) >= countAgain })
	}
	if len(c.of) < countsMost {
		c.of[name] = countOf{now, floor, n}
	}
}

func (c *counts) forget(name string) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.of, name)
}
