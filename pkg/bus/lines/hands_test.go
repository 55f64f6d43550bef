package lines_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/lines"
)

// wide makes a line without an order.
func wide(t *testing.T, i bus.Instance, match, target string) lines.Line {
	t.Helper()
	return line(t, i, match, func(l *lines.Line) { l.Name, l.Target, l.Unordered = target, target, true })
}

// publishMany stores n events, whose ids are numbers.
func publishMany(t *testing.T, i bus.Instance, n int, match string) (bodies []string) {
	t.Helper()
	for n := range n {
		bustest.Publish(t, i, fmt.Sprint(n), "u", match)
		bodies = append(bodies, bustest.Body(i, fmt.Sprint(n)))
	}
	return bodies
}

// crowd holds deliveries until it is released, and counts them.
type crowd struct {
	mu            sync.Mutex
	running, most int
	release       chan struct{}
}

func newCrowd(t *testing.T) *crowd {
	t.Helper()
	c := &crowd{release: make(chan struct{})}
	t.Cleanup(c.let)
	return c
}

// let ends the wait of all.
func (c *crowd) let() {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.release:
	default:
		close(c.release)
	}
}

func (c *crowd) wait() {
	c.mu.Lock()
	c.running++
	c.most = max(c.most, c.running)
	c.mu.Unlock()
	<-c.release
	c.mu.Lock()
	c.running--
	c.mu.Unlock()
}

// await waits until so many are there, and a moment more for one too many.
func (c *crowd) await(t *testing.T, want int) {
	t.Helper()
	require.Eventually(t, func() bool { c.mu.Lock(); defer c.mu.Unlock(); return c.running >= want }, time.Minute, time.Millisecond)
	time.Sleep(200 * time.Millisecond)
	c.mu.Lock()
	defer c.mu.Unlock()
	require.Equal(t, want, c.most)
}

// settle waits until at least so many are there, and no more come for a while.
func (c *crowd) settle(t *testing.T, least int) {
	t.Helper()
	before, since := 0, time.Now()
	require.Eventually(t, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.running != before {
			before, since = c.running, time.Now()
		}
		return c.running >= least && time.Since(since) > time.Second
	}, time.Minute, time.Millisecond)
}

// TestManyAreAskedForAtOnce: what waits in a line without an order is not asked for one by
// one.
func TestManyAreAskedForAtOnce(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		const events = 300
		l := wide(t, i, "user.added", "hook")
		publishMany(t, i, events, "user.added")
		nc := s.Plain(t)
		asked, err := nc.SubscribeSync("$JS.API.CONSUMER.MSG.NEXT." + i.Events + "." + l.Name)
		require.NoError(t, err)
		require.NoError(t, nc.Flush())
		c := lines.NewConsumer(i.Bus, 64, func(_ context.Context, d *lines.Delivery) {
			time.Sleep(5 * time.Millisecond)
			unlapsed(t, d.Ack())
		})
		t.Cleanup(c.Stop)
		c.Start(context.Background(), l)
		lag(t, i, l, 0)
		requests := told(t, nc, asked, "{")
		require.Less(t, requests, events*3/4)
		require.Greater(t, requests, 3, "and not more than there are hands for")
	})
}

// TestNoMoreThanTheTargetTakes are in hand, and more as soon as it takes more.
func TestNoMoreThanTheTargetTakes(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		l := wide(t, i, "user.added", "hook")
		held, width := newCrowd(t), sync.Map{}
		width.Store("hook", 3)
		c := lines.NewConsumer(i.Bus, 16, func(_ context.Context, d *lines.Delivery) { held.wait(); unlapsed(t, d.Ack()) })
		t.Cleanup(c.Stop)
		t.Cleanup(held.let)
		c.Within(func(l lines.Line) int { w, _ := width.Load(l.Target); return w.(int) })
		c.Start(context.Background(), l)
		publishMany(t, i, 40, "user.added")
		held.await(t, 3)
		width.Store("hook", 11)
		held.await(t, 11)
		width.Store("hook", 0)
		held.await(t, 16)
		held.let()
		lag(t, i, l, 0)
	})
}

// TestNoLineWaitsForWhatHangsInOthers, though these have all that is shared.
func TestNoLineWaitsForWhatHangsInOthers(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	pair := bustest.Pair(t, s.Connect(t, bus.Options{}))
	held, seen := newCrowd(t), bustest.Noted{}
	c := lines.NewConsumer(pair[0].Bus, 16, func(_ context.Context, d *lines.Delivery) {
		if strings.HasPrefix(d.Line.Target, "hangs") {
			held.wait()
		} else {
			seen.Add(string(d.Body))
		}
		unlapsed(t, d.Ack())
	})
	t.Cleanup(c.Stop)
	t.Cleanup(held.let)
	for n := range 6 {
		for _, i := range pair {
			c.Start(context.Background(), wide(t, i, "user.added", fmt.Sprint("hangs", n)))
		}
	}
	for _, i := range pair {
		publishMany(t, i, 30, "user.added")
	}
	held.settle(t, 20)
	var want []string
	for _, i := range pair {
		l := wide(t, i, "user.removed", "fine")
		c.Start(context.Background(), l)
		want = append(want, publishMany(t, i, 30, "user.removed")...)
	}
	require.ElementsMatch(t, want, seen.Await(t, len(want)))
}

// TestBytesInHandAreBounded, and one delivery has room whatever it has.
func TestBytesInHandAreBounded(t *testing.T) {
	t.Parallel()
	const large = 10 << 10
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		for alone, most := range map[int64]int{5 * large: 4, large / 2: 1} { // headers and subject count too
			match := fmt.Sprintf("user.of%d", alone)
			l := wide(t, i, match, match[5:])
			held := newCrowd(t)
			c := lines.NewConsumer(i.Bus, 64, func(_ context.Context, d *lines.Delivery) { held.wait(); unlapsed(t, d.Ack()) })
			t.Cleanup(c.Stop)
			t.Cleanup(held.let)
			c.WithBytes(alone, large+1<<10)
			for n := range 20 {
				_, err := i.Publish(bustest.Within(t, 10*time.Second), bus.NewEvent{ID: fmt.Sprint(match, n), Org: "acme", AggregateID: "u", Type: match, Body: make([]byte, large)})
				require.NoError(t, err)
			}
			c.Start(context.Background(), l)
			held.await(t, most)
			held.let()
			lag(t, i, l, 0)
		}
	})
}

// TestWhatFailsDoesNotHoldUpOthers: as many wait for their next attempt as no worker has in
// hand.
func TestWhatFailsDoesNotHoldUpOthers(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		l := wide(t, i, "user.added", "hook")
		var seen bustest.Noted
		consume(t, i.Bus, func(_ context.Context, d *lines.Delivery) {
			if string(d.Body) != bustest.Body(i, "fine") {
				unlapsed(t, d.Wait(time.Hour))
				return
			}
			unlapsed(t, d.Ack())
			seen.Add(string(d.Body))
		}, l)
		publishMany(t, i, 300, "user.added")
		bustest.Publish(t, i, "fine", "u", "user.added")
		seen.Await(t, 1)
	})
}

// TestManyInHandOfAWorkerThatIsGone come again at another, each once and with all its
// attempts; so does what was on its way. None of it is ended by who had it.
func TestManyInHandOfAWorkerThatIsGone(t *testing.T) {
	t.Parallel()
	const ackWait = 2 * time.Second
	bustest.Both(t, bus.Options{AckWait: ackWait}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		l := wide(t, i, "user.added", "hook")
		b, p := far(t, s, ackWait)
		held := newCrowd(t)
		one := lines.NewConsumer(b, 32, func(ctx context.Context, d *lines.Delivery) {
			held.wait()
			<-ctx.Done()
			if d.Held() {
				t.Error("it takes the delivery for its own")
			}
			assert.ErrorIs(t, d.Ack(), lines.ErrLapsed)
		})
		t.Cleanup(one.Stop)
		t.Cleanup(held.let)
		one.Start(context.Background(), l)
		want := publishMany(t, i, 60, "user.added")
		require.Eventually(t, func() bool { held.mu.Lock(); defer held.mu.Unlock(); return held.running == 32 }, time.Minute, time.Millisecond)
		p.Hold()
		var seen bustest.Noted
		two := lines.NewConsumer(s.Connect(t, bus.Options{AckWait: ackWait}), 64, acked(t, &seen))
		t.Cleanup(two.Stop)
		two.Start(context.Background(), l)
		all := seen.Await(t, len(want))
		held.let()
		p.Release()
		lag(t, i, l, 0)
		one.Stop()
		slices.Sort(all)
		slices.Sort(want)
		require.Equal(t, want, all)
		require.Len(t, seen.Get(), len(want), "each is ended once")
	})
}
