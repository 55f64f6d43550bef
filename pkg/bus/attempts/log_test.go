package attempts_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/attempts"
	"github.com/callout-hq/callout/pkg/bus/bustest"
)

// began is when the first attempt of every test was made, to the microsecond.
var began = time.Now().UTC().Truncate(time.Microsecond)

// an attempt of an event: what is not said is the same in all.
func an(i bus.Instance, id string, number int, d attempts.Decision) attempts.Record {
	return attempts.Record{DeliveryID: id, Sequence: 7, Instance: i.ID, Org: "acme", Phase: action.OnEvent, Name: "user.added", Aggregate: "u1",
		Target: "hook", Kind: action.Webhook, Attempt: number, Earlier: number > 1, Decision: d, Began: began, Ended: began.Add(time.Millisecond)}
}

func logged(t *testing.T, i bus.Instance) *attempts.Recorder {
	t.Helper()
	require.NoError(t, i.EnsureAttempts(bustest.Within(t, 20*time.Second)))
	return recorder(t, i.Bus)
}

func recorder(t *testing.T, b *bus.Bus) *attempts.Recorder {
	t.Helper()
	r, err := attempts.NewRecorder(b, "w1")
	require.NoError(t, err)
	t.Cleanup(func() { r.Stop(bustest.Within(t, 10*time.Second)) })
	return r
}

// record records attempts and waits until they are stored.
func record(t *testing.T, i bus.Instance, all ...attempts.Record) {
	t.Helper()
	r, err := attempts.NewRecorder(i.Bus, "w1")
	require.NoError(t, err)
	for _, a := range all {
		r.Record(a)
	}
	r.Stop(bustest.Within(t, 20*time.Second))
	require.Zero(t, r.Dropped(i.ID))
}

// list reads all deliveries, so many a page, as "id state attempts".
func list(t *testing.T, i bus.Instance, f attempts.Filter, size int) (all []string) {
	t.Helper()
	var at *attempts.Place
	for {
		page, err := attempts.Of(i).List(bustest.Within(t, 20*time.Second), f, size, at)
		require.NoError(t, err)
		for _, d := range page.Deliveries {
			all = append(all, fmt.Sprintf("%s %s %d", d.Last.DeliveryID, d.Last.State(), d.Attempts))
		}
		if at = page.Next; at == nil {
			return all
		}
	}
}

// TestAttemptsOfADelivery are given as they were recorded, in their order.
func TestAttemptsOfADelivery(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		logged(t, i)
		failed := an(i, "a", 1, attempts.Retry)
		failed.Status, failed.Code, failed.Stage, failed.NextTry = 503, action.CodeStatus, action.StageAnswer, began.Add(time.Second)
		failed.Answer = &action.FailedAnswer{Body: "größer <nein>", Headers: []action.AnswerHeader{{Name: "Content-Type", Value: "text/plain"}}, Truncated: true}
		second := an(i, "a", 2, attempts.Delivered)
		record(t, i, failed, an(i, "b", 1, attempts.Delivered), second)
		got, err := attempts.Of(i).OfDelivery(bustest.Within(t, 10*time.Second), "a", 0)
		require.NoError(t, err)
		failed.Worker, second.Worker = "w1", "w1"
		require.Equal(t, attempts.Attempts{Records: []attempts.Record{failed, second}}, got)
		got, err = attempts.Of(i).OfDelivery(bustest.Within(t, 10*time.Second), "nobody", 0)
		require.NoError(t, err)
		require.Empty(t, got.Records)
	})
}

// TestATurnThatIsRecordedLate: a delivery of an async target is attempted by a worker that
// is not the one that stored it, and may be sooner to record what it did.
func TestATurnThatIsRecordedLate(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		logged(t, i)
		stored, failed, delivered := an(i, "a", 0, attempts.Stored), an(i, "a", 1, attempts.Retry), an(i, "a", 2, attempts.Delivered)
		failed.Earlier = true
		record(t, i, failed, delivered, stored)
		require.Equal(t, []string{"a delivered 2"}, list(t, i, attempts.Filter{}, 10))
		require.Equal(t, []string{"a delivered 2"}, list(t, i, attempts.Filter{State: attempts.State(attempts.Delivered)}, 10))
		got, err := attempts.Of(i).OfDelivery(bustest.Within(t, 10*time.Second), "a", 0)
		require.NoError(t, err)
		var order []attempts.Decision
		for _, r := range got.Records {
			order = append(order, r.Decision)
		}
		require.Equal(t, []attempts.Decision{attempts.Stored, attempts.Retry, attempts.Delivered}, order)
	})
}

// TestListOfDeliveries has each once, by its last attempt, whatever the pages.
func TestListOfDeliveries(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		logged(t, i)
		paused := an(i, "p", 1, attempts.Paused) // and its next attempt has the same number
		again := an(i, "p", 1, attempts.Delivered)
		again.Earlier = true
		other := an(i, "o", 1, attempts.DeadLetter)
		other.Org, other.Target, other.Name, other.Aggregate, other.Sequence, other.EventID = "globex", "crm", "user.human.added", "u2", 8, "e-8"
		call := an(i, "c", 1, attempts.Rejected)
		call.Phase, call.Name = action.Request, "/a.B/C"
		record(t, i, an(i, "a", 1, attempts.Retry), paused, an(i, "a", 2, attempts.Retry), other, call, an(i, "b", 1, attempts.Retry), again, an(i, "a", 3, attempts.Delivered))
		for _, size := range []int{1, 2, 3, 100} {
			require.Equal(t, []string{"a delivered 3", "p delivered 1", "b waiting 1", "c rejected 1", "o dead_letter 1"}, list(t, i, attempts.Filter{}, size), size)
			require.Equal(t, []string{"b waiting 1"}, list(t, i, attempts.Filter{State: attempts.Waiting}, size), "what was waiting once is not")
		}
		for want, f := range map[string]attempts.Filter{
			"o": {Target: "crm"}, "o ": {Org: "globex"}, "o  ": {Aggregate: "u2"}, "o   ": {EventType: "user.human.*"}, "o    ": {Sequence: 8}, "o     ": {EventID: "e-8"},
			"o      ": {State: attempts.State(attempts.DeadLetter)}, "c": {State: "rejected"}, "a": {DeliveryID: "a"}, "a,p,b,o": {EventType: "*"}, "a,p,b": {EventType: "user.added", Sequence: 7},
			"": {EventType: "user.*", Org: "nobody"}, " ": {Since: began.Add(time.Hour)}, "  ": {Until: began},
		} {
			var ids []string
			for _, line := range list(t, i, f, 2) {
				ids = append(ids, strings.Fields(line)[0])
			}
			require.Equal(t, strings.TrimSpace(want), strings.Join(ids, ","), "%+v", f)
		}
	})
}

// TestJunkInTheLog is left out, and hides nothing. So is what a newer version has
// stored.
func TestJunkInTheLog(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		logged(t, i)
		record(t, i, an(i, "a", 1, attempts.Delivered))
		js, ctx := s.JetStream(t), bustest.Within(t, 20*time.Second)
		about := "callout.attempt." + i.Token
		elsewhere, err := json.Marshal(an(i, "a", 1, attempts.Delivered)) // whose place is another
		require.NoError(t, err)
		for subject, body := range map[string]string{
			about + ".1.hook.acme.event.user.added": string(elsewhere),
			about + ".x":                            "no JSON",
			about + ".2.hook.acme.event.user.added": "\xff\xfe",
			about + ".3.hook.acme.event.user.added": `{"format":99,"delivery_id":5}`,
			about + ".4.hook.acme.event.user.added": `[1]`,
		} {
			_, err := js.Publish(ctx, subject, []byte(body))
			require.NoError(t, err)
		}
		record(t, i, an(i, "b", 1, attempts.Delivered))
		page, err := attempts.Of(i).List(ctx, attempts.Filter{}, 10, nil)
		require.NoError(t, err)
		require.Equal(t, 4, page.Left, "one lies where nobody looks")
		require.Equal(t, []string{"b delivered 1", "a delivered 1"}, list(t, i, attempts.Filter{}, 1))
		got, err := attempts.Of(i).OfDelivery(ctx, "a", 0)
		require.NoError(t, err)
		require.Len(t, got.Records, 1)
	})
}

// TestALongLogIsReadInParts: what is over the bound of one answer says so, and the
// next one goes on.
func TestALongLogIsReadInParts(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	i := bustest.Pair(t, s.Connect(t, bus.Options{}))[0]
	logged(t, i)
	first := an(i, "first", 1, attempts.Delivered)
	first.Aggregate = "another"
	record(t, i, first)
	for range 6 {
		var all []attempts.Record
		for n := range 2000 {
			all = append(all, an(i, fmt.Sprint(n), 1, attempts.Delivered))
		}
		record(t, i, all...)
	}
	ctx := bustest.Within(t, 60*time.Second)
	page, err := attempts.Of(i).List(ctx, attempts.Filter{Aggregate: "another"}, 10, nil)
	require.NoError(t, err)
	require.True(t, page.Looked)
	require.Empty(t, page.Deliveries)
	require.NotNil(t, page.Next)
	page, err = attempts.Of(i).List(ctx, attempts.Filter{Aggregate: "another"}, 10, page.Next)
	require.NoError(t, err)
	require.Len(t, page.Deliveries, 1)
	require.Nil(t, page.Next)
}

// TestTheLogGivesUpWhatIsOldest, and takes what is new.
func TestTheLogGivesUpWhatIsOldest(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{MaxAttempts: 64 << 10}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		logged(t, i)
		var all []attempts.Record
		for n := range 300 {
			all = append(all, an(i, fmt.Sprint(n), 1, attempts.Delivered))
		}
		record(t, i, all...)
		kept := list(t, i, attempts.Filter{}, 50)
		require.Greater(t, len(kept), 20)
		require.Less(t, len(kept), 300)
		require.Equal(t, "299 delivered 1", kept[0])
	})
}

// TestNoLog is an error that names it to who reads, and nothing to who writes.
func TestNoLog(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, r := bustest.Within(t, 60*time.Second), logged(t, i)
		require.NoError(t, s.JetStream(t).DeleteStream(ctx, i.Attempts))
		for _, err := range []error{second(attempts.Of(i).List(ctx, attempts.Filter{}, 1, nil)), second(attempts.Of(i).OfDelivery(ctx, "a", 0))} {
			bustest.Code(t, action.CodeMissing, err)
			require.ErrorContains(t, err, i.Attempts)
		}
		r.Record(an(i, "a", 1, attempts.Delivered))
		require.Eventually(t, func() bool { return r.Dropped(i.ID) == 1 }, time.Minute, time.Millisecond)
		r.Record(an(i, "b", 1, attempts.Delivered))
		require.EqualValues(t, 2, r.Dropped(i.ID), "a log that is not there is left alone for a moment")
		require.NoError(t, i.EnsureAttempts(ctx))
		require.Eventually(t, func() bool {
			r.Record(an(i, "c", 1, attempts.Delivered))
			page, err := attempts.Of(i).List(ctx, attempts.Filter{}, 1, nil)
			return err == nil && len(page.Deliveries) == 1 && page.Dropped >= 2
		}, time.Minute, 20*time.Millisecond, "what was dropped is told with what comes after")
	})
}

// TestALogThatDoesNotAnswer holds up nobody: what is over the bounds is dropped
// and counted, and Stop ends in its time.
func TestALogThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	pair := bustest.Pair(t, s.Connect(t, bus.Options{}))
	nc := s.Plain(t)
	sub, err := nc.Subscribe("callout.attempt.>", func(*nats.Msg) {}) // in the place of a stream, and confirms nothing
	require.NoError(t, err)
	require.NoError(t, nc.Flush())
	defer func() { _ = sub.Unsubscribe() }()
	r := recorder(t, pair[0].Bus)
	for n := range 20_000 {
		r.Record(an(pair[0], fmt.Sprint(n), 1, attempts.Delivered))
	}
	require.Greater(t, r.Dropped(pair[0].ID), uint64(10_000))
	r.Record(an(pair[1], "x", 1, attempts.Delivered))
	require.Zero(t, r.Dropped(pair[1].ID), "there is something left for another instance")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	r.Stop(ctx)
	r.Record(an(pair[1], "y", 1, attempts.Delivered))
	require.EqualValues(t, 2, r.Dropped(pair[1].ID), "what was not stored when it stopped, and what comes after")
}

// TestSettingsOfTheLog: who started last is obeyed, and to keep none takes it away.
func TestSettingsOfTheLog(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, js := bustest.Within(t, 20*time.Second), s.JetStream(t)
		logged(t, i)
		record(t, i, an(i, "a", 1, attempts.Delivered))
		shown := func() jetstream.StreamConfig {
			stream, err := js.Stream(ctx, i.Attempts)
			require.NoError(t, err)
			return stream.CachedInfo().Config
		}
		require.Equal(t, []any{bus.DefaultAttemptsAge, bus.DefaultMaxAttempts, jetstream.DiscardOld}, []any{shown().MaxAge, shown().MaxBytes, shown().Discard})
		other := s.Connect(t, bus.Options{AttemptsAge: time.Hour, MaxAttempts: 1 << 20}).Instance(i.ID)
		require.NoError(t, other.EnsureAttempts(ctx))
		require.Equal(t, bus.DefaultAttemptsAge, shown().MaxAge)
		require.NoError(t, other.SettleAttempts(ctx))
		require.Equal(t, []any{time.Hour, int64(1 << 20)}, []any{shown().MaxAge, shown().MaxBytes})
		none := s.Connect(t, bus.Options{AttemptsAge: bus.NoAttempts}).Instance(i.ID)
		require.NoError(t, none.EnsureAttempts(ctx))
		require.NotEmpty(t, shown().Name)
		require.NoError(t, none.SettleAttempts(ctx))
		require.NoError(t, none.SettleAttempts(ctx), "there is none")
		_, err := js.Stream(ctx, i.Attempts)
		require.ErrorIs(t, err, jetstream.ErrStreamNotFound)
	})
}

func second[T any](_ T, err error) error { return err }
