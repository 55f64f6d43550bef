package node_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/embed"
	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/catalog/file"
	"github.com/callout-hq/callout/pkg/dispatch"
	"github.com/callout-hq/callout/pkg/invoke"
	"github.com/callout-hq/callout/pkg/wire"
	"github.com/callout-hq/callout/pkg/work"
)

// coreOf is a core as a NATS server may know it: its own instance's events, calls,
// conditions and declaration, and nothing of JetStream but reads of single messages
// of these.
func coreOf(instance string) string {
	token := wire.Token(instance)
	return strings.ReplaceAll(`{user: TOKEN, password: TOKEN, permissions: {
		publish: ["callout.event.TOKEN.>", "callout.call.TOKEN.>", "callout.cancel", "$KV.callout_declared.TOKEN.*",
			"$JS.API.DIRECT.GET.CALLOUT_EVENTS_TOKEN",
			"$JS.API.DIRECT.GET.KV_callout_conditions.$KV.callout_conditions.TOKEN",
			"$JS.API.DIRECT.GET.KV_callout_conditions.$KV.callout_conditions.TOKEN.>"],
		subscribe: ["_INBOX_TOKEN.>", "$KV.callout_conditions.TOKEN"]}}`, "TOKEN", token)
}

// TestWhatACoreMustBeAllowed runs cores of two instances that may do no more than
// coreOf says: conditions, changed ones too, calls, events, duplicates and
// declarations work, and of the other instance nothing does.
func TestWhatACoreMustBeAllowed(t *testing.T) {
	t.Parallel()
	names := []string{"north", "south"}
	config := filepath.Join(t.TempDir(), "nats.conf")
	require.NoError(t, os.WriteFile(config, []byte("no_auth_user: everybody, authorization: {users: ["+coreOf(names[0])+", "+coreOf(names[1])+", {user: everybody, password: open-sesame}]}"), 0o600))
	s, err := embed.Start(embed.Options{Data: t.TempDir(), Listen: "127.0.0.1:0", Config: config, Log: zerolog.Nop()})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	d := startEngine(t, s)
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
			URL: "nats://" + name + ":" + name + "@" + s.Addr().String(), Instance: name, InboxPrefix: "_INBOX_" + name, Log: zerolog.Nop(),
			Declare: &callout.Declaration{Core: "users", Methods: []string{"/s.S/A", "/s.S/B"}, EventTypes: []string{"user.added"}}})
		require.NoError(t, err)
		defer client.Close()
		called := func(method string) bool {
			r, err := client.Request(t.Context(), callout.Call{Method: method, OrgID: "acme", Request: []byte(`{}`)})
			require.NoError(t, err)
			return r.Outcome == action.Continue && len(r.Steps) == 1
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
func refusesOthers(t *testing.T, s *embed.Server, name, other string) {
	t.Helper()
	b, err := bus.Connect(t.Context(), bus.Options{URL: "nats://" + name + ":" + name + "@" + s.Addr().String(), InboxPrefix: "_INBOX_" + name, Log: zerolog.Nop()})
	require.NoError(t, err)
	defer b.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = b.Instance(other).Publish(ctx, bus.NewEvent{Org: "acme", AggregateID: "u", Type: "user.added", Body: []byte(`{}`)})
	require.Error(t, err)
	_, _, err = b.Bucket(bus.BucketConditions).Get(ctx, wire.Token(other))
	require.Error(t, err)
	_, _, err = b.Bucket(bus.BucketSecrets).Get(ctx, "any")
	require.Error(t, err)
}

// startEngine starts a dispatcher and a worker on a server.
func startEngine(t *testing.T, s *embed.Server) *dispatch.Dispatcher {
	t.Helper()
	connect := func() *bus.Bus {
		b, err := bus.Connect(t.Context(), bus.Options{InProcess: s, AckWait: time.Second, Log: zerolog.Nop()})
		require.NoError(t, err)
		t.Cleanup(b.Close)
		return b
	}
	forDispatch, forWork := connect(), connect()
	d, err := dispatch.Start(t.Context(), dispatch.Options{Bus: forDispatch, Listen: "127.0.0.1:0", Log: zerolog.Nop(),
		Prepare: func(ctx context.Context, d *dispatch.Dispatcher) error { return d.Instance("north").Ensure(ctx) },
		Mount:   func(*dispatch.Dispatcher) map[string]http.Handler { return nil }})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Stop(context.Background())) })
	invoker := invoke.New(invoke.Options{AllowLocal: true, Log: zerolog.Nop()})
	t.Cleanup(invoker.Close)
	w, err := work.Start(t.Context(), work.Options{Bus: forWork, Invoker: invoker, Log: zerolog.Nop()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.Stop(context.Background())) })
	return d
}
