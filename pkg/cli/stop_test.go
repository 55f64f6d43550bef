package cli_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	manyLines = 300
	stopIn    = slower * 5 * time.Second // the promise
)

// lines is a configuration with n event lines: the first goes to a target that
// answers late, the second to one that does not answer, the rest at once.
func lines(tg *target, n int) string {
	var b strings.Builder
	b.WriteString("targets:\n")
	for _, name := range []string{"late", "never", "quick"} {
		fmt.Fprintf(&b, "  %s: {type: webhook, url: \"URL/%s\", timeout: 60s, KEY}\n", name, name)
	}
	b.WriteString("events:\n  line0.x: {targets: [{target: late}]}\n  line1.x: {targets: [{target: never}]}\n")
	for i := 2; i < n; i++ {
		fmt.Fprintf(&b, "  line%d.x: {targets: [{target: quick}]}\n", i)
	}
	return fill(tg, b.String())
}

// TestStop ends a process that has work in hand: within the promised time, what
// can be finished is finished, what cannot is handed back, and after a restart
// nothing is missing.
func TestStop(t *testing.T) {
	t.Parallel()
	for name, signal := range map[string]syscall.Signal{"SIGTERM": terminate, "SIGINT": interrupt} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testStop(t, signal)
		})
	}
}

func testStop(t *testing.T, signal syscall.Signal) {
	var restarted atomic.Bool
	leave := make(chan struct{}) // the late target answers
	var finished sync.Map        // what it answered, by delivery id
	tg := newTarget(t, nil)
	tg.answer = func(w http.ResponseWriter, a arrival) {
		if restarted.Load() || a.path == "/quick" {
			return
		}
		var late <-chan struct{}
		if a.path == "/late" {
			late = leave
		}
		select {
		case <-late:
			finished.Store(a.delivery, true)
			w.WriteHeader(http.StatusNoContent)
		case <-a.done:
		case <-tg.closing:
		}
	}
	data, file := t.TempDir(), configuration(t, lines(tg, manyLines))
	first := dev(t, tg, file, "--data", data, "--log-level", "warn")
	sequences := map[uint64]bool{}
	publish := func(p *process, id string) {
		for from := 0; from < manyLines; from += 100 {
			var body []string
			for i := from; i < from+100; i++ {
				body = append(body, fmt.Sprintf(`{"id":"%s%d","aggregateID":"a","event_type":"line%d.x"}`, id, i, i))
			}
			got := post(t, p.ready["http"]+"/v1/instances/default/events", "["+strings.Join(body, ",")+"]")
			require.Equal(t, 202, got.status, got.body)
			for _, e := range read[stored](t, got.body).Events {
				sequences[e.Sequence] = true
			}
		}
	}
	publish(first, "a")
	publish(first, "b")
	tg.await(t, bound, "both slow targets hold a delivery", func(all []arrival) bool {
		return len(only(all, "/late")) == 1 && len(only(all, "/never")) == 1
	})
	require.NoError(t, first.cmd.Process.Signal(signal))
	began := time.Now()
	close(leave)
	select {
	case <-first.done:
	case <-time.After(bound):
		t.Fatal("it does not end")
	}
	took := time.Since(began)
	t.Logf("stopped in %s", took.Round(time.Millisecond))
	require.Less(t, took, stopIn)
	require.Zero(t, first.cmd.ProcessState.ExitCode())
	_, inHand := finished.Load(only(tg.seen(), "/late")[0].delivery)
	require.True(t, inHand, "what was in hand is finished")

	held := len(tg.seen())
	restarted.Store(true)
	second := dev(t, tg, file, "--data", data, "--log-level", "warn")
	publish(second, "c")
	all := tg.await(t, bound, "all events", func(all []arrival) bool { return distinct(all) == len(sequences) })
	require.Len(t, sequences, 3*manyLines)
	for _, a := range all {
		delete(sequences, a.sequence)
	}
	require.Empty(t, sequences, "events that were lost")
	for _, a := range only(all[held:], "/late") {
		_, before := finished.Load(a.delivery)
		require.False(t, before, "a finished delivery does not come again")
	}
	again := only(all[held:], "/never")[0]
	require.Equal(t, only(all[:held], "/never")[0].delivery, again.delivery, "a delivery handed back comes again first")
	require.Equal(t, 1, again.attempt, "and is not charged")
}

// TestStopOfAWorker: once it has the signal a worker takes no delivery, though a
// call in its hands keeps it there. Each delivery in its hands ends and is
// acknowledged, and the next worker repeats none of them.
func TestStopOfAWorker(t *testing.T) {
	t.Parallel()
	leave := make(chan struct{})
	tg := newTarget(t, nil)
	tg.answer = func(_ http.ResponseWriter, a arrival) {
		if a.path == "/quick" {
			return
		}
		select {
		case <-leave:
		case <-a.done:
		case <-tg.closing:
		}
	}
	f := newFleet(t, tg, `
targets:
  held: {type: webhook, url: "URL/held", timeout: 30s, KEY}
  loose: {type: async, url: "URL/loose", timeout: 30s, KEY}
  quick: {type: webhook, url: "URL/quick", KEY}
  call: {type: call, url: "URL/call", timeout: 30s, interrupt_on_error: true, KEY}
requests: {"*": {targets: [{target: call}]}}
events:
  held.x: {targets: [{target: held}]}
  loose.x: {targets: [{target: loose}]}
  flow.x: {targets: [{target: quick}]}
`, 1)
	publish := func(eventType string, from, n int) {
		_, err := f.publish(t.Context(), eventType, from, n)
		require.NoError(t, err)
	}
	publish("held.x", 0, 2)
	publish("loose.x", 0, 3)
	publish("flow.x", 0, 1)
	called := make(chan answer, 1)
	go func() {
		called <- post(t, f.dispatcher.ready["http"]+"/v1/instances/default/calls/request", `{"fullMethod":"/a.S/M","request":{}}`)
	}()
	tg.await(t, bound, "a call and four deliveries in hand", func(all []arrival) bool {
		return len(only(all, "/call")) == 1 && len(only(all, "/held")) == 1 && len(only(all, "/loose")) == 3 && len(only(all, "/quick")) == 1
	})

	require.NoError(t, f.workers[0].cmd.Process.Signal(terminate))
	began := time.Now()
	flowed := 1
	for taken := true; taken; {
		require.Less(t, time.Since(began), 2500*time.Millisecond, "it takes deliveries as long as its call is in hand")
		publish("flow.x", flowed, 1)
		flowed++
		taken = flows(tg, flowed)
	}
	publish("flow.x", flowed, 20)
	close(leave)
	select {
	case <-f.workers[0].done:
	case <-time.After(bound):
		t.Fatal("it does not end")
	}
	require.Zero(t, f.workers[0].cmd.ProcessState.ExitCode())
	require.Equal(t, "continue", read[reply](t, (<-called).body).Outcome, "the call in hand is answered")
	begun := tg.seen()
	require.LessOrEqual(t, len(only(begun, "/quick")), flowed, "a delivery began behind the signal")
	require.Equal(t, []int{1, 3}, []int{len(only(begun, "/held")), len(only(begun, "/loose"))}, "a delivery began behind the signal")

	f.workers = nil
	f.hire(t)
	all := tg.await(t, bound, "all deliveries", func(all []arrival) bool { return distinct(all) == 1+2+3+flowed+20 }) // the call has none
	require.Len(t, all, distinct(all), "none was repeated")
	f.twin.check(t, tg, "/loose", func(eventType string) []string {
		return map[string][]string{"held.x": {"/held"}, "loose.x": {"/loose"}, "flow.x": {"/quick"}}[eventType]
	})
}

// flows tells whether so many events flow to the quick target before long.
func flows(tg *target, n int) bool {
	late := time.After(300 * time.Millisecond)
	for {
		all, changed := tg.read()
		if len(only(all, "/quick")) >= n {
			return true
		}
		select {
		case <-changed:
		case <-late:
			return false
		}
	}
}
