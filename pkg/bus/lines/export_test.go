package lines

import (
	"context"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/shards"
	"github.com/callout-hq/callout/pkg/share"
)

// WaitBesideHeartbeat hands a delivery back that is told about on a subject, at
// so long after a heartbeat became due.
func WaitBesideHeartbeat(b *bus.Bus, subject string, after time.Duration) error {
	clock := newLeases(b)
	defer clock.close()
	s := clock.take(context.Background(), subject, time.Now(), b.AckWait())
	defer s.release()
	d := &Delivery{grip: &pulled{lease: s, nc: b.Conn()}}
	var beat sync.WaitGroup
	defer beat.Wait()
	due := make(chan time.Time)
	beat.Go(func() { due <- time.Now(); s.heartbeat() })
	for began := <-due; time.Since(began) < after; {
	}
	return d.Wait(time.Second)
}

// HeldSince tells whether a lease holds that began at a moment, and whether one
// heartbeat that the server confirms brings it back.
func HeldSince(b *bus.Bus, subject string, since time.Time, ackWait time.Duration) (held, renewed bool) {
	clock := newLeases(b)
	defer clock.close()
	s := clock.take(context.Background(), subject, since, ackWait)
	defer s.release()
	held = s.valid()
	s.heartbeat()
	return held, s.valid()
}

// WithBytes gives a target alone so many bytes of bodies in hand, each of which has at most
// largest.
func (c *Consumer) WithBytes(alone, largest int64) {
	c.hands.bytes, c.hands.largest = share.NewPlaces[party](alone), largest
}

// Redelivered is a delivery that was handed out before.
func Redelivered(l Line, sequence uint64) *Delivery {
	d := &Delivery{Line: l, Sequence: sequence, Redelivered: true, recordKey: l.RecordKey()}
	if l.Unordered {
		d.recordKey = l.recordOf(sequence)
	}
	return d
}

// Tick is how often a worker looks at its leases when one of them is so long.
func Tick(b *bus.Bus, ackWait time.Duration) time.Duration {
	clock := newLeases(b)
	defer clock.close()
	clock.listen(&heard{}, ackWait)()
	return time.Duration(clock.tick.Load())
}

// BookmarkConfig is the consumer of a shard of no lines.
func BookmarkConfig(i bus.Instance, number int) jetstream.ConsumerConfig {
	return Of(i).bookmark(shards.Shard{Instance: i.ID, Number: number}, bookmark{})
}
