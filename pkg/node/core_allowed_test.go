package node_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/logins"
	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/catalog/file"
	"github.com/callout-hq/callout/pkg/dispatch"
	"github.com/callout-hq/callout/pkg/wire"
)

// TestWhatACoreMustBeAllowed runs cores of two instances that may do no more than
// access.Core says, a worker that may do no more than access.Worker, and a
// dispatcher, in both forms of a server's configuration: conditions, changed ones too, calls, events, duplicates and
// declarations work, and of the other instance nothing does.
func TestWhatACoreMustBeAllowed(t *testing.T) {
	t.Parallel()
	for _, form := range logins.Forms {
		t.Run(string(form), func(t *testing.T) {
			t.Parallel()
			names := []string{"north", "south"}
			s := startGuarded(t, form, names...)
			coresMay(t, s, s.startFleet(t, names...), names)
		})
	}
}

func coresMay(t *testing.T, s *guarded, d *dispatch.Dispatcher, names []string) {
	t.Helper()
	hook := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(hook.Close)
	for n, name := range names {
		apply := func(method string) {
			t.Helper()
			snapshot, problems := file.Parse("c.yaml", []byte(strings.NewReplacer("NAME", name, "HOOK", hook.URL, "METHOD", method).Replace(
				`{instance: NAME, targets: {hook: {type: webhook, url: HOOK}}, requests: {METHOD: {targets: [{target: hook}]}}, events: {"*": {targets: [{target: hook}]}}}`)))
			require.NotNil(t, snapshot, "%v", problems)
			_, err := d.Instance(name).Apply(t.Context(), snapshot)
			require.NoError(t, err)
		}
		apply("/s.S/A")
		client, err := callout.Connect(t.Context(), callout.Options{
			URL: s.URL(), Login: s.login(access.Core(name)), Instance: name, Log: zerolog.Nop(),
			Declare: &callout.Declaration{Core: "users", Methods: []string{"/s.S/A", "/s.S/B"}, EventTypes: []string{"user.added"}}})
		require.NoError(t, err)
		defer client.Close()
		called := func(method string) bool {
			r, err := client.Request(t.Context(), callout.Call{Method: method, OrgID: "acme", Request: []byte(`{}`)})
			return err == nil && r.Outcome == action.Continue && len(r.Steps) == 1
		}
		require.Eventually(t, func() bool { return called("/s.S/A") }, time.Minute, time.Millisecond, "the conditions are heard of")
		require.False(t, called("/s.S/B"))
		require.Eventually(t, func() bool { // it has declared
			declared, err := d.Instance(name).Declared(t.Context())
			return err == nil && len(declared.Methods) == 2
		}, time.Minute, 10*time.Millisecond)
		apply("/s.S/B")
		require.Eventually(t, func() bool { return called("/s.S/B") }, time.Minute, time.Millisecond, "a changed condition is heard of")

		event := action.Event{ID: "e1", AggregateID: "u", ResourceOwner: "acme", Type: "user.added", Payload: []byte(`{}`)}
		stored, err := client.Publish(t.Context(), event)
		require.NoError(t, err)
		require.False(t, stored[0].Duplicate)
		stored, err = client.Publish(t.Context(), event)
		require.NoError(t, err)
		require.True(t, stored[0].Duplicate)
		event.Payload = []byte(`{"n":1}`)
		_, err = client.Publish(t.Context(), event)
		require.Equal(t, action.CodeConflict, action.CodeOf(err), "%v", err)
		refusesOthers(t, s, name, names[1-n])
	}
}

// refusesOthers has a core ask for what is another instance's.
func refusesOthers(t *testing.T, s *guarded, name, other string) {
	t.Helper()
	b := s.connect(t, access.Core(name))
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := b.Instance(other).Publish(ctx, bus.NewEvent{Org: "acme", AggregateID: "u", Type: "user.added", Body: []byte(`{}`)})
	require.Error(t, err)
	_, _, err = b.Bucket(bus.BucketConditions).Get(ctx, wire.Token(other))
	require.Error(t, err)
	_, _, err = b.Bucket(bus.BucketSecrets).Get(ctx, "any")
	require.Error(t, err)
}
