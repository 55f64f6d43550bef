package bustest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/revisions"
)

// IDs are the instances that every test runs with. One begins with the other,
// and is spelled in subjects otherwise than in words.
var IDs = [2]string{"default", "default.größe 2"}

// Both runs a test for two instances side by side, over one connection to one
// server. Both have lines, targets, events and deliveries of the same names: what
// is told apart by a name alone goes wrong.
func Both(t *testing.T, o bus.Options, test func(t *testing.T, s *Server, i bus.Instance)) {
	t.Helper()
	s := Start(t)
	for _, i := range Pair(t, s.Connect(t, o)) {
		t.Run(i.Token, func(t *testing.T) {
			t.Parallel()
			test(t, s, i)
		})
	}
}

// Pair prepares both instances, for a test that has to do with them in turn.
func Pair(t testing.TB, b *bus.Bus) [2]bus.Instance {
	t.Helper()
	return [2]bus.Instance{Prepared(t, b, IDs[0]), Prepared(t, b, IDs[1])}
}

// Prepared makes an instance: its streams, and the marker, which is the first
// message in that of events.
func Prepared(t testing.TB, b *bus.Bus, id string) bus.Instance {
	t.Helper()
	ctx, i := Within(t, 20*time.Second), b.Instance(id)
	require.NoError(t, b.EnsureInstallation(ctx))
	require.NoError(t, i.EnsureStreams(ctx))
	_, err := revisions.Of(i).PutBack(ctx)
	require.NoError(t, err)
	return i
}

// Publish stores an event of the organization acme, whose body holds its id and
// that of its instance.
func Publish(t testing.TB, i bus.Instance, id, aggregate, eventType string) bus.Stored {
	t.Helper()
	s, err := i.Publish(Within(t, 10*time.Second), bus.NewEvent{ID: id, Org: "acme", AggregateID: aggregate, Type: eventType,
		Body: []byte(Body(i, id))})
	require.NoError(t, err)
	return s
}

// Body is that of a published event.
func Body(i bus.Instance, id string) string { return id + " of " + i.ID }

// Bodies are those of several.
func Bodies(i bus.Instance, ids ...string) (all []string) {
	for _, id := range ids {
		all = append(all, Body(i, id))
	}
	return all
}

// Code tells whether an error has a code; "" = it is none.
func Code(t testing.TB, want action.Code, err error) {
	t.Helper()
	require.Equal(t, want, action.CodeOf(err), "%v", err)
	if want == "" {
		require.NoError(t, err)
	}
}
