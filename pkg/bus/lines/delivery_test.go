package lines_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/letters"
	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/wire"
)

// TestEventsWithHeadersOfTheServer arrive: a status that a publisher has named is
// no word of the server's, and holds up nothing.
func TestEventsWithHeadersOfTheServer(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, js := bustest.Within(t, time.Minute), s.JetStream(t)
		for _, unordered := range []bool{false, true} {
			l := line(t, i, "user.added", func(l *lines.Line) {
				if l.Unordered = unordered; unordered {
					l.Name, l.Condition = "unordered", onEvent("user.changed")
				}
			})
			var seen bustest.Noted
			consume(t, i.Bus, acked(t, &seen), l)
			var want []string
			for n, h := range []nats.Header{{"Status": {"404"}}, {"Status": {"408"}}, {"Status": {"409"}, "Description": {"Consumer Deleted"}},
				{"Status": {"100"}}, {"Nats-Sequence": {"77"}, "Nats-Subject": {"a.b"}}, nil} {
				body := fmt.Sprint(l.Name, n)
				_, err := js.PublishMsg(ctx, &nats.Msg{Subject: "callout.event." + i.Token + ".acme.u." + l.Condition.Match, Data: []byte(body), Header: h})
				require.NoError(t, err)
				want = append(want, body)
			}
			require.ElementsMatch(t, want, seen.Await(t, len(want)))
			lag(t, i, l, 0)
		}
	})
}

// TestTheHeadOfALine is where it lies, whatever its publisher says.
func TestTheHeadOfALine(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, b := bustest.Within(t, 30*time.Second), lines.Of(i)
		l := line(t, i, "user.added", nil)
		ack, err := s.JetStream(t).PublishMsg(ctx, &nats.Msg{Subject: "callout.event." + i.Token + ".acme.u.user.added", Data: []byte(i.ID),
			Header: nats.Header{"Status": {"404"}, "Nats-Sequence": {"77"}, "Nats-Time-Stamp": {"noon"}}})
		require.NoError(t, err)
		head, ok, err := b.Head(ctx, l)
		require.NoError(t, err)
		require.Equal(t, []any{true, ack.Sequence, i.ID}, []any{ok, head.Sequence, string(head.Body)})
		lag(t, i, l, 1) // which may be a moment behind
		standing, err := b.Standing(ctx, l)
		require.NoError(t, err)
		require.WithinDuration(t, time.Now(), standing.Oldest, time.Minute)
	})
}

// TestADeliveryThatIsEnded comes to nobody again, and holds up nothing.
func TestADeliveryThatIsEnded(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		l := line(t, i, "user.added", nil)
		var seen bustest.Noted
		consume(t, i.Bus, func(_ context.Context, d *lines.Delivery) {
			seen.Add(string(d.Body))
			if err := d.End(); err != nil {
				t.Error(err)
			}
		}, l)
		bustest.Publish(t, i, "a", "u", "user.added")
		bustest.Publish(t, i, "b", "u", "user.added")
		require.Equal(t, bustest.Bodies(i, "a", "b"), seen.Await(t, 2))
		lag(t, i, l, 0)
		require.Len(t, seen.Get(), 2)
	})
}

// TestDeadLettersThatAreSentAgain are delivered as what they were. What is none, or
// has lost its body, can be told apart, and never will be read.
func TestDeadLettersThatAreSentAgain(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, js, dead := bustest.Within(t, time.Minute), s.JetStream(t), letters.Of(i)
		l := line(t, i, "", func(l *lines.Line) { l.Name, l.Async, l.Redrive, l.Unordered, l.Cut = "redrive", true, true, true, 0 })
		large := make([]byte, i.MaxBody()-64) // lies apart
		for id, body := range map[string][]byte{"dlv_a": []byte(bustest.Body(i, "a")), "dlv_large": large, "dlv_lost": large} {
			require.NoError(t, dead.Keep(ctx, action.DeadLetter{DeliveryID: id, Instance: i.ID, Target: "hook", Phase: action.OnEvent, Body: body}, 0))
		}
		require.NoError(t, lines.Of(i).Stop(ctx, l))
		all, err := dead.All(ctx)
		require.NoError(t, err)
		require.NoError(t, dead.Redrive(ctx, all))
		for id, h := range map[string]nats.Header{"dlv_none": {}, "dlv_newer": {"Callout-Format": {fmt.Sprint(action.Format + 1)}}} {
			_, err := js.PublishMsg(ctx, &nats.Msg{Subject: wire.RedriveSubject(i.ID, id), Header: h})
			require.NoError(t, err)
		}
		stream, err := js.Stream(ctx, i.Dead)
		require.NoError(t, err)
		bodies, err := i.Read(ctx, i.Dead, wire.DeadOf(i.ID), 1, 10)
		require.NoError(t, err)
		for _, m := range bodies {
			if strings.HasPrefix(m.Subject, wire.DeadBodySubject(i.ID, "dlv_lost", "")) {
				require.NoError(t, stream.DeleteMsg(ctx, m.Sequence))
			}
		}
		type met struct {
			letter, place, unreadable bool
			code                      action.Code
			size                      int
		}
		got := map[string]met{}
		seen := make(chan func(), 10)
		consume(t, i.Bus, func(_ context.Context, d *lines.Delivery) {
			m := met{d.Letter != nil, d.LetterPlace > 0, d.Unreadable != nil, action.CodeOf(d.Unreadable), len(d.Body)}
			formErr := lines.Of(i).CheckForm(ctx, d)
			ackErr := d.Ack()
			seen <- func() {
				require.NoError(t, formErr)
				require.NoError(t, ackErr)
				got[d.Subject] = m
			}
		}, l)
		require.NoError(t, lines.Of(i).Resume(ctx, l))
		for range 5 {
			(<-seen)()
		}
		require.Equal(t, map[string]met{
			wire.RedriveSubject(i.ID, "dlv_a"):     {letter: true, place: true, size: len(bustest.Body(i, "a"))},
			wire.RedriveSubject(i.ID, "dlv_large"): {letter: true, place: true, size: len(large)},
			wire.RedriveSubject(i.ID, "dlv_lost"):  {letter: true, unreadable: true, code: action.CodeNotFound},
			wire.RedriveSubject(i.ID, "dlv_none"):  {unreadable: true},
			wire.RedriveSubject(i.ID, "dlv_newer"): {unreadable: true, code: action.CodeNewer},
		}, got)
	})
}

// TestCheckForm tells of a stream that only a newer version reads.
func TestCheckForm(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, js := bustest.Within(t, 30*time.Second), s.JetStream(t)
		stream, err := js.Stream(ctx, i.Async)
		require.NoError(t, err)
		cfg := stream.CachedInfo().Config
		cfg.Metadata["callout_format"] = fmt.Sprint(action.Format + 1)
		_, err = js.UpdateStream(ctx, cfg)
		require.NoError(t, err)
		own := lines.Of(s.Connect(t, bus.Options{}).Instance(i.ID))
		require.NoError(t, own.CheckForm(ctx, lines.Redelivered(lines.Line{Instance: i.ID}, 1)))
		bustest.Code(t, action.CodeNewer, own.CheckForm(ctx, lines.Redelivered(lines.Line{Instance: i.ID, Async: true}, 1)))
	})
}
