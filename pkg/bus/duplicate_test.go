package bus_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/wire"
)

// TestAnIDIsOfItsEventAlone: another organization, aggregate or type has ids of
// its own, and none of them swallows an event of another.
func TestAnIDIsOfItsEventAlone(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		ctx := bustest.Within(t, 20*time.Second)
		var all []bus.Stored
		events := []bus.NewEvent{
			{Org: "acme", AggregateID: "u", Type: "user.added"},
			{Org: "umbrella", AggregateID: "u", Type: "user.added"},
			{Org: "", AggregateID: "u", Type: "user.added"},
			{Org: "acme", AggregateID: "v", Type: "user.added"},
			{Org: "acme", AggregateID: "u", Type: "user.changed"},
			{Org: "acme", AggregateID: "u.user", Type: "added"}, // the same text, cut elsewhere
		}
		for _, e := range events {
			e.ID, e.Body = "order-1", []byte(bustest.Body(i, e.Org))
			s, err := i.Publish(ctx, e)
			require.NoError(t, err)
			require.False(t, s.Duplicate, "%+v was taken for another", e)
			all = append(all, s)
		}
		for n, e := range events {
			e.ID, e.Body = "order-1", []byte(bustest.Body(i, e.Org))
			s, err := i.Publish(ctx, e)
			require.NoError(t, err)
			require.Equal(t, bus.Stored{ID: "order-1", StreamSequence: all[n].StreamSequence, Duplicate: true}, s)
		}
	})
}

// TestAnIDOfAnotherBody is a conflict: nobody is told that an event is stored
// which is not.
func TestAnIDOfAnotherBody(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		ctx := bustest.Within(t, 20*time.Second)
		first := bustest.Publish(t, i, "e1", "u", "user.added")
		for _, body := range []string{"", "another", bustest.Body(i, "e1") + " "} {
			_, err := i.Publish(ctx, bus.NewEvent{ID: "e1", Org: "acme", AggregateID: "u", Type: "user.added", Body: []byte(body)})
			bustest.Code(t, action.CodeConflict, err)
			var of *action.Error
			require.ErrorAs(t, err, &of)
			require.Equal(t, []any{409, "id"}, []any{of.Status, of.Field})
		}
		last, err := i.LastSequence(ctx)
		require.NoError(t, err)
		require.Equal(t, first.StreamSequence, last)
	})
}

// TestMessageIDsOfOthers are those of cores that publish over NATS by
// themselves. They are kept as they are, that of our form is the same event, and
// a forged one is noticed.
func TestMessageIDsOfOthers(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, js := bustest.Within(t, 20*time.Second), s.JetStream(t)
		plain := func(org, id, body string) *jetstream.PubAck {
			ack, err := js.Publish(ctx, "callout.event."+i.Token+"."+org+".u.user.added", []byte(body), jetstream.WithMsgID(id))
			require.NoError(t, err)
			return ack
		}
		ours := bus.NewEvent{ID: "own", Org: "acme", AggregateID: "u", Type: "user.added", Body: []byte("a")}
		require.False(t, plain("acme", "own", "a").Duplicate)
		require.True(t, plain("acme", "own", "a").Duplicate, "its own ids are what they were")
		stored, err := i.Publish(ctx, ours)
		require.NoError(t, err)
		require.False(t, stored.Duplicate)
		formed := func(id string) string { return wire.EventMessageID("callout.event."+i.Token+".acme.u.user.added", id) }
		require.Equal(t, stored.StreamSequence, plain("acme", formed("own"), "a").Sequence, "the form is open to everybody")

		plain("umbrella", formed("next"), "a")
		ours.ID = "next"
		_, err = i.Publish(ctx, ours)
		bustest.Code(t, action.CodeConflict, err)
	})
}

// TestADuplicateThatIsGone was stored and taken out since: it is the same event
// still, and nothing is left that it could be compared with.
func TestADuplicateThatIsGone(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx := bustest.Within(t, 20*time.Second)
		first := bustest.Publish(t, i, "e1", "u", "user.added")
		stream, err := s.JetStream(t).Stream(ctx, i.Events)
		require.NoError(t, err)
		require.NoError(t, stream.Purge(ctx, jetstream.WithPurgeSubject("callout.event.>")))
		again := bustest.Publish(t, i, "e1", "u", "user.added")
		require.Equal(t, bus.Stored{ID: "e1", StreamSequence: first.StreamSequence, Duplicate: true}, again)
	})
}

// TestADuplicateThatIsNotShown is not believed, and not denied either.
func TestADuplicateThatIsNotShown(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, js := bustest.Within(t, 20*time.Second), s.JetStream(t)
		bustest.Publish(t, i, "e1", "u", "user.added")
		stream, err := js.Stream(ctx, i.Events)
		require.NoError(t, err)
		mute := stream.CachedInfo().Config
		mute.AllowDirect = false
		_, err = js.UpdateStream(ctx, mute)
		require.NoError(t, err)
		_, err = i.Publish(ctx, bus.NewEvent{ID: "e1", Org: "acme", AggregateID: "u", Type: "user.added", Body: []byte(bustest.Body(i, "e1"))})
		bustest.Code(t, action.CodeNotStored, err)
	})
}
