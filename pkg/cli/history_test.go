package cli_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// history is a fleet that things happen to, and the record of what went in.
// The broker is a process of its own, so that it and the dispatcher can be
// killed apart.
type history struct {
	tg         *target
	random     *rand.Rand
	data, file string
	natsListen string
	broker     *process
	dispatcher *process
	workers    []*process
	nc         *nats.Conn
	js         jetstream.JetStream
	edits      int
	away       atomic.Int64 // how often the broker was killed

	mu    sync.Mutex
	acked []accepted
}

// accepted is an event that the stream confirmed.
type accepted struct {
	sequence  uint64
	eventType string
	aggregate string
}

const historyEvents = 120 // of a round

// configure writes the configuration with order.placed at one of two targets,
// and something else that differs every time.
func (h *history) configure(t *testing.T) {
	t.Helper()
	h.edits++
	replace(t, h.file, fill(h.tg, fmt.Sprintf(`
targets:
  a: {type: webhook, url: "URL/a", timeout: 400ms, retry: {initial: 20ms, max: 100ms}, labels: {edit: "%[1]d"}, KEY}
  b: {type: webhook, url: "URL/b", timeout: 400ms, lanes: 16, retry: {initial: 20ms, max: 100ms}, KEY}
  c: {type: webhook, url: "URL/c", timeout: 400ms, retry: {initial: 20ms, max: 100ms}, KEY}
  d: {type: webhook, url: "URL/d", timeout: 400ms, retry: {initial: 20ms, max: 100ms}, KEY}
events:
  "*": {targets: [{target: a}, {target: b}]}
  order.placed: {targets: [{target: %[2]s}]}
`, h.edits, []string{"c", "d"}[h.edits%2])))
}

func newHistory(t *testing.T, seed uint64) *history {
	t.Helper()
	h := &history{random: rand.New(rand.NewPCG(seed, 1)), data: t.TempDir(), natsListen: "127.0.0.1:0"}
	var mu sync.Mutex
	flaky := rand.New(rand.NewPCG(seed, 2))
	h.tg = newTarget(t, func(w http.ResponseWriter, a arrival) {
		mu.Lock()
		draw := flaky.IntN(100)
		mu.Unlock()
		switch {
		case draw < 6:
			w.WriteHeader(http.StatusServiceUnavailable)
		case draw < 7: // longer than its timeout
			select {
			case <-a.done:
			case <-h.tg.closing:
			}
		}
	})
	h.file = configuration(t, "")
	h.configure(t)
	h.startBroker(t)
	h.startDispatcher(t)
	for range 3 {
		h.hire(t)
	}
	nc, err := nats.Connect(h.broker.ready["nats"], nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond))
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	h.nc, h.js = nc, stream(t, nc)
	return h
}

func (h *history) startBroker(t *testing.T) {
	t.Helper()
	h.broker = start(t, "dispatcher", h.tg.env(), "--embedded-nats", "--data", h.data, "--listen", "127.0.0.1:0",
		"--nats-listen", h.natsListen, "--ack-wait", ackWait, "--log-level", "warn")
	u, err := url.Parse(h.broker.ready["nats"])
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(u.Host)
	require.NoError(t, err)
	h.natsListen = "127.0.0.1:" + port
}

func (h *history) startDispatcher(t *testing.T) {
	t.Helper()
	h.dispatcher = start(t, "dispatcher", h.tg.env(), "--nats", h.broker.ready["nats"], "-f", h.file,
		"--listen", "127.0.0.1:0", "--ack-wait", ackWait, "--log-level", "warn")
}

func (h *history) hire(t *testing.T) {
	t.Helper()
	h.workers = append(h.workers, start(t, "worker", nil, "--nats", h.broker.ready["nats"], "--allow-local", "--ack-wait", ackWait, "--log-level", "warn"))
}

// publish stores a round's events, each until it is confirmed.
func (h *history) publish(ctx context.Context, round int) error {
	for i := range historyEvents {
		eventType := []string{"user.added", "order.placed", "user.changed"}[i%3]
		aggregate := fmt.Sprintf("a%d", i%5)
		body := fmt.Sprintf(`{"aggregateID":"%s","event_type":"%s","event_payload":{"round":%d,"i":%d}}`, aggregate, eventType, round, i)
		for {
			try, cancel := context.WithTimeout(ctx, time.Second) // a confirmation on its way when the broker dies never comes
			ack, err := h.js.Publish(try, "callout.event.default.=."+aggregate+"."+eventType, []byte(body),
				jetstream.WithMsgID(fmt.Sprintf("%d-%d", round, i)))
			cancel()
			if err == nil {
				h.mu.Lock()
				h.acked = append(h.acked, accepted{ack.Sequence, eventType, aggregate})
				h.mu.Unlock()
				break
			}
			if ctx.Err() != nil {
				return err
			}
			time.Sleep(10 * time.Millisecond) // the publisher's own pace while the broker is away
		}
		time.Sleep(time.Duration(i%3) * time.Millisecond) // so that the fault falls among the events
	}
	return nil
}

// faults are what can happen in a round; each fails if it did not strike.
var faults = []fault{
	{"worker killed", false, (*history).killWorker},
	{"dispatcher killed", false, (*history).killDispatcher},
	{"edits", false, (*history).editOften},
	{"all but the broker at once", false, func(h *history, t *testing.T) {
		h.editOften(t)
		h.killWorker(t)
		h.killDispatcher(t)
		h.editOften(t)
	}},
	{"broker killed", true, (*history).killBroker},
	{"all at once", true, func(h *history, t *testing.T) {
		h.editOften(t)
		h.killWorker(t)
		h.killDispatcher(t)
		h.editOften(t)
		h.killBroker(t)
	}},
}

// fault is something that can happen. Those of the broker belong to the longer
// runs that CALLOUT_ROUNDS asks for.
type fault struct {
	name   string
	broker bool
	strike func(*history, *testing.T)
}

func (h *history) killWorker(t *testing.T) {
	t.Helper()
	i := h.random.IntN(len(h.workers))
	code, _ := h.workers[i].stop(t, kill)
	require.Equal(t, -1, code, "the fault struck")
	h.workers = append(h.workers[:i], h.workers[i+1:]...)
	h.hire(t)
}

func (h *history) killDispatcher(t *testing.T) {
	t.Helper()
	code, _ := h.dispatcher.stop(t, kill)
	require.Equal(t, -1, code, "the fault struck")
	h.startDispatcher(t)
}

func (h *history) killBroker(t *testing.T) {
	t.Helper()
	code, _ := h.broker.stop(t, kill)
	require.Equal(t, -1, code, "the fault struck")
	h.away.Add(1)
	h.startBroker(t)
}

// editOften edits every 100 ms and sees to it that the edits came into force.
func (h *history) editOften(t *testing.T) {
	t.Helper()
	before := lastMarker(t, h.js)
	for range 4 {
		h.configure(t)
		time.Sleep(100 * time.Millisecond) // the pace of the edits
	}
	require.Eventually(t, func() bool { return lastMarker(t, h.js) > before }, bound, 10*time.Millisecond, "the fault struck: an edit came into force")
}

// TestHistory publishes while everything happens that may happen, and checks
// what arrived against what was confirmed.
func TestHistory(t *testing.T) {
	t.Parallel()
	const seed = 20261124
	t.Logf("seed %d", seed)
	h := newHistory(t, seed)
	striking := faults[:]
	if os.Getenv("CALLOUT_ROUNDS") == "" {
		striking = slices.DeleteFunc(slices.Clone(striking), func(f fault) bool { return f.broker })
	}
	for round := range rounds(t) {
		for k, fault := range striking {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			published := make(chan error, 1)
			go func() { published <- h.publish(ctx, round*len(faults)+k) }()
			fault.strike(h, t)
			require.NoError(t, <-published, fault.name)
			cancel()
		}
	}
	h.check(t)
}
