package shards_test

import (
	"bytes"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/shards"
)

// lapses counts how often a worker says that it was not heard of in time.
type lapses struct{ count atomic.Int64 }

func (l *lapses) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte("lets go of its shards")) {
		l.count.Add(1)
	}
	return len(line), nil
}

func (l *lapses) log() zerolog.Logger { return zerolog.New(l) }

// TestASlowServerTakesNoShards has the server answer all that is asked within 1.2 s at
// once, so that most beats are confirmed after more than half of the usual lease. The
// worker says so, and holds its shards through it, in one session.
func TestASlowServerTakesNoShards(t *testing.T) {
	t.Parallel()
	const slow, times = 1200 * time.Millisecond, 8
	s := bustest.Start(t)
	all := ofBoth(t, s.Connect(t, bus.Options{}), 2)
	p := s.Proxy(t)
	var lapsed lapses
	w := worker(t, s.Connect(t, bus.Options{URL: p.URL(), Log: lapsed.log()}), all...)
	require.Eventually(t, func() bool { return len(w.holds()) == len(all) }, time.Minute, 5*time.Millisecond)
	session := w.holder.Session()
	ctx, b := bustest.Within(t, time.Minute), s.Connect(t, bus.Options{})
	done, asked := make(chan struct{}), make(chan struct{})
	go func() { // who would take it for dead
		defer close(asked)
		for {
			there, err := shards.Alive(ctx, b, session)
			assert.NoError(t, err)
			assert.True(t, there)
			select {
			case <-done:
				return
			default:
			}
		}
	}()
	for range times {
		p.Hold()
		time.Sleep(slow) // what the server takes
		p.Release()
		time.Sleep(50 * time.Millisecond) // all of it comes meanwhile
	}
	close(done)
	<-asked
	require.Zero(t, lapsed.count.Load())
	require.Equal(t, session, w.holder.Session())
	require.Len(t, w.holds(), len(all))
	said, err := s.Bucket(t, bus.BucketHolders).Get(ctx, "session."+session)
	require.NoError(t, err)
	require.Greater(t, shards.SaidLease(said.Value()), 5*time.Second, "%s", said.Value())
}

// TestALostConfirmationOfABeat cuts the connection over and over: a beat that was stored
// though nobody has said so is our own, and ends no session.
func TestALostConfirmationOfABeat(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	all := ofBoth(t, s.Connect(t, bus.Options{}), 1)
	p := s.Proxy(t)
	var lapsed lapses
	w := worker(t, s.Connect(t, bus.Options{URL: p.URL(), Log: lapsed.log()}), all...)
	require.Eventually(t, func() bool { return len(w.holds()) == len(all) }, time.Minute, 5*time.Millisecond)
	session, k := w.holder.Session(), s.Bucket(t, bus.BucketHolders)
	said := func() jetstream.KeyValueEntry {
		e, err := k.Get(bustest.Within(t, time.Minute), "session."+session)
		require.NoError(t, err)
		return e
	}
	p.Hold()
	time.Sleep(1200 * time.Millisecond) // it costs so much that there is time for what follows
	p.Release()
	require.Eventually(t, func() bool { return shards.SaidLease(said().Value()) > 5*time.Second }, time.Minute, 5*time.Millisecond)
	for range 5 {
		p.Hold()
		time.Sleep(shards.SaidLease(said().Value()) / 8) // the next beat is stored meanwhile, and its confirmation lost
		p.Cut()
		p.Release()
		before := said().Revision()
		require.Eventually(t, func() bool { return said().Revision() > before+1 }, time.Minute, 5*time.Millisecond, "it connects again, and beats")
	}
	require.Zero(t, lapsed.count.Load())
	require.Equal(t, session, w.holder.Session())
}

// TestWhoIsTakenForDeadLetsGoAtOnce: it does not wait for its own beat.
func TestWhoIsTakenForDeadLetsGoAtOnce(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	all := ofBoth(t, s.Connect(t, bus.Options{}), 1)
	w := worker(t, s.Connect(t, bus.Options{}), all...)
	require.Eventually(t, func() bool { return len(w.holds()) == len(all) }, time.Minute, 5*time.Millisecond)
	session := w.holder.Session()
	held := w.held[all[0]]
	_, err := s.Bucket(t, bus.BucketHolders).Put(bustest.Within(t, time.Minute), "session."+session, []byte("dead"))
	require.NoError(t, err)
	select {
	case <-held.ctx.Done():
	case <-time.After(time.Minute):
		t.Fatal("it goes on")
	}
	require.Eventually(t, func() bool { return len(w.holds()) == len(all) }, time.Minute, 5*time.Millisecond, "it has a new session")
	require.NotEqual(t, session, w.holder.Session())
}

// TestWhoSaysNothingIsGoneWhenItSaid: who asks goes by the lease that a session has said,
// and by two seconds where it is of before.
func TestWhoSaysNothingIsGoneWhenItSaid(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	b := s.Connect(t, bus.Options{})
	bustest.Pair(t, b)
	k := s.Bucket(t, bus.BucketHolders)
	for id, said := range map[string]string{"long": "alive 4000ms 3", "before": "alive", "short": "alive 500ms 9"} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			ctx, began := bustest.Within(t, time.Minute), time.Now()
			_, err := k.Put(ctx, "session."+id, []byte(said))
			require.NoError(t, err)
			there, err := shards.Alive(ctx, b, id)
			require.NoError(t, err)
			require.False(t, there)
			require.GreaterOrEqual(t, time.Since(began), shards.SaidLease([]byte(said)))
			_, err = k.Get(ctx, "session."+id)
			require.ErrorIs(t, err, jetstream.ErrKeyNotFound)
		})
	}
}

// TestBeatsHaveAConnectionOfTheirOwn, which the server shows by its name, which is closed
// with the holder, and which holds nothing when that for deliveries is gone.
func TestBeatsHaveAConnectionOfTheirOwn(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	all := ofBoth(t, s.Connect(t, bus.Options{}), 1)
	shown := func(name string) (count int) {
		all, err := s.Connz(nil)
		require.NoError(t, err)
		for _, c := range all.Conns {
			if c.Name == name {
				count++
			}
		}
		return count
	}
	first, second := s.Connect(t, bus.Options{Name: "one"}), s.Connect(t, bus.Options{Name: "two"})
	one := worker(t, first, all...)
	two := worker(t, second)
	require.Eventually(t, func() bool {
		return len(one.holds()) == len(all) && shown("one (leases)") == 1 && shown("two (leases)") == 1
	}, time.Minute, 5*time.Millisecond)
	two.holder.Stop(bustest.Within(t, time.Minute))
	require.Eventually(t, func() bool { return shown("two (leases)") == 0 }, time.Minute, 5*time.Millisecond)
	first.Close()
	require.Eventually(t, func() bool { return !one.holder.Valid() }, time.Minute, 5*time.Millisecond)
	one.holder.Stop(bustest.Within(t, time.Minute))
	require.Eventually(t, func() bool { return shown("one (leases)") == 0 }, time.Minute, 5*time.Millisecond)
}

// TestAWorkerMayActUntilItsSessionIsOver, by either clock.
func TestAWorkerMayActUntilItsSessionIsOver(t *testing.T) {
	t.Parallel()
	soon := time.Now().Add(time.Hour)
	require.True(t, shards.ValidUntil(soon))
	require.False(t, shards.ValidUntil(time.Time{}))
	require.False(t, shards.ValidUntil(time.Now().Add(-time.Millisecond)))
	require.False(t, shards.ValidUntil(bustest.Apart(soon.Add(-2*time.Hour), 2*time.Hour)), "the monotonic clock stood")
	require.False(t, shards.ValidUntil(bustest.Apart(soon, -2*time.Hour)), "the wall clock was set back")
}
