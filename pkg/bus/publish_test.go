package bus_test

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/wire"
)

func TestPublishConfirmsAndTellsDuplicates(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx := bustest.Within(t, 20*time.Second)
		first := bustest.Publish(t, i, "e1", "u1", "user.added")
		again := bustest.Publish(t, i, "e1", "u1", "user.added")
		require.False(t, first.Duplicate)
		require.Equal(t, bus.Stored{ID: "e1", StreamSequence: first.StreamSequence, Duplicate: true}, again)
		require.EqualValues(t, 2, first.StreamSequence, "the other instance counts for itself")

		stream, err := s.JetStream(t).Stream(ctx, i.Events)
		require.NoError(t, err)
		raw, err := stream.GetMsg(ctx, first.StreamSequence)
		require.NoError(t, err)
		at, err := wire.ParseStoredEvent(raw.Subject)
		require.NoError(t, err)
		require.Equal(t, wire.StoredEvent{Instance: i.ID, Org: "acme", Type: "user.added",
			Lane4: wire.Partition("u1", 4), Lane16: wire.Partition("u1", 16), Lane64: wire.Partition("u1", 64)}, at)
		require.Equal(t, bustest.Body(i, "e1"), string(raw.Data))

		_, err = i.Publish(ctx, bus.NewEvent{AggregateID: "u", Type: "a..b"})
		bustest.Code(t, action.CodeBadField, err)
	})
}

func TestPublishToNobody(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t).Connect(t, bus.Options{})
	i := b.Instance("nobody")
	_, err := i.Publish(bustest.Within(t, 10*time.Second), bus.NewEvent{AggregateID: "u", Type: "a"})
	bustest.Code(t, action.CodeMissing, err)
	require.ErrorContains(t, err, i.Events)
}

// TestFullStreamRefusesAndKeeps fills the stream of one instance to its limit.
func TestFullStreamRefusesAndKeeps(t *testing.T) {
	t.Parallel()
	pair := bustest.Pair(t, bustest.Start(t).Connect(t, bus.Options{MaxStream: 64 << 10}))
	ctx := bustest.Within(t, 20*time.Second)
	e := bus.NewEvent{AggregateID: "u", Type: "a", Body: make([]byte, 1024)}
	var last error
	stored := uint64(0)
	for ; last == nil && stored < 1000; stored++ {
		_, last = pair[0].Publish(ctx, e)
	}
	bustest.Code(t, action.CodeStreamFull, last)
	require.Greater(t, stored, uint64(10))
	info, err := pair[0].State(ctx, pair[0].Events)
	require.NoError(t, err)
	require.Equal(t, stored, info.State.Msgs, "the marker and what was confirmed: nothing old was dropped")
	_, err = pair[1].Publish(ctx, e)
	require.NoError(t, err, "the other instance has its own")
}

func TestAsyncDeliveryIsStoredOnce(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx := bustest.Within(t, 20*time.Second)
		d := bus.AsyncDelivery{ID: "dlv_1", Owner: "acme", Target: "hook", Phase: action.Request, Body: []byte(`{}`), Revision: 7, Traceparent: "00-x"}
		require.NoError(t, i.StoreAsync(ctx, d))
		require.NoError(t, i.StoreAsync(ctx, d), "a repeat is no error")
		info, err := i.State(ctx, i.Async)
		require.NoError(t, err)
		require.EqualValues(t, 1, info.State.Msgs)
		stream, err := s.JetStream(t).Stream(ctx, i.Async)
		require.NoError(t, err)
		raw, err := stream.GetLastMsgForSubject(ctx, wire.AsyncSubject(i.ID, "acme", "hook"))
		require.NoError(t, err)
		require.Equal(t, []string{"dlv_1", "request", "7", "00-x", "{}"}, []string{raw.Header.Get(wire.HeaderDelivery),
			raw.Header.Get(wire.HeaderPhase), raw.Header.Get(wire.HeaderRevision), raw.Header.Get(wire.HeaderTraceparent), string(raw.Data)})
	})
}

// TestNothingIsStoredLater: while the server is away nothing is buffered that
// would be stored when it is back.
func TestNothingIsStoredLater(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	b := s.Connect(t, bus.Options{})
	pair := bustest.Pair(t, b)
	s.Restart(t, func() {
		require.Eventually(t, func() bool { return !b.Connected() }, time.Minute, time.Millisecond)
		for _, i := range pair {
			_, err := i.Publish(bustest.Within(t, 10*time.Second), bus.NewEvent{AggregateID: "u", Type: "a"})
			bustest.Code(t, action.CodeUnavailable, err)
		}
	})
	require.Eventually(t, b.Connected, 10*time.Second, time.Millisecond)
	for _, i := range pair {
		require.EqualValues(t, 2, bustest.Publish(t, i, "b", "u", "user.added").StreamSequence)
	}
}

// TestConfirmationThatNeverComes: the connection breaks while an event is on its
// way. It is sent again, and stored once.
func TestConfirmationThatNeverComes(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		p := s.Proxy(t)
		b := s.Connect(t, bus.Options{URL: p.URL()})
		ctx := bustest.Within(t, 30*time.Second)
		p.Hold()
		type answer struct {
			stored bus.Stored
			err    error
		}
		answered := make(chan answer, 1)
		go func() {
			stored, err := b.Instance(i.ID).Publish(ctx, bus.NewEvent{ID: "e", AggregateID: "u", Type: "a"})
			answered <- answer{stored, err}
		}()
		require.Eventually(t, func() bool {
			last, err := i.LastSequence(ctx)
			return err == nil && last == 2
		}, time.Minute, time.Millisecond, "it is stored")
		p.Cut()
		p.Release()
		got := <-answered
		require.NoError(t, got.err)
		require.Equal(t, bus.Stored{ID: "e", StreamSequence: 2, Duplicate: true}, got.stored)
		last, err := i.LastSequence(ctx)
		require.NoError(t, err)
		require.EqualValues(t, 2, last)
	})
}

// TestPublishEach tells of each event how it went: one whose id is another's keeps
// no other from being stored, and anything else ends it.
func TestPublishEach(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		ctx := bustest.Within(t, 20*time.Second)
		event := func(id, body string) bus.NewEvent {
			return bus.NewEvent{ID: id, Org: "acme", AggregateID: "u", Type: "user.added", Body: []byte(body)}
		}
		all, err := i.PublishEach(ctx, []bus.NewEvent{event("a", "1"), event("a", "2"), event("b", "3"), event("b", "4"), event("a", "1")})
		bustest.Code(t, action.CodeConflict, err)
		require.ErrorContains(t, err, `"a"`, "the first of them")
		require.Len(t, all, 5)
		require.Equal(t, []bus.Stored{{ID: "a", StreamSequence: 2}, {ID: "b", StreamSequence: 3}, {ID: "a", StreamSequence: 2, Duplicate: true}},
			[]bus.Stored{all[0], all[2], all[4]})
		for _, n := range []int{1, 3} {
			require.Equal(t, action.CodeConflict, all[n].Error.Code)
			require.Equal(t, []any{all[n-1].ID, uint64(0)}, []any{all[n].ID, all[n].StreamSequence})
		}
		bad := event("d", "6")
		bad.Type = "a..b"
		all, err = i.PublishEach(ctx, []bus.NewEvent{event("c", "5"), bad, event("e", "7")})
		bustest.Code(t, action.CodeBadField, err)
		require.Equal(t, []bus.Stored{{ID: "c", StreamSequence: 4}}, all)
		last, err := i.LastSequence(ctx)
		require.NoError(t, err)
		require.EqualValues(t, 4, last)
		all, err = i.PublishEach(ctx, nil)
		require.NoError(t, err)
		require.Empty(t, all)
	})
}

// TestStoreEach keeps the order of messages, and tells the error of each.
func TestStoreEach(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx := bustest.Within(t, 30*time.Second)
		message := func(subject string) *nats.Msg { return nats.NewMsg("callout.dead." + i.Token + "." + subject) }
		store := func(i bus.Instance, subjects ...string) []error {
			var msgs []*nats.Msg
			for _, subject := range subjects {
				msgs = append(msgs, message(subject))
			}
			return i.StoreEach(ctx, i.Dead, msgs, func(n int) []jetstream.PublishOpt {
				if n == 3 { // is refused by itself
					return []jetstream.PublishOpt{jetstream.WithExpectLastSequencePerSubject(99)}
				}
				return []jetstream.PublishOpt{jetstream.WithExpectStream(i.Dead)}
			})
		}
		for n, err := range store(i, "a", "b", "a", "c", "d") { // each subject is stored once
			bustest.Code(t, []action.Code{"", "", action.CodeStreamFull, action.CodeConflict, ""}[n], err)
		}
		all, err := i.Read(ctx, i.Dead, "callout.dead."+i.Token+".>", 1, 10)
		require.NoError(t, err)
		var subjects []string
		for _, m := range all {
			subjects = append(subjects, strings.TrimPrefix(m.Subject, "callout.dead."+i.Token+"."))
		}
		require.Equal(t, []string{"a", "b", "d"}, subjects)

		p := s.Proxy(t)
		far := s.Connect(t, bus.Options{URL: p.URL()}).Instance(i.ID)
		whileRenewed(t, p, far, func() error { return store(far, "e")[0] })
		require.NoError(t, s.JetStream(t).DeleteStream(ctx, i.Dead))
		for n, err := range store(i, "f", "g") {
			bustest.Code(t, action.CodeMissing, err)
			require.ErrorContains(t, err, i.Dead, n)
		}
		far.Close()
		bustest.Code(t, action.CodeUnavailable, store(far, "h")[0])
	})
}

func x(n int) string { return strings.Repeat("x", n) }
