package shards_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/shards"
	"github.com/callout-hq/callout/pkg/wire"
)

// duty notes what a worker holds.
type duty struct {
	holder *shards.Holder
	wanted []shards.Shard
	mu     sync.Mutex
	held   map[shards.Shard]held
}

type held struct {
	ctx context.Context
	log *shards.Log
}

func (d *duty) Wanted() []shards.Shard { return d.wanted }

func (d *duty) Take(ctx context.Context, s shards.Shard, l *shards.Log, _ shards.Places) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.held[s] = held{ctx, l}
}

func (d *duty) Drop(s shards.Shard) <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.held, s)
	none := make(chan struct{})
	close(none)
	return none
}

// holds are the shards that are held at this moment.
func (d *duty) holds() (all []shards.Shard) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for s, h := range d.held {
		if h.ctx.Err() == nil && d.holder.Valid() {
			all = append(all, s)
		}
	}
	return all
}

func worker(t *testing.T, b *bus.Bus, wanted ...shards.Shard) *duty {
	t.Helper()
	d := &duty{wanted: wanted, held: map[shards.Shard]held{}}
	d.holder = shards.NewHolder(b, d)
	t.Cleanup(func() { d.holder.Stop(bustest.Within(t, time.Minute)) })
	return d
}

// ofBoth are so many shards of each of two instances.
func ofBoth(t *testing.T, b *bus.Bus, count int) (all []shards.Shard) {
	for _, i := range bustest.Pair(t, b) {
		for n := range count {
			all = append(all, shards.Shard{Instance: i.ID, Number: n + 1})
		}
	}
	return all
}

// TestEachShardHasOneHolder has three workers share sixteen shards, then two, then
// one: each shard is held by one of them, and nobody is without.
func TestEachShardHasOneHolder(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	all := ofBoth(t, s.Connect(t, bus.Options{}), 8)
	var workers []*duty
	for range 3 {
		workers = append(workers, worker(t, s.Connect(t, bus.Options{}), all...))
	}
	for len(workers) > 0 {
		require.Eventually(t, func() bool {
			var sum []shards.Shard
			for _, w := range workers {
				mine := w.holds()
				if len(mine) == 0 {
					return false
				}
				sum = append(sum, mine...)
			}
			seen := map[shards.Shard]bool{}
			for _, s := range sum {
				seen[s] = true
			}
			return len(sum) == len(all) && len(seen) == len(all)
		}, time.Minute, 20*time.Millisecond, "each has some, and none is held twice")
		workers[0].holder.Stop(bustest.Within(t, time.Minute))
		require.Empty(t, workers[0].holds())
		workers[0] = nil
		workers = workers[1:]
	}
}

// late is a duty for which there is no work at first.
type late struct {
	duty
	now atomic.Bool
}

func (l *late) Wanted() []shards.Shard {
	if !l.now.Load() {
		return nil
	}
	return l.duty.Wanted()
}

// TestAShardThatIsOursWithoutAWord: a worker that has a shard, and was not told so, works
// on it. Nobody else would.
func TestAShardThatIsOursWithoutAWord(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	b := s.Connect(t, bus.Options{})
	all := ofBoth(t, b, 1)
	w := &late{duty: duty{wanted: all, held: map[shards.Shard]held{}}}
	w.holder = shards.NewHolder(b, w)
	t.Cleanup(func() { w.holder.Stop(bustest.Within(t, time.Minute)) })
	require.Eventually(t, func() bool { return w.holder.Session() != "" }, time.Minute, 5*time.Millisecond)
	for _, shard := range all {
		_, err := s.Bucket(t, bus.BucketHolders).Put(bustest.Within(t, time.Minute), "shard."+wire.Token(shard.Instance)+".1", []byte(w.holder.Session()))
		require.NoError(t, err)
	}
	w.now.Store(true)
	require.Eventually(t, func() bool { return len(w.holds()) == len(all) }, time.Minute, 5*time.Millisecond)
}

// TestAStalledWorkerLosesItsShards cuts a worker off: when its lease is over it knows,
// before another takes its shards; and what it writes when it is back is refused.
func TestAStalledWorkerLosesItsShards(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	all := ofBoth(t, s.Connect(t, bus.Options{}), 1)
	p := s.Proxy(t)
	stalled := worker(t, s.Connect(t, bus.Options{URL: p.URL()}), all...)
	require.Eventually(t, func() bool { return len(stalled.holds()) == len(all) }, time.Minute, 5*time.Millisecond)
	before := map[shards.Shard]held{}
	stalled.mu.Lock()
	for s, h := range stalled.held {
		before[s] = h
	}
	stalled.mu.Unlock()
	other := worker(t, s.Connect(t, bus.Options{}), all...)
	p.Hold()
	require.Eventually(t, func() bool {
		its := other.holds() // first: what the stalled one has behind that it has at the same time
		mine := stalled.holds()
		require.False(t, len(mine) > 0 && len(its) > 0, "two workers hold one shard: %v and %v", mine, its)
		return len(its) == len(all)
	}, time.Minute, time.Millisecond)
	p.Release()
	for s, h := range before {
		require.Error(t, h.ctx.Err(), s)
		require.ErrorIs(t, h.log.Commit(bustest.Within(t, time.Minute), shards.Change{Read: 99}), shards.ErrFenced)
	}
}

// TestAloneOrNot: what nobody holds can be written in by who is asked to, what somebody
// holds cannot.
func TestAloneOrNot(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	b := s.Connect(t, bus.Options{})
	all := ofBoth(t, b, 1)
	ctx := bustest.Within(t, time.Minute)
	write := func(shards.Places) (shards.Change, error) { return shards.Change{Read: 3}, nil }
	for _, s := range all {
		require.NoError(t, shards.Alone(ctx, b, s, write))
	}
	w := worker(t, s.Connect(t, bus.Options{}), all...)
	require.Eventually(t, func() bool { return len(w.holds()) == len(all) }, time.Minute, 5*time.Millisecond)
	for _, s := range all {
		require.ErrorIs(t, shards.Alone(ctx, b, s, write), shards.ErrHeld)
	}
	w.holder.Stop(ctx)
	for _, s := range all {
		require.NoError(t, shards.Alone(ctx, b, s, write))
	}
}
