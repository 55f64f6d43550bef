package lines_test

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/bus/shards"
)

// lapses counts how often a worker says that it was not heard of in time: on a busy
// machine the one that lives may be late too.
type lapses struct{ count atomic.Int64 }

func (l *lapses) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte("lets go of its shards")) {
		l.count.Add(1)
	}
	return len(line), nil
}

// packedLines are lines of two shards, each of an event type of its own.
func packedLines(t *testing.T, i bus.Instance, count int) (all []lines.Line) {
	for n := range count {
		all = append(all, line(t, i, fmt.Sprintf("type%d.added", n), func(l *lines.Line) {
			l.Name, l.Shard = fmt.Sprintf("line-%d", n), 1+n%2
		}))
	}
	return all
}

// arrivals notes in which order the events of lines came, of any instance.
type arrivals struct {
	mu  sync.Mutex
	of  map[lines.Key][]uint64
	sum int
}

func (a *arrivals) add(d *lines.Delivery) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.of == nil {
		a.of = map[lines.Key][]uint64{}
	}
	a.of[d.Line.Key()] = append(a.of[d.Line.Key()], d.Sequence)
	a.sum++
}

// in tells whether each line has had so many events in their order, and how many came
// once more. An event that comes again does so before the one behind it comes.
func (a *arrivals) in(t *testing.T, count int, all ...lines.Line) (done bool, repeated int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	done = true
	for _, l := range all {
		last, distinct := uint64(0), 0
		for _, sequence := range a.of[l.Key()] {
			require.GreaterOrEqual(t, sequence, last, "%s: %v", l.Name, a.of[l.Key()])
			if sequence == last {
				repeated++
				continue
			}
			last, distinct = sequence, distinct+1
		}
		done = done && distinct == count
	}
	return done, repeated
}

// await waits until each line has had so many events, for as long as some come.
func (a *arrivals) await(t *testing.T, count int, all ...lines.Line) {
	t.Helper()
	last, since := -1, time.Now()
	for ; ; <-time.After(20 * time.Millisecond) {
		if done, _ := a.in(t, count, all...); done {
			return
		}
		a.mu.Lock()
		sum := a.sum
		a.mu.Unlock()
		if sum != last {
			last, since = sum, time.Now()
		}
		require.Less(t, time.Since(since), time.Minute, "%d came, and then nothing: events of a shard were passed over", sum)
	}
}

// TestManyLinesThroughAKill has two workers take from forty lines of each of two
// instances, one of which vanishes in the middle: nothing is lost or overtaken, and of
// each line at most the head comes again.
func TestManyLinesThroughAKill(t *testing.T) {
	t.Parallel()
	const count, each = 40, 25
	s := bustest.Start(t)
	pair := bustest.Pair(t, s.Connect(t, bus.Options{}))
	var all []lines.Line
	for _, i := range pair {
		all = append(all, packedLines(t, i, count)...)
	}
	var came arrivals
	handle := func(_ context.Context, d *lines.Delivery) {
		if !d.Held() {
			return
		}
		came.add(d)
		time.Sleep(time.Millisecond) // its work: the other worker is to vanish in the midst of some
		_ = d.Ack()                  // it fails for who vanished
	}
	p := s.Proxy(t)
	var lapsed lapses
	log := zerolog.New(&lapsed)
	consume(t, s.Connect(t, bus.Options{URL: p.URL(), Log: log}), handle, all...)
	consume(t, s.Connect(t, bus.Options{Log: log}), handle, all...)
	for n := range each {
		for _, i := range pair {
			for m := range count {
				bustest.Publish(t, i, strconv.Itoa(n), "u", fmt.Sprintf("type%d.added", m))
			}
		}
		if n == each/2 {
			p.Hold()
		}
	}
	require.Eventually(t, func() bool {
		done, _ := came.in(t, each, all...)
		return done
	}, time.Minute, 20*time.Millisecond)
	p.Release()
	_, repeated := came.in(t, each, all...)
	require.LessOrEqual(t, int64(repeated), int64(len(all))*max(lapsed.count.Load(), 1), "more than the head of each line came again, for each time that a worker was not heard of")
}

// TestALineFarBehindHoldsNobodyUp has the head of one line wait while more comes than is
// kept of it in memory. The other goes on meanwhile, and the first has all of it in its
// order then; also at a worker that knows of it only what is written.
func TestALineFarBehindHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		const many = 700
		all := packedLines(t, i, 4)
		stuck, free := all[0], all[2] // of one shard
		var came arrivals
		goes := make(chan struct{})
		handle := func(_ context.Context, d *lines.Delivery) {
			select {
			case <-goes:
			default:
				if d.Line.Name == stuck.Name {
					unlapsed(t, d.Wait(50*time.Millisecond))
					return
				}
			}
			came.add(d)
			unlapsed(t, d.Ack())
		}
		first := consume(t, s.Connect(t, bus.Options{}), handle, all...)
		for n := range many {
			bustest.Publish(t, i, "s"+strconv.Itoa(n), "u", "type0.added")
			if n%10 == 0 {
				bustest.Publish(t, i, "f"+strconv.Itoa(n), "u", "type2.added")
			}
		}
		arrived := func(count int, l lines.Line) func() bool {
			return func() bool { done, _ := came.in(t, count, l); return done }
		}
		require.Eventually(t, arrived(many/10, free), time.Minute, 5*time.Millisecond)
		lag(t, i, stuck, many)
		lag(t, i, free, 0)
		first.Stop()
		lag(t, i, stuck, many)
		consume(t, s.Connect(t, bus.Options{}), handle, all...)
		lag(t, i, stuck, many)
		countsSeldom(t, i, stuck, many)
		close(goes)
		came.await(t, many, stuck)
		_, repeated := came.in(t, many, stuck)
		require.Zero(t, repeated)
		lag(t, i, stuck, 0)
	})
}

// TestWhatADispatcherDoesToAPackedLine stops, moves and forgets lines, while a worker
// holds them and while nobody does.
func TestWhatADispatcherDoesToAPackedLine(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, b := bustest.Within(t, time.Minute), lines.Of(i)
		all := packedLines(t, i, 2)
		l := all[0]
		require.NoError(t, b.Stop(ctx, l))
		var stored []bus.Stored
		for n := range 6 {
			stored = append(stored, bustest.Publish(t, i, strconv.Itoa(n), "u", "type0.added"))
		}
		require.NoError(t, b.MoveTo(ctx, l, stored[1].StreamSequence), "while nobody holds it")
		var seen bustest.Noted
		c := consume(t, s.Connect(t, bus.Options{}), acked(t, &seen), all...)
		lag(t, i, l, 5)
		require.NoError(t, b.MoveTo(ctx, l, stored[3].StreamSequence))
		standing, err := b.Standing(ctx, l)
		require.NoError(t, err)
		require.Equal(t, []any{true, uint64(3), stored[3].StreamSequence - 1}, []any{standing.Paused, standing.Pending, standing.Floor})
		require.Empty(t, seen.Get())
		require.NoError(t, b.Resume(ctx, l))
		require.Equal(t, bustest.Bodies(i, "3", "4", "5"), seen.Await(t, 3))
		standings, err := b.Standings(ctx)
		require.NoError(t, err)
		require.Len(t, standings, 2)
		for _, s := range standings {
			require.Zero(t, s.Lag(), s.Line.Name)
		}
		require.NoError(t, b.MoveTo(ctx, l, stored[4].StreamSequence), "back")
		require.Equal(t, bustest.Bodies(i, "3", "4", "5", "4", "5"), seen.Await(t, 5))
		<-c.StopLine(l.Key())
		require.NoError(t, b.Remove(ctx, l))
		left, err := b.List(ctx)
		require.NoError(t, err)
		require.Len(t, left, 1)
		listed, err := b.Relist(ctx, nil)
		require.NoError(t, err)
		require.Equal(t, 1, listed, "the one that is there is kept, the other is not")
		require.NoError(t, b.Remove(ctx, all[1]), "while it is taken from")
		<-c.StopLine(all[1].Key())
		c.Stop()
		for n := range 2 {
			written, err := shards.Read(ctx, i.Bus, shards.Shard{Instance: i.ID, Number: n + 1})
			require.NoError(t, err)
			require.Empty(t, written.Lines)
		}
	})
}

// countsSeldom has what waits in a line that is far behind counted by the server once in
// many looks, and at once when the line was moved by who looks.
func countsSeldom(t *testing.T, i bus.Instance, l lines.Line, waits uint64) {
	t.Helper()
	ctx, b := bustest.Within(t, time.Minute), lines.Of(i).CountingSeldom()
	var made atomic.Int64
	sub, err := i.Conn().Subscribe("$JS.EVENT.ADVISORY.CONSUMER.CREATED."+i.Events+".*", func(*nats.Msg) { made.Add(1) })
	require.NoError(t, err)
	defer func() { require.NoError(t, sub.Unsubscribe()) }()
	require.NoError(t, i.Conn().Flush())
	first, err := b.Backlog(ctx, l)
	require.NoError(t, err)
	const looks = 40
	for range looks {
		again, err := b.Backlog(ctx, l)
		require.NoError(t, err)
		require.Equal(t, waits, again.Lag())
	}
	require.NoError(t, i.Conn().Flush())
	require.Less(t, made.Load(), int64(looks/2), "the reader and the bookmark are made at the same time")
	head, ok, err := b.NextOf(ctx, l, first.Floor+1)
	require.NoError(t, err)
	require.True(t, ok)
	second, ok, err := b.NextOf(ctx, l, head.Sequence+1)
	require.NoError(t, err)
	require.True(t, ok)
	require.NoError(t, b.MoveTo(ctx, l, second.Sequence))
	moved, err := b.Backlog(ctx, l)
	require.NoError(t, err)
	require.Equal(t, waits-1, moved.Lag())
	require.NoError(t, b.MoveTo(ctx, l, head.Sequence))
}

// TestALineIsMovedAwayAndBack while its head is in hand: what comes of that counts for
// nothing, and the head is handed out once more.
func TestALineIsMovedAwayAndBack(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		l := packedLines(t, i, 1)[0]
		first := bustest.Publish(t, i, "0", "u", "type0.added").StreamSequence
		second := bustest.Publish(t, i, "1", "u", "type0.added").StreamSequence
		entered, release, late := make(chan struct{}), make(chan struct{}), make(chan error, 1)
		var came arrivals
		hold := sync.OnceFunc(func() { close(entered); <-release })
		consume(t, s.Connect(t, bus.Options{}), func(_ context.Context, d *lines.Delivery) {
			select {
			case <-entered:
				came.add(d)
				unlapsed(t, d.Ack())
			default:
				hold()
				late <- d.Ack()
			}
		}, l)
		<-entered
		ctx := bustest.Within(t, time.Minute)
		require.NoError(t, lines.Of(i).MoveTo(ctx, l, second))
		require.NoError(t, lines.Of(i).MoveTo(ctx, l, first))
		close(release)
		require.ErrorIs(t, <-late, lines.ErrLapsed)
		came.await(t, 2, l)
	})
}
