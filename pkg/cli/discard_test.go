package cli_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/bus/embed"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

// discarded is how many events wait for what is deleted: CALLOUT_DISCARD, or
// 5,000.
func discarded(t *testing.T) int {
	t.Helper()
	text := os.Getenv("CALLOUT_DISCARD")
	if text == "" {
		return 5000
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, "CALLOUT_DISCARD")
	return n
}

// twoInstances is an instance in which much waits, and one beside it.
const twoInstances = `
instance: %s
targets: {hook: {type: webhook, url: "URL/%s", KEY, lanes: 4, retry: {initial: 50ms, max: 50ms}}}
events: {order.placed: {targets: [{target: hook}]}}
`

// TestDiscardSurvivesItsDispatchers deletes a target for which many events wait,
// and kills both dispatchers in the middle. A third goes on: there is one letter
// for each event, none was delivered behind its letter, and what flows in the
// instance beside it goes on all the while.
func TestDiscardSurvivesItsDispatchers(t *testing.T) {
	t.Parallel()
	n := discarded(t)
	limit := time.Minute + time.Duration(n)*2*time.Millisecond
	tg := newTarget(t, func(w http.ResponseWriter, a arrival) {
		if a.path == "/default" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	broker, err := embed.Start(embed.Options{Data: t.TempDir(), Listen: "127.0.0.1:0", Log: zerolog.Nop()})
	require.NoError(t, err)
	t.Cleanup(broker.Close)
	dispatcher := func() *process {
		return start(t, "dispatcher", tg.env(), "--nats", broker.URL(), "--listen", "127.0.0.1:0", "--log-level", "info", "--ack-wait", ackWait)
	}
	first, second := dispatcher(), dispatcher()
	w := start(t, "worker", nil, "--nats", broker.URL(), "--allow-local", "--ack-wait", ackWait, "--log-level", "error")
	for _, instance := range []string{"default", "beside"} {
		file := configuration(t, fill(tg, fmt.Sprintf(twoInstances, instance, instance)))
		got := runWith(t, "callout", runOptions{env: tg.env()}, "apply", "-f", file, "--instance", instance, "--server", first.ready["http"])
		require.Zero(t, got.code, got.err)
	}
	js := stream(t, plain(t, w))
	publishMany(t, js, n)
	beside := flowBeside(t, js, tg)

	by := &http.Transport{}
	t.Cleanup(by.CloseIdleConnections)
	api := func(p *process) calloutv1connect.ActionServiceClient {
		return calloutv1connect.NewActionServiceClient(&http.Client{Transport: by}, p.ready["http"])
	}
	began := time.Now()
	gone, err := api(first).DeleteTarget(t.Context(), connect.NewRequest(&calloutv1.DeleteTargetRequest{Name: "hook", Force: true,
		Waiting: calloutv1.Waiting_WAITING_DISCARD, Wait: new(bool)}))
	require.NoError(t, err)
	id := gone.Msg.GetJob().GetId()
	t.Logf("answered after %s", time.Since(began))
	watchJob(t, api(second), id, limit, func(j *calloutv1.Job) bool { return j.GetDone() < uint64(n)/3 })
	killed := time.Now()
	for _, p := range []*process{first, second} {
		code, _ := p.stop(t, kill)
		require.Equal(t, -1, code, "killed, not ended")
	}
	third := dispatcher()
	found, on := uint64(0), time.Duration(0)
	last := watchJob(t, api(third), id, limit, func(j *calloutv1.Job) bool {
		switch {
		case found == 0:
			found = j.GetDone()
		case on == 0 && j.GetDone() > found:
			on = time.Since(killed)
		}
		return j.GetState() == "running"
	})
	require.Less(t, found, uint64(n), "it was killed in the middle")
	require.Positive(t, on, "another went on")
	t.Logf("%d discarded in %s, killed after %s at %d, on after another %s, %d events beside it, the slowest after %s", n, time.Since(began), killed.Sub(began), found, on, beside.stop(), beside.slowest)
	require.Equal(t, []any{"done", uint64(n)}, []any{last.GetState(), last.GetDone()})
	checkLetters(t, js, tg, n)
}

// watchJob follows a job until more gives false.
func watchJob(t *testing.T, c calloutv1connect.ActionServiceClient, id string, limit time.Duration, more func(*calloutv1.Job) bool) *calloutv1.Job {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	s, err := c.WatchJob(ctx, connect.NewRequest(&calloutv1.WatchJobRequest{Id: id}))
	require.NoError(t, err)
	defer func() { cancel(); _ = s.Close() }() // it is not read to its end
	var last *calloutv1.Job
	for s.Receive() {
		if last = s.Msg().GetJob(); !more(last) {
			return last
		}
	}
	require.NoError(t, s.Err())
	t.Fatalf("the job ended before: %v", last)
	return nil
}

// publishMany stores events over 64 aggregates.
func publishMany(t *testing.T, js jetstream.JetStream, n int) {
	t.Helper()
	for i := range n {
		aggregate := fmt.Sprintf("a%d", i%64)
		_, err := js.PublishAsync("callout.event.default.=."+aggregate+".order.placed", fmt.Appendf(nil, `{"aggregateID":"%s","event_type":"order.placed","event_payload":{"i":%d}}`, aggregate, i))
		require.NoError(t, err)
		if i%1000 == 999 || i == n-1 {
			select {
			case <-js.PublishAsyncComplete():
			case <-time.After(bound):
				t.Fatal("not stored")
			}
		}
	}
}

// besides are events of another instance that flow all the while.
type besides struct {
	t       *testing.T
	tg      *target
	ended   sync.WaitGroup
	end     chan struct{}
	n       int
	slowest time.Duration
}

func flowBeside(t *testing.T, js jetstream.JetStream, tg *target) *besides {
	b := &besides{t: t, tg: tg, end: make(chan struct{})}
	b.ended.Go(func() {
		for {
			body := fmt.Sprintf(`{"aggregateID":"u","event_type":"order.placed","event_payload":{"n":%d}}`, b.n)
			stored := time.Now()
			if _, err := js.Publish(context.Background(), "callout.event.beside.=.u.order.placed", []byte(body)); err != nil {
				t.Error(err)
				return
			}
			b.n++
			tg.await(t, bound, "an event of the other instance", func(all []arrival) bool {
				for at := len(all) - 1; at >= 0; at-- {
					if all[at].body == body {
						return true
					}
				}
				return false
			})
			b.slowest = max(b.slowest, time.Since(stored))
			select {
			case <-b.end:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
	return b
}

// stop tells how many they were.
func (b *besides) stop() int {
	close(b.end)
	b.ended.Wait()
	return b.n
}

// checkLetters tells that there is one letter for each event, and that nothing
// arrived behind its letter.
func checkLetters(t *testing.T, js jetstream.JetStream, tg *target, n int) {
	t.Helper()
	dead, err := js.Stream(t.Context(), "CALLOUT_DEAD_default")
	require.NoError(t, err)
	require.EqualValues(t, n, dead.CachedInfo().State.Msgs)
	looked := 0
	for _, a := range tg.seen() {
		if a.path != "/default" {
			continue
		}
		m, err := dead.GetLastMsgForSubject(t.Context(), "callout.dead.default."+a.delivery)
		require.NoError(t, err)
		require.True(t, a.at.Before(m.Time), "%s arrived behind its letter", a.delivery)
		looked++
	}
	require.Positive(t, looked)
	events, err := js.Stream(t.Context(), "CALLOUT_EVENTS_default")
	require.NoError(t, err)
	for name := range events.ConsumerNames(t.Context()).Name() {
		require.False(t, strings.HasPrefix(name, "order"), "the line %s is left", name)
	}
}
