package cli_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const asyncCalls = 1000

// asyncFleet is a dispatcher with the broker in it, and a worker, which are
// killed together and started again on the same data.
type asyncFleet struct {
	tg         *target
	data, file string
	dispatcher *process
	worker     *process
	client     *http.Client
	twin       *twin
}

func newAsyncFleet(t *testing.T, tg *target, config string) *asyncFleet {
	t.Helper()
	// A twin would share no bound of these streams: one instance is enough.
	f := &asyncFleet{tg: tg, data: t.TempDir(), file: configuration(t, fill(tg, config)), client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}, Timeout: bound}, twin: newTwin(t, tg)}
	t.Cleanup(f.client.CloseIdleConnections)
	f.start(t)
	require.NoError(t, f.twin.apply(t.Context(), f.dispatcher, config))
	return f
}

func (f *asyncFleet) start(t *testing.T, args ...string) {
	t.Helper()
	f.dispatcher = start(t, "dispatcher", f.tg.env(), append([]string{"--embedded-nats", "-f", f.file, "--data", f.data,
		"--listen", "127.0.0.1:0", "--nats-listen", "127.0.0.1:0", "--ack-wait", ackWait, "--log-level", "error"}, args...)...)
	f.worker = start(t, "worker", nil, "--nats", f.dispatcher.ready["nats"], "--allow-local", "--ack-wait", ackWait, "--log-level", "error")
}

// kill ends both at once.
func (f *asyncFleet) kill(t *testing.T) {
	t.Helper()
	both := []*process{f.dispatcher, f.worker}
	for _, p := range both {
		require.NoError(t, p.cmd.Process.Signal(kill))
	}
	for _, p := range both {
		<-p.done
		require.Equal(t, -1, p.cmd.ProcessState.ExitCode(), "killed, not ended")
	}
}

// call makes a call of an instance with a mark, and tells whether it may go on. An error is a
// reply that never came.
func (f *asyncFleet) call(t *testing.T, instance string, mark int) (goesOn bool, err error) {
	t.Helper()
	resp, err := f.client.Post(f.dispatcher.ready["http"]+"/v1/instances/"+instance+"/calls/request", "application/json",
		strings.NewReader(fmt.Sprintf(`{"fullMethod":"/a.S/M","request":{"mark":%d}}`, mark)))
	if err != nil {
		return false, err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return false, err
	}
	require.Equal(t, 200, resp.StatusCode, string(raw))
	return read[reply](t, string(raw)).Outcome == "continue", nil
}

// TestAsyncSurvivesKills kills every process right after each hundredth reply,
// and starts them again on the same data. Every call whose reply said continue
// reaches its async target, those of the twin that of the twin.
func TestAsyncSurvivesKills(t *testing.T) {
	t.Parallel()
	every := 100
	if rounds(t) >= 10 {
		every = 10
	}
	var mu sync.Mutex
	reached := map[int]int{} // answered with success, by mark
	refused := map[int]bool{}
	tg := newTarget(t, func(w http.ResponseWriter, a arrival) {
		mark := markIn(a.body)
		mu.Lock()
		defer mu.Unlock()
		if mark%every >= every-5 && !refused[mark] { // so that some wait whenever the processes are killed
			refused[mark] = true
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		reached[mark]++
	})
	f := newAsyncFleet(t, tg, `
targets:
  later: {type: async, url: "URL", interrupt_on_error: true, retry: {initial: 300ms, max: 300ms}, KEY}
requests:
  "*": {targets: [{target: later}]}
`)
	missing := func(marks []int) (n int) {
		mu.Lock()
		defer mu.Unlock()
		for _, mark := range marks {
			if reached[mark] == 0 {
				n++
			}
		}
		return n
	}
	began := time.Now()
	var promised []int
	kills, waited := 0, 0
	for mark := range asyncCalls {
		for _, instance := range []string{twinID, "default"} {
			goesOn, err := f.call(t, instance, mark)
			require.NoError(t, err, "call %d", mark)
			require.True(t, goesOn, "call %d", mark)
		}
		promised = append(promised, mark)
		if (mark+1)%every == 0 {
			f.kill(t)
			kills++
			n := missing(promised)
			require.Positive(t, n, "the fault struck nothing: all deliveries were made before kill %d", kills)
			waited += n
			f.start(t)
		}
	}
	require.Eventually(t, func() bool { return missing(promised) == 0 }, bound, 10*time.Millisecond,
		"deliveries that were promised")
	f.twin.tg.await(t, bound, "deliveries that were promised in the twin", func(all []arrival) bool { return distinct(all) >= asyncCalls })
	own := map[int]bool{}
	for _, a := range f.twin.tg.seen() {
		own[markIn(a.body)] = true
	}
	require.Len(t, own, asyncCalls)
	mu.Lock()
	defer mu.Unlock()
	twice := 0
	for _, n := range reached {
		twice += n - 1
	}
	t.Logf("%d calls in %s, %d times all processes killed, %d deliveries waiting then, %d reached the target, %d of them again",
		len(promised), time.Since(began).Round(time.Millisecond), kills, waited, len(reached), twice)
	require.Len(t, reached, asyncCalls, "nothing else reached it")
}

// TestAsyncStreamFull fills the stream of async deliveries: from then on the
// step of an async target fails, and its interrupt_on_error decides.
func TestAsyncStreamFull(t *testing.T) {
	t.Parallel()
	tg := newTarget(t, func(w http.ResponseWriter, _ arrival) { w.WriteHeader(http.StatusServiceUnavailable) })
	// A twin would share no bound of these streams: one instance is enough.
	f := &asyncFleet{tg: tg, data: t.TempDir(), file: configuration(t, fill(tg, `
targets:
  hard: {type: async, url: "URL", interrupt_on_error: true, retry: {initial: 1h, max: 1h}, KEY}
  soft: {type: async, url: "URL", retry: {initial: 1h, max: 1h}, KEY}
requests:
  /a.S/Hard: {targets: [{target: hard}]}
  /a.S/Soft: {targets: [{target: soft}]}
`))}
	f.start(t, "--max-stream", fmt.Sprint(1<<20))
	ask := func(method string) reply {
		got := post(t, f.dispatcher.ready["http"]+"/v1/instances/default/calls/request",
			`{"fullMethod":"/a.S/`+method+`","request":{"x":"`+strings.Repeat("x", 100<<10)+`"}}`)
		require.Equal(t, 200, got.status, got.body)
		return read[reply](t, got.body)
	}
	stored := 0
	for ask("Hard").Outcome == "continue" {
		stored++
		require.Less(t, stored, 12, "the stream has a bound")
	}
	require.Greater(t, stored, 7)
	hard := ask("Hard")
	require.Equal(t, "failed", hard.Outcome)
	require.Equal(t, &refusal{Code: "stream_full", Stage: "store", Status: 503, Message: "the event stream is full", Target: "hard"}, hard.Error)
	require.Equal(t, "failed", hard.Steps[0].Outcome)
	soft := ask("Soft")
	require.Equal(t, "continue", soft.Outcome)
	require.Nil(t, soft.Error)
	require.Equal(t, []refusal{{Code: "stream_full", Status: 503, Message: "the event stream is full", Target: "soft"}}, soft.Warnings)
	require.Len(t, tg.awaitCount(t, stored), stored, "what was stored is delivered, the rest is not")
	t.Logf("%d deliveries of 100 KiB in a stream of 1 MiB", stored)
}
