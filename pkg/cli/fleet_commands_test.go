package cli_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const fleetOfCommands = `
targets:
  hook: {type: webhook, url: "URL/hook", retry: {initial: 1h, max: 1h}, KEY}
  held: {type: webhook, url: "URL/held", paused: true, KEY}
events: {user.added: {targets: [{target: hook}, {target: held}]}}
`

// eventually runs a command until its output matches.
func eventually(t *testing.T, pattern string, callout func(...string) result, args ...string) string {
	t.Helper()
	var got result
	require.Eventually(t, func() bool { got = callout(args...); return regexp.MustCompile(pattern).MatchString(got.out) }, bound, lookAgain, "%v: %s", args, &got)
	return got.out
}

// TestStatusCommands shows the fleet and its instances: one with a line that
// fails, one that is paused, and its twin with nothing but the pause.
func TestStatusCommands(t *testing.T) {
	t.Parallel()
	tg := newTarget(t, nil)
	w := newTwin(t, tg)
	obey(tg, 503)
	p, callout := running(t, tg, fleetOfCommands)
	require.NoError(t, w.apply(t.Context(), p, fleetOfCommands))
	publish(t, p, "["+userAdded+"]")
	awaitSubscription(t, callout, "user.added/hook", "retrying")
	eventually(t, `(?m)^default +1 +3 +1 +1 +0 +0$`, callout, "get", "instances")
	status := eventually(t, `(?m)^WORKER[^\n]*\n[a-z2-7]{8} `, callout, "status")
	require.Regexp(t, `^ready +yes\nnats +reachable, version \d\S+\njetstream +[0-9.]+ \S*B( of \S+ \S+)? on disk, .*\nholds +\d+ streams, \d+ consumers?\n`, status)
	require.Regexp(t, `(?m)^DISPATCHER +(HOST +)?VERSION +RUNS +SEEN +LED\n[a-z2-7]{8} +(\S+ +)?\S+ +\d+s +\d+s ago +\d+s ago$`, status)
	require.Regexp(t, `(?m)^INSTANCE +REVISION +LINES +FAILING +PAUSED +WAITING +DEAD\ndefault +1 +3 +1 +1 +0 +0\ntwin +1 +\d +- +1 +0 +0$`, status)
	require.Regexp(t, `^[a-z2-7]{8}\n$`, callout("get", "workers", "-o", "name").out)
	require.Regexp(t, `^\{"items":\[\{"id":"[a-z2-7]{8}","role":"worker","version":"[^"]+","host":`, callout("get", "workers", "-o", "json").out)
	require.Equal(t, 2, strings.Count(callout("get", "instances", "--json").out, `{"instance":"`))
	var object struct {
		Ready       bool
		Dispatchers []struct{ Led []struct{ Instance string } }
		WorkerCount int
	}
	require.NoError(t, json.Unmarshal([]byte(callout("status", "-o", "json").out), &object))
	require.True(t, object.Ready)
	require.Equal(t, 1, object.WorkerCount)
	require.NotEmpty(t, object.Dispatchers[0].Led)
}

// TestGetEvents lists what is stored, the newest first, by every filter.
func TestGetEvents(t *testing.T) {
	t.Parallel()
	p, callout := running(t, newTarget(t, nil), fleetOfCommands)
	sequences := publish(t, p, `[{"aggregateID":"u1","event_type":"user.added","event_payload":{"n":1}},
		{"aggregateID":"u2","event_type":"user.changed","resourceOwner":"acme"},{"aggregateID":"u1","event_type":"order.placed"}]`)
	names := func(numbers ...int) (text string) {
		for _, n := range numbers {
			text += fmt.Sprintln(sequences[n])
		}
		return text
	}
	for _, tt := range []struct {
		args []string
		want string
	}{
		{nil, names(2, 1, 0)},
		{[]string{"--limit", "2"}, names(2, 1)},
		{[]string{"--type", "user.*"}, names(1, 0)},
		{[]string{"--org", "acme"}, names(1)},
		{[]string{"--aggregate", "u1"}, names(2, 0)},
		{[]string{"--since", "1h", "--aggregate", "u2"}, names(1)},
		{[]string{"--since", "2099-01-01T00:00:00Z"}, ""},
		{[]string{"--type", "nobody.added"}, ""},
	} {
		require.Equal(t, tt.want, callout(append([]string{"get", "events", "-o", "name"}, tt.args...)...).out, "%v", tt.args)
	}
	require.Regexp(t, fmt.Sprintf(`^SEQUENCE +STORED +ORG +TYPE +AGGREGATE\n%d +\S+ \S+ +- +order\.placed +u1\n%d +\S+ \S+ +acme +user\.changed +u2\n`, sequences[2], sequences[1]),
		callout("get", "events").out)
	require.Contains(t, callout("get", "events", "--type", "user.added", "--json").out, `"body":{"aggregateID":"u1","event_type":"user.added","event_payload":{"n":1}}}`+"\n")
	require.Contains(t, callout("get", "events", "--type", "user.added", "-o", "json").out, `{"items":[{"sequence":`)
	require.Equal(t, "these are the newest 1, there may be more: --limit 0 shows all\n", callout("get", "events", "--limit", "1").err)
	for _, wrong := range [][]string{{"--since", "yesterday"}, {"--limit", "-1"}, {"--watch", "-o", "yaml"}, {"--watch", "--since", "1h"}} {
		require.Equal(t, 2, callout(append([]string{"get", "events"}, wrong...)...).code, "%v", wrong)
	}
	got := callout("get", "events", "--type", "user*")
	require.Equal(t, 1, got.code)
	require.Contains(t, got.err, "[bad_field]")
}

// TestWatchOutlivesItsServer has the dispatcher go and come back under commands
// that watch: they say so, and go on.
func TestWatchOutlivesItsServer(t *testing.T) {
	t.Parallel()
	tg, at, nats, data := newTarget(t, nil), free(t), free(t), t.TempDir()
	file := configuration(t, fill(tg, fleetOfCommands))
	begin := func() *process {
		p := newProcess("callout", tg.env(), "dev", "-f", file, "--data", data, "--listen", at, "--nats-listen", nats, "--log-level", "warn")
		p.launch(t)
		return p
	}
	p := begin()
	watches := map[string]*process{}
	for _, what := range []string{"targets", "subscriptions", "revisions", "events"} {
		w := newProcess("callout", nil, "get", what, "--watch", "--json", "--server", p.ready["http"])
		require.NoError(t, w.start(t))
		watches[what] = w
	}
	watches["targets"].out.await(t, `{"name":"hook"`)
	watches["subscriptions"].out.await(t, `{"name":"user.added/hook"`)
	watches["revisions"].out.await(t, `{"revision":1,`)
	watches["events"].log.await(t, "showing the events of")
	p.stop(t, interrupt)
	for _, w := range watches {
		if w != watches["events"] {
			w.log.await(t, "asking again until it does")
		}
	}
	p = begin()
	created := runWith(t, "callout", runOptions{}, "create", "target", "later", "--url", "http://127.0.0.1:9/later", "--server", p.ready["http"])
	require.Zero(t, created.code, created.err)
	watches["targets"].out.await(t, `{"name":"later"`)
	watches["revisions"].out.await(t, `{"revision":2,`)
	require.NotContains(t, strings.SplitN(watches["targets"].out.String(), `"later"`, 2)[1], `{"name":"hook"`, "what stands as it did is not shown again")
	require.Equal(t, 1, strings.Count(watches["revisions"].out.String(), `{"revision":1,`))
	for what, w := range watches {
		if what != "events" {
			w.log.await(t, "the dispatcher answers again")
		}
		code, _ := w.stop(t, interrupt)
		require.Zero(t, code, "%s: %s", what, w.log)
	}
	gone := runWith(t, "callout", runOptions{}, "get", "targets", "--watch", "--server", "http://"+free(t))
	require.Equal(t, 3, gone.code, "one that was never there is not waited for")
}
