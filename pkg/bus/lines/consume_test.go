package lines_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/lines"
)

// TestLinesOfTwoInstances have the same name at one worker. Both deliver, and
// stopping one leaves the other.
func TestLinesOfTwoInstances(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	pair := bustest.Pair(t, s.Connect(t, bus.Options{}))
	var seen [2]bustest.Noted
	of := map[string]int{pair[0].ID: 0, pair[1].ID: 1}
	var all []lines.Line
	for _, i := range pair {
		all = append(all, line(t, i, "user.added", nil))
	}
	c := consume(t, s.Connect(t, bus.Options{}), func(ctx context.Context, d *lines.Delivery) {
		acked(t, &seen[of[d.Line.Instance]])(ctx, d)
	}, all...)
	for n, i := range pair {
		bustest.Publish(t, i, "a", "u", "user.added")
		require.Equal(t, bustest.Bodies(i, "a"), seen[n].Await(t, 1))
	}
	<-c.StopLine(all[0].Key())
	<-c.StopLine(all[0].Key()) // twice is as good as once
	for _, i := range pair {
		bustest.Publish(t, i, "b", "u", "user.added")
	}
	require.Equal(t, bustest.Bodies(pair[1], "a", "b"), seen[1].Await(t, 2))
	require.Len(t, seen[0].Get(), 1)
	lag(t, pair[0], all[0], 1)
	require.NoError(t, lines.Of(pair[1]).Remove(bustest.Within(t, 10*time.Second), all[1]))
	c.Start(context.Background(), all[0])
	require.Equal(t, bustest.Bodies(pair[0], "a", "b"), seen[0].Await(t, 2), "and removing one leaves the other")
}

func TestLineHoldsTheRestWhileTheFirstWaits(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		l := line(t, i, "user.*", nil)
		for n := range 6 {
			bustest.Publish(t, i, fmt.Sprint(n), "u"+fmt.Sprint(n%3), "user.added")
		}
		bustest.Publish(t, i, "other", "u1", "usergrant.added")
		var seen bustest.Noted
		for range 3 { // a fleet
			consume(t, s.Connect(t, bus.Options{}), func(_ context.Context, d *lines.Delivery) {
				seen.Add(string(d.Body))
				if string(d.Body) == bustest.Body(i, "2") && !d.Redelivered {
					if err := d.Wait(300 * time.Millisecond); err != nil {
						t.Error(err)
					}
					return
				}
				if err := d.Ack(); err != nil {
					t.Error(err)
				}
			}, l)
		}
		want := bustest.Bodies(i, "0", "1", "2", "2", "3", "4", "5")
		require.Equal(t, want, seen.Await(t, len(want)))
	})
}

func TestUnorderedLineDoesNotHold(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		l := line(t, i, "*", func(l *lines.Line) { l.Unordered = true })
		var seen bustest.Noted
		consume(t, i.Bus, func(ctx context.Context, d *lines.Delivery) {
			if string(d.Body) == bustest.Body(i, "0") && !d.Redelivered {
				if err := d.Wait(500 * time.Millisecond); err != nil {
					t.Error(err)
				}
				return
			}
			acked(t, &seen)(ctx, d)
		}, l)
		bustest.Publish(t, i, "0", "u", "user.added")
		bustest.Publish(t, i, "1", "u", "user.added")
		require.Equal(t, bustest.Bodies(i, "1", "0"), seen.Await(t, 2))
	})
}

// TestSlots: of an unordered line so many are worked on at once, and no more.
func TestSlots(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		l := line(t, i, "*", func(l *lines.Line) { l.Unordered = true })
		var mu sync.Mutex
		running, most := 0, 0
		release := make(chan struct{})
		var seen bustest.Noted
		consume(t, i.Bus, func(ctx context.Context, d *lines.Delivery) {
			mu.Lock()
			running++
			most = max(most, running)
			mu.Unlock()
			<-release
			acked(t, &seen)(ctx, d)
			mu.Lock()
			running--
			mu.Unlock()
		}, l)
		for n := range 20 {
			bustest.Publish(t, i, fmt.Sprint(n), "u", "user.added")
		}
		require.Eventually(t, func() bool { mu.Lock(); defer mu.Unlock(); return running == 8 }, time.Minute, time.Millisecond)
		close(release)
		seen.Await(t, 20)
		require.Equal(t, 8, most)
	})
}

func TestHandedBackIsTakenByAnother(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		l := line(t, i, "user.added", nil)
		var seen bustest.Noted
		consume(t, i.Bus, func(_ context.Context, d *lines.Delivery) {
			seen.Add(fmt.Sprint(d.Redelivered))
			end := d.Ack
			if !d.Redelivered {
				end = d.HandBack
			}
			if err := end(); err != nil {
				t.Error(err)
			}
		}, l)
		bustest.Publish(t, i, "a", "u", "user.added")
		require.Equal(t, []string{"false", "true"}, seen.Await(t, 2))
	})
}

func TestConsumerStopWaitsForWhatIsInHand(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	pair := bustest.Pair(t, s.Connect(t, bus.Options{}))
	entered, release := make(chan struct{}, 10), make(chan struct{})
	var seen bustest.Noted
	c := lines.NewConsumer(pair[0].Bus, 1, func(ctx context.Context, d *lines.Delivery) {
		entered <- struct{}{}
		<-release
		acked(t, &seen)(ctx, d)
	})
	for _, i := range pair {
		l := line(t, i, "user.added", nil)
		c.Start(context.Background(), l)
		c.Start(context.Background(), l) // twice does nothing
		bustest.Publish(t, i, "a", "u", "user.added")
		bustest.Publish(t, i, "b", "u", "user.added")
		<-entered
	}
	c.TakeNothing()
	c.Start(context.Background(), lines.Line{Name: "late", Instance: pair[0].ID})
	stopped := make(chan struct{}, 2)
	for range 2 {
		go func() { c.Stop(); stopped <- struct{}{} }()
	}
	require.Empty(t, stopped)
	require.Empty(t, seen.Get())
	close(release)
	<-stopped
	<-stopped
	require.Len(t, seen.Get(), 2, "what was in hand has ended, and nothing was begun")
	require.Empty(t, entered)
}

// TestLineStartedAgainWhileItStops stops a line with a delivery in hand, and
// starts it again at once, as when it is removed and made again.
func TestLineStartedAgainWhileItStops(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		l := line(t, i, "user.added", nil)
		entered, release := make(chan struct{}, 1), make(chan struct{})
		var seen bustest.Noted
		c := consume(t, i.Bus, func(ctx context.Context, d *lines.Delivery) {
			if string(d.Body) == bustest.Body(i, "a") {
				entered <- struct{}{}
				<-release
			}
			acked(t, &seen)(ctx, d)
		}, l)
		bustest.Publish(t, i, "a", "u", "user.added")
		<-entered
		ended := c.StopLine(l.Key())
		c.Start(context.Background(), l)
		select {
		case <-ended:
			t.Error("ended with a delivery in hand")
		default:
		}
		close(release)
		<-ended
		bustest.Publish(t, i, "b", "u", "user.added")
		require.Equal(t, bustest.Bodies(i, "a", "b"), seen.Await(t, 2))
	})
}

// TestLineThatLosesItsOrder starts a line again that keeps no order any more:
// what waits then holds up nobody.
func TestLineThatLosesItsOrder(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		l := line(t, i, "user.added", nil)
		entered, release := make(chan struct{}, 1), make(chan struct{})
		var seen bustest.Noted
		c := consume(t, i.Bus, func(ctx context.Context, d *lines.Delivery) {
			if string(d.Body) == bustest.Body(i, "b") {
				entered <- struct{}{}
				<-release
			}
			acked(t, &seen)(ctx, d)
		}, l)
		t.Cleanup(sync.OnceFunc(func() { close(release) })) // else the line never stops
		bustest.Publish(t, i, "a", "u", "user.added")
		seen.Await(t, 1)
		l.Unordered = true
		require.NoError(t, lines.Of(i).Ensure(bustest.Within(t, 20*time.Second), l))
		c.Start(context.Background(), l)
		bustest.Publish(t, i, "b", "u", "user.added")
		bustest.Publish(t, i, "c", "u", "user.added")
		<-entered
		require.Equal(t, bustest.Bodies(i, "a", "c"), seen.Await(t, 2))
	})
}

// TestLinesOutliveARestartOfTheServer, and a consumer that is away for a while.
func TestLinesOutliveARestartOfTheServer(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	pair := bustest.Pair(t, s.Connect(t, bus.Options{}))
	var seen [2]bustest.Noted
	var all []lines.Line
	for n, i := range pair {
		all = append(all, line(t, i, "user.added", nil))
		consume(t, i.Bus, acked(t, &seen[n]), all[n])
		bustest.Publish(t, i, "a", "u", "user.added")
		seen[n].Await(t, 1)
	}
	s.Restart(t, func() {})
	require.Eventually(t, pair[0].Connected, 20*time.Second, time.Millisecond)
	for n, i := range pair {
		bustest.Publish(t, i, "b", "u", "user.added")
		require.Eventually(t, func() bool { // an acknowledgement may be lost, and its event come again
			got := seen[n].Get()
			return len(got) >= 2 && got[len(got)-1] == bustest.Body(i, "b")
		}, time.Minute, 5*time.Millisecond, "%v", &seen[n])
		ctx := bustest.Within(t, 20*time.Second)
		require.NoError(t, lines.Of(i).KeepPosition(ctx, all[n], 3))
		require.NoError(t, s.JetStream(t).DeleteConsumer(ctx, i.Events, all[n].Name))
		bustest.Publish(t, i, "c", "u", "user.added")
		put, err := lines.Of(i).PutBack(ctx, all[n])
		require.NoError(t, err)
		require.True(t, put)
		require.Eventually(t, func() bool {
			got := seen[n].Get()
			return got[len(got)-1] == bustest.Body(i, "c")
		}, time.Minute, 5*time.Millisecond, "%v", &seen[n])
	}
}
