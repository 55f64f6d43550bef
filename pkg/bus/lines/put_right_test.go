package lines_test

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/lines"
)

// settings are those of a line's consumer, as somebody else sees them.
func settings(t *testing.T, s *bustest.Server, stream, name string) jetstream.ConsumerConfig {
	t.Helper()
	c, err := s.JetStream(t).Consumer(bustest.Within(t, 10*time.Second), stream, name)
	require.NoError(t, err)
	return c.CachedInfo().Config
}

// change is what somebody does to the consumer of a line.
func change(t *testing.T, s *bustest.Server, i bus.Instance, name string, do func(*jetstream.ConsumerConfig)) {
	t.Helper()
	cfg := settings(t, s, i.Events, name)
	do(&cfg)
	_, err := s.JetStream(t).UpdateConsumer(bustest.Within(t, 10*time.Second), i.Events, cfg)
	require.NoError(t, err)
}

// delivered publishes events, has the line take them all, and lets go of it.
func delivered(t *testing.T, i bus.Instance, l lines.Line, ids ...string) {
	t.Helper()
	var seen bustest.Noted
	c := lines.NewConsumer(i.Bus, 8, acked(t, &seen))
	c.Start(context.Background(), l)
	for _, id := range ids {
		bustest.Publish(t, i, id, "u", l.Condition.Match)
	}
	seen.Await(t, len(ids))
	lag(t, i, l, 0)
	c.Stop()
}

func righted(t *testing.T, i bus.Instance, l lines.Line) []string {
	t.Helper()
	changed, longer, err := lines.Of(i).PutRight(bustest.Within(t, 20*time.Second), l)
	require.NoError(t, err)
	require.False(t, longer)
	return changed
}

// TestNothingIsPutRight of a line as it was made, whatever its kind, and of one that
// stands for a reason.
func TestNothingIsPutRight(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		ctx, b := bustest.Within(t, 30*time.Second), lines.Of(i)
		for name, kind := range map[string]func(*lines.Line){
			"ordered": func(*lines.Line) {}, "unordered": func(l *lines.Line) { l.Unordered = true },
			"fenced": func(l *lines.Line) { l.Fenced = true }, "of_a_job": func(l *lines.Line) { l.Job = "job" },
			"async":   func(l *lines.Line) { l.Async, l.Unordered, l.Cut = true, true, 0 },
			"redrive": func(l *lines.Line) { l.Async, l.Redrive, l.Unordered, l.Cut = true, true, true, 0 },
			"from_0":  func(l *lines.Line) { l.Cut = 0 },
			"lane":    func(l *lines.Line) { l.Lane, l.Lanes, l.AckWait = 3, 4, 7*time.Second },
		} {
			l := lines.Line{Name: name, Instance: i.ID, Target: "hook", Lanes: 1, Condition: onEvent("user.added"), Cut: 1}
			kind(&l)
			require.NoError(t, b.Ensure(ctx, l))
			require.Empty(t, righted(t, i, l), name)
		}
		for _, state := range []action.LineState{action.LinePaused, action.LineStopped} {
			l := line(t, i, "user.added", nil)
			require.NoError(t, b.PutLineRecord(ctx, l, action.LineRecord{State: state}))
			require.NoError(t, b.Stop(ctx, l))
			require.Empty(t, righted(t, i, l), state)
		}
		held := line(t, i, "user.added", func(l *lines.Line) { l.Name = "held" })
		require.NoError(t, b.Hold(ctx, held, 10*time.Second))
		require.Empty(t, righted(t, i, held), "that is over soon")
	})
}

// TestPutRightNamesWhatWasChanged, sets it back, and delivers again what may have
// been passed over meanwhile, and nothing else.
func TestPutRightNamesWhatWasChanged(t *testing.T) {
	t.Parallel()
	elsewhere := "callout.event.nothing.at.all.of.it"
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, b := bustest.Within(t, time.Minute), lines.Of(i)
		l := line(t, i, "user.added", func(l *lines.Line) { l.AckWait = 5 * time.Second })
		delivered(t, i, l, "a", "b", "c") // 2, 3, 4
		require.NoError(t, b.KeepPosition(ctx, l, 2))
		before := settings(t, s, i.Events, l.Name)
		for _, c := range []struct {
			name   string
			passed bool
			do     func(*jetstream.ConsumerConfig)
		}{
			{"inactive threshold", false, func(c *jetstream.ConsumerConfig) { c.InactiveThreshold = time.Hour }},
			{"max ack pending", false, func(c *jetstream.ConsumerConfig) { c.MaxAckPending = 1000 }},
			{"max request", false, func(c *jetstream.ConsumerConfig) { c.MaxRequestExpires = time.Second }},
			{"ack wait", false, func(c *jetstream.ConsumerConfig) { c.AckWait = time.Second }},
			{"filter", true, func(c *jetstream.ConsumerConfig) { c.FilterSubject = elsewhere }},
			{"filter", true, func(c *jetstream.ConsumerConfig) {
				c.FilterSubject, c.FilterSubjects = "", []string{c.FilterSubject, elsewhere}
			}},
			{"max deliver", true, func(c *jetstream.ConsumerConfig) { c.MaxDeliver = 1 }},
			{"headers only", true, func(c *jetstream.ConsumerConfig) { c.HeadersOnly = true }},
		} {
			change(t, s, i, l.Name, c.do)
			require.Equal(t, []string{c.name}, righted(t, i, l))
			require.Empty(t, righted(t, i, l), c.name)
			require.Equal(t, before, settings(t, s, i.Events, l.Name), c.name)
			if !c.passed {
				lag(t, i, l, 0)
				continue
			}
			var seen bustest.Noted
			again := lines.NewConsumer(i.Bus, 8, acked(t, &seen))
			again.Start(context.Background(), l)
			require.Equal(t, bustest.Bodies(i, "b", "c"), seen.Await(t, 2), c.name)
			lag(t, i, l, 0)
			again.Stop()
		}
		change(t, s, i, l.Name, func(c *jetstream.ConsumerConfig) { c.AckWait = time.Hour })
		changed, longer, err := b.PutRight(ctx, l)
		require.NoError(t, err)
		require.Empty(t, changed)
		require.True(t, longer, "which may be about to be shortened")
		require.NoError(t, s.JetStream(t).DeleteConsumer(ctx, i.Events, l.Name))
		_, _, err = b.PutRight(ctx, l)
		require.True(t, lines.IsLost(err))
	})
}

// TestAnotherConsumerOfItsName is taken out, and the line goes on where it was.
func TestAnotherConsumerOfItsName(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, js, b := bustest.Within(t, time.Minute), s.JetStream(t), lines.Of(i)
		l := line(t, i, "user.added", nil)
		delivered(t, i, l, "a", "b")
		require.NoError(t, b.KeepPosition(ctx, l, 3))
		for name, do := range map[string]func(*jetstream.ConsumerConfig){
			"begins behind it":   func(c *jetstream.ConsumerConfig) { c.OptStartSeq = 5 },
			"only what is new":   func(c *jetstream.ConsumerConfig) { c.DeliverPolicy, c.OptStartSeq = jetstream.DeliverNewPolicy, 0 },
			"none acknowledges":  func(c *jetstream.ConsumerConfig) { c.AckPolicy, c.MaxAckPending = jetstream.AckNonePolicy, 0 },
			"few may wait":       func(c *jetstream.ConsumerConfig) { c.MaxWaiting = 7 },
			"pushes":             func(c *jetstream.ConsumerConfig) { c.DeliverSubject, c.MaxWaiting = "elsewhere", 0 },
			"at its first speed": func(c *jetstream.ConsumerConfig) { c.ReplayPolicy = jetstream.ReplayOriginalPolicy },
		} {
			cfg := settings(t, s, i.Events, l.Name)
			require.NoError(t, js.DeleteConsumer(ctx, i.Events, l.Name))
			do(&cfg)
			var err error
			if cfg.DeliverSubject == "" {
				_, err = js.CreateConsumer(ctx, i.Events, cfg)
			} else {
				_, err = js.CreatePushConsumer(ctx, i.Events, cfg)
			}
			require.NoError(t, err, name)
			require.Equal(t, []string{"all of it"}, righted(t, i, l), name)
			require.Empty(t, righted(t, i, l), name)
			require.EqualValues(t, 4, settings(t, s, i.Events, l.Name).OptStartSeq, "%s: it goes on behind its position", name)
		}
		cfg := settings(t, s, i.Events, l.Name) // one that begins before it does no harm
		require.NoError(t, js.DeleteConsumer(ctx, i.Events, l.Name))
		cfg.OptStartSeq = 2
		_, err := js.CreateConsumer(ctx, i.Events, cfg)
		require.NoError(t, err)
		require.Empty(t, righted(t, i, l))
	})
}

// TestAPauseIsPutRight: a line that is to stand stands, and none that nobody of us
// has stopped.
func TestAPauseIsPutRight(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, js, b := bustest.Within(t, time.Minute), s.JetStream(t), lines.Of(i)
		runs := line(t, i, "user.added", nil)
		for _, d := range []time.Duration{time.Hour, 100 * 365 * 24 * time.Hour} {
			_, err := js.PauseConsumer(ctx, i.Events, runs.Name, time.Now().Add(d))
			require.NoError(t, err)
			require.Equal(t, []string{"pause"}, righted(t, i, runs))
			require.Eventually(t, func() bool {
				standing, err := b.Standing(ctx, runs)
				return err == nil && !standing.Held
			}, time.Minute, time.Millisecond)
		}
		stands := line(t, i, "user.added", func(l *lines.Line) { l.Name, l.Fenced = "stands", true })
		stopped := line(t, i, "user.added", func(l *lines.Line) { l.Name = "stopped" })
		require.NoError(t, b.PutLineRecord(ctx, stopped, action.LineRecord{State: action.LineStopped}))
		for _, l := range []lines.Line{stands, stopped} {
			for _, steal := range []func() error{
				func() error { _, err := js.ResumeConsumer(ctx, i.Events, l.Name); return err },
				func() error { _, err := js.PauseConsumer(ctx, i.Events, l.Name, time.Now().Add(time.Hour)); return err },
			} {
				require.NoError(t, steal())
				require.Equal(t, []string{"pause"}, righted(t, i, l))
				standing, err := b.Standing(ctx, l)
				require.NoError(t, err)
				require.True(t, standing.Paused)
			}
		}
	})
}
