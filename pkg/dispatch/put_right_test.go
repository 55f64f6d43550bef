package dispatch_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/bus/shards"
	"github.com/callout-hq/callout/pkg/dispatch"
	"github.com/callout-hq/callout/pkg/wire"
)

// theft is what somebody does to the consumer of a line, by plain NATS.
type theft struct {
	what string
	do   func(ctx context.Context, s jetstream.Stream, cfg jetstream.ConsumerConfig) error
}

// changes is a theft that changes its settings.
func changes(what string, change func(*jetstream.ConsumerConfig)) theft {
	return theft{what, func(ctx context.Context, s jetstream.Stream, cfg jetstream.ConsumerConfig) error {
		change(&cfg)
		_, err := s.UpdateConsumer(ctx, cfg)
		return err
	}}
}

// makesAnew is a theft that makes another one of its name.
func makesAnew(what string, change func(*jetstream.ConsumerConfig)) theft {
	return theft{what, func(ctx context.Context, s jetstream.Stream, cfg jetstream.ConsumerConfig) error {
		change(&cfg)
		for {
			if err := s.DeleteConsumer(ctx, cfg.Durable); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
				return err
			}
			var err error
			if cfg.DeliverSubject != "" {
				_, err = s.CreatePushConsumer(ctx, cfg)
			} else {
				_, err = s.CreateConsumer(ctx, cfg)
			}
			if !errors.Is(err, jetstream.ErrConsumerExists) { // a dispatcher was faster, and has put it back
				return err
			}
		}
	}}
}

func pauses(what string, d time.Duration) theft {
	return theft{what, func(ctx context.Context, s jetstream.Stream, cfg jetstream.ConsumerConfig) error {
		_, err := s.PauseConsumer(ctx, cfg.Durable, time.Now().Add(d))
		return err
	}}
}

func thefts(of tenant) []theft {
	elsewhere := "callout.event." + wire.Token(of.id) + ".nothing.at.all.of.it"
	return []theft{
		changes("the filter", func(c *jetstream.ConsumerConfig) { c.FilterSubject = elsewhere }),
		changes("several filters", func(c *jetstream.ConsumerConfig) {
			c.FilterSubject, c.FilterSubjects = "", []string{elsewhere, elsewhere + "2"}
		}),
		changes("deliveries", func(c *jetstream.ConsumerConfig) { c.MaxDeliver = 1 }),
		changes("the ack wait", func(c *jetstream.ConsumerConfig) { c.AckWait = 20 * time.Millisecond }),
		changes("a longer ack wait", func(c *jetstream.ConsumerConfig) { c.AckWait = time.Hour }),
		changes("its order", func(c *jetstream.ConsumerConfig) { c.MaxAckPending = 1000 }),
		changes("its life", func(c *jetstream.ConsumerConfig) { c.InactiveThreshold = time.Hour }),
		changes("its pace", func(c *jetstream.ConsumerConfig) { c.MaxRequestExpires = time.Millisecond }),
		pauses("a pause for an hour", time.Hour),
		pauses("a pause for ever", 100*365*24*time.Hour),
		makesAnew("where it begins", func(c *jetstream.ConsumerConfig) {
			c.DeliverPolicy, c.OptStartSeq = jetstream.DeliverByStartSequencePolicy, 1<<40
		}),
		makesAnew("only what is new", func(c *jetstream.ConsumerConfig) { c.DeliverPolicy, c.OptStartSeq = jetstream.DeliverNewPolicy, 0 }),
		makesAnew("acknowledgements", func(c *jetstream.ConsumerConfig) { c.AckPolicy, c.MaxAckPending = jetstream.AckNonePolicy, 0 }),
		makesAnew("its direction", func(c *jetstream.ConsumerConfig) { c.DeliverSubject, c.MaxWaiting = "elsewhere", 0 }),
	}
}

// TestAConsumerThatWasChangedIsPutRight: whatever somebody does to the consumer
// of a line, its events arrive, also those that were stored meanwhile, and it is
// as before.
func TestAConsumerThatWasChangedIsPutRight(t *testing.T) {
	t.Parallel()
	f, r := newFleet(t), newReceiver(t)
	d := f.dispatcher()
	f.worker(f.bus())
	both(t, f, func(t *testing.T, of tenant) {
		p := f.publisher()
		of.change(t, d, moved(r, of.id, "hook", 1))
		s, err := f.js.Stream(within(t, 20*time.Second), f.bus().Instance(of.id).Events)
		require.NoError(t, err)
		name := of.linesOf(t)[0].Name
		before := settingsOf(t, s, name)
		without := changes("the bodies", func(c *jetstream.ConsumerConfig) { c.HeadersOnly = true })
		for _, theft := range append(thefts(of), without) {
			if theft.what == without.what { // what comes without a body meanwhile is a dead letter too
				f.account(t, r, of.id, p.events)
			}
			p.publish(t, of.id, "", "user.added", "u")
			of.arrived(t, r, p)
			require.NoError(t, theft.do(within(t, 20*time.Second), s, settingsOf(t, s, name)), theft.what)
			p.publish(t, of.id, "", "user.added", "u", "v")
			of.arrived(t, r, p)
			require.Eventually(t, func() bool { return sameSettings(before, settingsOf(t, s, name)) }, time.Minute, 20*time.Millisecond, theft.what)
		}
	})
	require.Contains(t, d.log.String(), "changed by somebody else")
}

// TestAPauseThatWasTakenIsPutBack, also when its consumer was deleted.
func TestAPauseThatWasTakenIsPutBack(t *testing.T) {
	t.Parallel()
	f, r := newFleet(t), newReceiver(t)
	d := f.dispatcherWith(f.bus(), dispatch.Options{Shards: shards.None}.Hurried(hurried, 2*hurried)) // it is about consumers
	both(t, f, func(t *testing.T, of tenant) {
		p := f.publisher()
		of.change(t, d, moved(r, of.id, "hook", 1))
		i := f.bus().Instance(of.id)
		s, err := f.js.Stream(within(t, 20*time.Second), i.Events)
		require.NoError(t, err)
		l := of.linesOf(t)[0]
		require.NoError(t, d.Instance(of.id).PauseSubscription(within(t, 20*time.Second), l.Subscription(), -1))
		for _, steal := range []func(context.Context) error{
			func(ctx context.Context) error { _, err := s.ResumeConsumer(ctx, l.Name); return err },
			func(ctx context.Context) error { return s.DeleteConsumer(ctx, l.Name) },
			func(ctx context.Context) error {
				_, err := s.PauseConsumer(ctx, l.Name, time.Now().Add(time.Hour))
				return err
			},
		} {
			require.NoError(t, steal(within(t, 20*time.Second)))
			require.Eventually(t, func() bool {
				standing, err := lines.Of(i).Standing(within(t, 20*time.Second), l)
				return err == nil && standing.Paused
			}, time.Minute, 10*time.Millisecond)
		}
		require.NoError(t, d.Instance(of.id).ResumeSubscription(within(t, 20*time.Second), l.Subscription(), -1))
		p.publish(t, of.id, "", "user.added", "u")
	})
	f.worker(f.bus())
	f.settled(t, instances...)
	for _, id := range instances {
		require.Len(t, r.got(pathOf(id, "hook")), 1, "it goes on when it is resumed")
	}
}

// arrived waits until the target has every event.
func (of tenant) arrived(t *testing.T, r *receiver, p *publisher) {
	t.Helper()
	require.Eventually(t, func() bool {
		seen := map[due]bool{}
		for _, a := range r.got(pathOf(of.id, "hook")) {
			seen[due{aggregate: a.aggregate, n: a.n}] = true
		}
		return len(seen) == len(p.events)
	}, time.Minute, 10*time.Millisecond)
}

func settingsOf(t *testing.T, s jetstream.Stream, name string) jetstream.ConsumerConfig {
	t.Helper()
	var cfg jetstream.ConsumerConfig
	require.Eventually(t, func() bool {
		c, err := s.Consumer(within(t, 20*time.Second), name)
		if err == nil {
			cfg = c.CachedInfo().Config
			if c.CachedInfo().Paused {
				cfg.PauseUntil = new(time.Now().AddDate(1, 0, 0))
			} else {
				cfg.PauseUntil = nil
			}
		}
		return err == nil
	}, time.Minute, 20*time.Millisecond)
	return cfg
}

// sameSettings leaves out where it began, which may be another place.
func sameSettings(a, b jetstream.ConsumerConfig) bool {
	return a.FilterSubject == b.FilterSubject && len(b.FilterSubjects) == 0 && a.MaxDeliver == b.MaxDeliver && a.AckWait == b.AckWait &&
		a.MaxAckPending == b.MaxAckPending && a.HeadersOnly == b.HeadersOnly && a.InactiveThreshold == b.InactiveThreshold &&
		a.MaxRequestExpires == b.MaxRequestExpires && a.AckPolicy == b.AckPolicy && b.PauseUntil == nil && b.DeliverSubject == ""
}
