package shards_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/shards"
)

// dispatcher writes places of fifty lines of its own in a shard that nobody holds.
type dispatcher struct {
	name  string
	wrote map[string]shards.Place
	held  atomic.Int64 // how often a worker held it
}

func (d *dispatcher) write(ctx context.Context, t *testing.T, b *bus.Bus, shard shards.Shard, n int) {
	name, place := fmt.Sprintf("%s-%d", d.name, n%50), at(uint64(n+1))
	change := func(p shards.Places) (shards.Change, error) {
		return shards.Change{Read: p.Read, Made: p.Made, Lines: map[string]shards.Place{name: place}}, nil
	}
	err := shards.Alone(ctx, b, shard, change)
	for errors.Is(err, shards.ErrHeld) {
		d.held.Add(1)
		time.Sleep(5 * time.Millisecond) // the pace of trying
		err = shards.Alone(ctx, b, shard, change)
	}
	assert.NoError(t, err, name)
	d.wrote[name] = place
}

// dispatchers have several write at least so often each, until they are to end.
func dispatchers(t *testing.T, s *bustest.Server, shard shards.Shard, count, least int, until <-chan struct{}) (all []*dispatcher, done *sync.WaitGroup) {
	t.Helper()
	ctx, cancel := context.WithCancel(bustest.Within(t, time.Minute))
	done = &sync.WaitGroup{}
	t.Cleanup(func() { cancel(); done.Wait() })
	for n := range count {
		d, b := &dispatcher{name: fmt.Sprint("of-", n), wrote: map[string]shards.Place{}}, s.Connect(t, bus.Options{})
		all = append(all, d)
		done.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				select {
				case <-until:
					if n >= least {
						return
					}
				default:
				}
				d.write(ctx, t, b, shard, n)
			}
		})
	}
	return all, done
}

// requireWritten tells that all of it is there.
func requireWritten(t *testing.T, i bus.Instance, shard shards.Shard, want map[string]shards.Place) {
	t.Helper()
	require.NotEmpty(t, want)
	p, err := shards.Read(bustest.Within(t, time.Minute), i.Bus, shard)
	require.NoError(t, err)
	for name, place := range want {
		require.Equal(t, place, p.Lines[name], name)
	}
}

// TestDispatchersAlone has several change lines of one shard at once that nobody holds:
// nothing that one of them has written is lost by another.
func TestDispatchersAlone(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		shard, now := shards.Shard{Instance: i.ID, Number: 1}, make(chan struct{})
		close(now)
		all, done := dispatchers(t, s, shard, 4, 50, now)
		done.Wait()
		for _, d := range all {
			require.Zero(t, d.held.Load(), d.name)
			require.Len(t, d.wrote, 50)
			requireWritten(t, i, shard, d.wrote)
		}
	})
}

// TestDispatchersWhileAWorkerTakesTheShard: one comes and goes meanwhile. While it holds
// the shard nobody writes in it but that worker, and what each has written stays.
func TestDispatchersWhileAWorkerTakesTheShard(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		const comes = 3
		shard, enough := shards.Shard{Instance: i.ID, Number: 1}, make(chan struct{})
		all, done := dispatchers(t, s, shard, 2, 50, enough)
		b := s.Connect(t, bus.Options{})
		own := map[string]shards.Place{}
		for n := range comes {
			w := worker(t, b, shard)
			require.Eventually(t, func() bool { return len(w.holds()) == 1 }, time.Minute, time.Millisecond)
			ctx, h := bustest.Within(t, time.Minute), w.held[shard]
			met := func() bool { // both have met this worker
				return all[0].held.Load() > int64(n) && all[1].held.Load() > int64(n)
			}
			for m := 0; m < 20 || !met(); m++ {
				name := fmt.Sprintf("own-%d-%d", n, m)
				err := h.log.Commit(ctx, shards.Change{Read: 1, Lines: map[string]shards.Place{name: at(3)}})
				if h.ctx.Err() != nil { // it was not heard of in time
					break
				}
				require.NoError(t, err, "while it holds the shard")
				own[name] = at(3)
				time.Sleep(time.Millisecond) // its work
			}
			w.holder.Stop(ctx)
		}
		close(enough)
		done.Wait()
		requireWritten(t, i, shard, own)
		for _, d := range all {
			requireWritten(t, i, shard, d.wrote)
		}
	})
}

// TestAloneGivesUp when it is never first: whoever reads in between writes, too.
func TestAloneGivesUp(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		ctx, shard := bustest.Within(t, time.Minute), shards.Shard{Instance: i.ID, Number: 1}
		err := shards.Alone(ctx, i.Bus, shard, func(p shards.Places) (shards.Change, error) {
			_, _, err := shards.Open(ctx, i.Bus, shard, "another")
			return shards.Change{}, err
		})
		bustest.Code(t, "conflict", err)
		canceled, cancel := context.WithCancel(ctx)
		cancel()
		require.Error(t, shards.Alone(canceled, i.Bus, shard, func(shards.Places) (shards.Change, error) { return shards.Change{}, nil }))
	})
}
