package cli_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// lookAgain is how often a test looks again by running a command.
const lookAgain = 50 * time.Millisecond

// watcher is `callout events tail`, running as a child.
type watcher struct {
	*process
	from string // sequence
}

func watch(t *testing.T, p *process, args ...string) watcher {
	t.Helper()
	return following(t, p, "showing", append([]string{"events", "tail"}, args...)...)
}

// following runs a command that follows the events until the test ends.
func following(t *testing.T, p *process, doing string, args ...string) watcher {
	t.Helper()
	w := &process{name: "callout", cmd: command(context.Background(), "callout", []string{"CALLOUT_SERVER=" + p.ready["http"]}, args...),
		out: newTranscript(), log: newTranscript(), done: make(chan struct{})}
	w.cmd.Stdout, w.cmd.Stderr = w.out, w.log
	require.NoError(t, w.cmd.Start())
	go func() {
		defer close(w.done)
		_ = w.cmd.Wait() // the state of the process tells how it ended
	}()
	t.Cleanup(func() {
		_ = w.cmd.Process.Kill() // it may have ended already
		<-w.done
	})
	line, ok := w.log.line(doing+" the events of instance default from sequence ", w.done)
	require.True(t, ok, "%s", w.log)
	return watcher{w, strings.Fields(line)[8]}
}

func TestEventsTail(t *testing.T) {
	t.Parallel()
	tg := newTarget(t, nil)
	p, _ := running(t, tg, oneHook)
	publish(t, p, `{"aggregateID":"early","event_type":"user.added"}`)
	now := watch(t, p)
	chosen := watch(t, p, "--type", "user.*", "--org", "acme", "-o", "json")
	const event = `{"aggregateID":"u1","resourceOwner":"acme","event_type":"user.added","event_payload":{"n":9007199254740993}}`
	sequences := publish(t, p, "["+userAdded+","+event+`, {"aggregateID":"o1","resourceOwner":"acme","event_type":"order.placed"}]`)
	now.out.await(t, "order.placed")
	chosen.out.await(t, "}}\n")
	require.Equal(t, fmt.Sprint(sequences[0]), now.from)
	require.Regexp(t, fmt.Sprintf(`^%d  \S+  -  user\.added  %s\n%d  \S+  acme  user\.added  %s\n%d  \S+  acme  order\.placed  .*\n$`,
		sequences[0], regexpQuote(userAdded), sequences[1], regexpQuote(event), sequences[2]), now.out.String())
	require.Regexp(t, fmt.Sprintf(`^\{"sequence":%d,"storedAt":"\S+Z","subject":"callout\.event\.default\.\d\.\d+\.\d+\.acme\.user\.added","org":"acme","type":"user\.added","partition":\d+,"aggregateId":"u1","body":%s\}\n$`,
		sequences[1], regexpQuote(event)), chosen.out.String())

	again := watch(t, p, "--from", fmt.Sprint(sequences[1]), "-o", "yaml")
	again.out.await(t, "order.placed")
	require.Equal(t, 2, strings.Count(again.out.String(), "---\n"))
	for _, w := range []watcher{now, chosen, again} {
		code, took := w.stop(t, interrupt)
		require.Zero(t, code, w.log)
		require.Less(t, took, stopIn)
		require.Equal(t, 1, strings.Count(w.log.String(), "\n"), "nothing is complained of: %s", w.log)
	}
}

// TestEventsTailOfADispatcherThatGoes ends, and says how to go on.
func TestEventsTailOfADispatcherThatGoes(t *testing.T) {
	t.Parallel()
	p, _ := running(t, newTarget(t, nil), oneHook)
	ended := watch(t, p)
	code, took := p.stop(t, terminate)
	require.Zero(t, code)
	require.Less(t, took, stopIn)
	await(t, ended.process)
	require.Equal(t, 3, ended.cmd.ProcessState.ExitCode())
	require.Contains(t, ended.log.String(), "unavailable: the dispatcher is stopping; --from "+ended.from+" goes on behind what was shown")

	p, _ = running(t, newTarget(t, nil), oneHook)
	killed := watch(t, p).process
	_, _ = p.stop(t, kill)
	await(t, killed)
	require.Equal(t, 3, killed.cmd.ProcessState.ExitCode(), killed.log)
	require.Contains(t, killed.log.String(), "goes on behind what was shown")
}

func await(t *testing.T, p *process) {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(bound):
		t.Fatal("it does not end")
	}
}

func regexpQuote(s string) string {
	return strings.NewReplacer(`{`, `\{`, `}`, `\}`, `.`, `\.`).Replace(s)
}

func TestEventsPublish(t *testing.T) {
	t.Parallel()
	tg := newTarget(t, nil)
	p, callout := running(t, tg, oneHook)
	file := filepath.Join(t.TempDir(), "events.json")
	require.NoError(t, os.WriteFile(file, []byte(`[{"id":"e1","aggregateID":"u1","event_type":"user.added"}, {"id":"e2","aggregateID":"u1","event_type":"user.added"}]`), 0o600))
	require.Regexp(t, `^SEQUENCE +ID +STORED\n\d +e1 +now\n\d +e2 +now\n$`, callout("events", "publish", "-f", file).out)
	require.Regexp(t, `^SEQUENCE +ID +STORED\n\d +e1 +before\n\d +e2 +before\n$`, callout("events", "publish", "-f", file).out)
	require.Len(t, tg.awaitCount(t, 2), 2)
	require.Empty(t, publish(t, p, "[]"))
	require.Contains(t, callout("events", "publish", "-f", file, "-o", "yaml").out, "items:\n- sequence: ")

	send := func(stdin string, args ...string) result {
		return runWith(t, "callout", runOptions{stdin: stdin, env: []string{"CALLOUT_SERVER=" + p.ready["http"]}}, append([]string{"events", "publish"}, args...)...)
	}
	other := send(`[{"id":"e3","aggregateID":"u1","event_type":"user.added"},{"id":"e1","aggregateID":"u1","event_type":"user.added","userID":"eve"},{"id":"e4","aggregateID":"u1","event_type":"user.added"}]`)
	require.Equal(t, 1, other.code)
	require.Regexp(t, `^SEQUENCE +ID +STORED\n\d+ +e3 +now\n0 +e1 +no, conflict\n\d+ +e4 +now\n$`, other.out)
	require.Regexp(t, `^callout: the id "e1" is that of another event, stored as \d+: this one is not stored, give it an id of its own, at \[1\]\.id; the others are stored \[conflict\]\n$`, other.err)
	for stdin, want := range map[string]string{
		`[{"aggregateID":"u1","event_type":"user.added"},{"aggregateID":"u1","event_type":"user..added"}]`: "event_type: an event type has no empty segment: single dots stand between its segments, such as user.added, at [1].event_type [bad_field]",
		`{`:   "the JSON is empty or ends too early [malformed]",
		" \n": "there is no event to store: the input is empty",
	} {
		require.Equal(t, result{1, "", "callout: " + want + "\n"}, send(stdin), stdin)
	}
	require.Equal(t, result{1, "", "callout: there is no such instance (give another --instance, or make this one with \"callout create instance NAME\") [unknown_instance]\n"},
		send(userAdded, "--instance", "a/b"))
	require.Equal(t, result{1, "", "callout: the events cannot be read: open lost.json: no such file or directory (give another file with -f)\n"}, send("", "-f", "lost.json"))
	require.Equal(t, result{1, "", "callout: the events have more than 67108864 bytes: send them in parts [too_large]\n"}, send(strings.Repeat(" ", 64<<20+1)))
	got := send(`{"aggregateID":"u1","event_type":"user.added","event_payload":"` + strings.Repeat("x", 20<<20) + `"}`)
	require.Equal(t, result{1, "", "callout: a body has at most 8388608 bytes here [too_large]\n"}, got)
}

func TestEventsReplay(t *testing.T) {
	t.Parallel()
	tg := newTarget(t, nil)
	p, callout := running(t, tg, oneHook)
	sequences := publish(t, p, "["+userAdded+","+userAdded+"]")
	first := tg.awaitCount(t, 2)
	require.Regexp(t, `^subscription user\.added/hook: its events are sent again by the line user-added-hook-\S+-replay-\d+, job [0-9A-Z]{26}\n$`,
		callout("events", "replay", "user.added/hook", "--from-sequence", fmt.Sprint(sequences[1])).out)
	third := tg.awaitCount(t, 3)[2]
	require.Equal(t, []string{first[1].delivery, "true"}, []string{third.delivery, third.header.Get("Callout-Replay")})
	require.Contains(t, callout("events", "replay", "user.added/hook", "--since", "1h", "-o", "json").out, `{"line":"`)
	require.Equal(t, 2, distinct(tg.awaitCount(t, 5)))
	require.Equal(t, result{1, "", "callout: nothing was stored since then [bad_field]\n"}, callout("events", "replay", "user.added/hook", "--since", "2099-01-01T00:00:00Z"))
}
