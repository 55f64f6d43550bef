package cli_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestListen: a target that only this machine reaches gets the events that it
// asks for, in their order, signed, each once; one that it refuses is told and
// not sent again.
func TestListen(t *testing.T) {
	t.Parallel()
	p, _ := running(t, newTarget(t, nil), oneHook)
	local := newTarget(t, func(w http.ResponseWriter, a arrival) {
		if strings.Contains(a.body, "refused") {
			w.WriteHeader(http.StatusTeapot)
		}
	})
	l := following(t, p, "forwarding", "listen", "--forward-to", local.URL+"/local", "--events", "user.*,org.added", "--key", local.key)
	sequences := publish(t, p, `[{"aggregateID":"u1","event_type":"user.added","event_payload":{"n":1}},
		{"aggregateID":"u1","event_type":"usergrant.added"},
		{"aggregateID":"u1","event_type":"user.human.refused"},
		{"aggregateID":"o1","event_type":"org.added","resourceOwner":"acme"}]`)
	all := local.awaitCount(t, 3)
	l.out.await(t, "org.added")
	require.Len(t, all, 3)
	for i, sequence := range []uint64{sequences[0], sequences[2], sequences[3]} {
		require.Equal(t, []any{"/local", sequence, fmt.Sprintf("listen-%d", sequence), 1},
			[]any{all[i].path, all[i].sequence, all[i].delivery, all[i].attempt})
	}
	require.Equal(t, `{"aggregateID":"u1","event_type":"user.added","event_payload":{"n":1}}`, all[0].body)
	require.Regexp(t, fmt.Sprintf(`^%d  -  user\.added  ok, status 200, after \S+\n%d  -  user\.human\.refused  failed, status 418, after \S+: .*\[status\]\n%d  acme  org\.added  ok, status 200, after \S+\n$`,
		sequences[0], sequences[2], sequences[3]), l.out.String())

	// What is stored already, for programs, to a target that is away.
	away := newTarget(t, nil)
	away.Close()
	again := following(t, p, "forwarding", "listen", "--forward-to", away.URL, "--events", "org.added", "--from", "1", "-o", "json")
	again.out.await(t, "connect")
	require.Equal(t, fmt.Sprintf(`{"sequence":%d,"type":"org.added","org":"acme","outcome":"failed","status":0,"code":"connect"}`+"\n", sequences[3]), again.out.String())
	require.Regexp(t, `^signed with the key whsec_\S+=\nforwarding `, again.log.String())
	for _, w := range []watcher{l, again} {
		code, took := w.stop(t, interrupt)
		require.Zero(t, code, w.log)
		require.Less(t, took, stopIn)
	}
}

// TestListenAsATarget gets the events of the conditions that reach a target, with
// its headers, and signed by the context's key, which stays the same.
func TestListenAsATarget(t *testing.T) {
	t.Parallel()
	tg := newTarget(t, nil)
	p, _ := running(t, tg, `
targets:
  hook: {type: webhook, url: "URL/hook", headers: {X-Own: mine}, paused: true, KEY}
  idle: {type: webhook, url: "URL/idle", KEY}
events: {"user.*": {targets: [{target: hook}]}, org.added: {targets: [{target: hook}]}}
`)
	contexts := "CALLOUT_CONFIG=" + filepath.Join(t.TempDir(), "contexts.yaml")
	require.Zero(t, runWith(t, "callout", runOptions{env: []string{contexts}}, "context", "set", "here", "--server", p.ready["http"]).code)
	seen := make(chan http.Header, 10)
	local := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header }))
	t.Cleanup(local.Close)
	keys := map[string]bool{}
	for range 2 {
		l := newProcess("callout", []string{contexts}, "listen", "--as", "hook", "--forward-to", local.URL)
		require.NoError(t, l.start(t))
		l.log.await(t, "forwarding the events of")
		publish(t, p, `[{"aggregateID":"g1","event_type":"group.added"},{"aggregateID":"u1","event_type":"user.added"},{"aggregateID":"o1","event_type":"org.added"}]`)
		l.out.await(t, "org.added")
		require.NotContains(t, l.out.String(), "group.added")
		for range 2 {
			require.Equal(t, "mine", (<-seen).Get("X-Own"))
		}
		key, _, _ := strings.Cut(strings.TrimPrefix(l.log.String(), "signed with the key "), "\n")
		keys[key] = true
		l.stop(t, interrupt)
	}
	require.Len(t, keys, 1, "one key for the context")
	idle := runWith(t, "callout", runOptions{env: []string{contexts}}, "listen", "--as", "idle", "--forward-to", local.URL)
	require.Equal(t, result{1, "", "callout: no event execution reaches the target idle: say with --events which ones are wanted\n"}, idle)
}
