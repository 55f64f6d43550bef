package cli_test

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRestart stores events while their target is down, ends the process, and
// starts another on the same data: they are delivered, in their order, the
// first under the delivery id that it had.
func TestRestart(t *testing.T) {
	t.Parallel()
	for name, how := range map[string]syscall.Signal{"stopped": terminate, "killed": kill} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var up atomic.Bool
			tg := newTarget(t, func(w http.ResponseWriter, _ arrival) {
				if !up.Load() {
					w.WriteHeader(http.StatusServiceUnavailable)
				}
			})
			data := t.TempDir()
			file := configuration(t, fill(tg, `
targets:
  audit: {type: webhook, url: "URL", retry: {initial: 100ms, max: 200ms}, KEY}
events:
  user.added: {targets: [{target: audit}]}
`))
			first := dev(t, tg, file, "--data", data)
			var body string
			for i := range 20 {
				body += fmt.Sprintf(`,{"id":"r%d","aggregateID":"u%d","event_type":"user.added"}`, i, i)
			}
			body = "[" + body[1:] + "]"
			published := post(t, first.ready["http"]+"/v1/instances/default/events", body)
			require.Equal(t, 202, published.status, published.body)
			before := tg.awaitCount(t, 3)
			code, _ := first.stop(t, how)
			uncharged := 1 // who is killed in the middle of an attempt has not written it down
			if how == terminate {
				require.Zero(t, code)
				uncharged = 0
			}
			failed := len(tg.seen())
			require.Equal(t, 1, distinct(before), "the line waits for its first event")

			up.Store(true)
			second := dev(t, tg, file, "--data", data)
			all := tg.await(t, bound, "all 20 events", func(all []arrival) bool { return distinct(all) == 20 })
			require.Equal(t, before[0].delivery, all[failed].delivery, "the same event, the same delivery id")
			require.Greater(t, all[failed].attempt, before[2].attempt-uncharged, "attempts are counted on")
			for i, e := range read[stored](t, published.body).Events {
				require.Equal(t, e.Sequence, all[failed+i].sequence, "in their order")
			}
			// What was stored is known by its id still.
			again := read[stored](t, post(t, second.ready["http"]+"/v1/instances/default/events", body).body)
			require.Len(t, again.Events, 20)
			for i, e := range again.Events {
				require.True(t, e.Duplicate, "event %d was forgotten", i)
			}
			// The catalog did not change, so its revision did not either.
			answer := read[reply](t, post(t, second.ready["http"]+"/v1/instances/default/calls/request", addUser).body)
			require.EqualValues(t, 1, answer.Revision)
		})
	}
}

// A signing key that was made is kept: what the target was told yesterday
// verifies what it gets today.
func TestRestartKeepsMadeKeys(t *testing.T) {
	t.Parallel()
	tg := newTarget(t, nil)
	data := t.TempDir()
	file := configuration(t, "targets:\n  it: {type: webhook, url: \""+tg.URL+"\"}\nrequests:\n  \"*\": {targets: [{target: it}]}\n")
	first := dev(t, tg, file, "--data", data)
	secrets, err := stream(t, plain(t, first)).KeyValue(t.Context(), "callout_secrets")
	require.NoError(t, err)
	made, err := secrets.Get(t.Context(), "default.=.it")
	require.NoError(t, err)
	tg.key = string(made.Value()) // before the first request
	call := func(p *process) {
		got := post(t, p.ready["http"]+"/v1/instances/default/calls/request", addUser)
		require.Empty(t, read[reply](t, got.body).Warnings, got.body)
	}
	call(first)
	code, _ := first.stop(t, terminate)
	require.Zero(t, code)
	call(dev(t, tg, file, "--data", data)) // tg refuses another key
	require.Len(t, tg.seen(), 2)
}
