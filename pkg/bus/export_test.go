package bus

import (
	"context"
	"sync"
	"time"
)

// Purge lists the values of an instance's catalog now, and gives a function that
// removes them as a sweep does that has found all of them dead.
func (b *Bus) Purge(ctx context.Context, instance string) (later func() error, err error) {
	found, err := b.keys(ctx, bucketCatalog, chunkKey(instance, "*"))
	return func() error {
		for _, v := range found {
			if err := b.purge(ctx, v); err != nil {
				return err
			}
		}
		return nil
	}, err
}

// WaitBesideHeartbeat hands a delivery back that is told about on a subject, at
// so long after a heartbeat became due.
func WaitBesideHeartbeat(b *Bus, subject string, after time.Duration) error {
	clock := newLeases(b.nc, b.opts.AckWait)
	defer clock.close()
	s := clock.take(context.Background(), subject)
	defer s.release()
	d := &Delivery{nc: b.nc, reply: subject, lease: s}
	var beat sync.WaitGroup
	defer beat.Wait()
	due := make(chan time.Time)
	beat.Go(func() { due <- time.Now(); s.heartbeat() })
	for began := <-due; time.Since(began) < after; {
	}
	return d.Wait(time.Second)
}

// Redelivered is a delivery that was handed out before.
func Redelivered(l Line, sequence uint64) *Delivery {
	d := &Delivery{Line: l, Sequence: sequence, Redelivered: true, recordKey: l.RecordKey()}
	if l.Unordered {
		d.recordKey = l.recordOf(sequence)
	}
	return d
}
