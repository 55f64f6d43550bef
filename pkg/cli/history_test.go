package cli_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/access"
)

// history is a fleet that things happen to, and the record of what went in.
// The broker is a process of its own, so that it and the dispatcher can be
// killed apart.
type history struct {
	tg             *target
	walls          *walls
	random         *rand.Rand
	data, file     string
	natsListen     string
	broker         *process
	dispatcher     *process
	workers        []*process
	nc             *nats.Conn
	js             jetstream.JetStream
	core, twinCore jetstream.JetStream // who publishes
	edits          atomic.Int64
	twin           *twin

	mu          sync.Mutex
	acked       []accepted
	kills       map[string]int // worker, dispatcher, broker
	brokerAway  []time.Time    // when the broker was killed
	refused     atomic.Int64   // answered with a failure
	unanswered  atomic.Int64   // left without an answer
	publishings atomic.Int64   // tries that were not confirmed
}

// accepted is an event that the stream confirmed.
type accepted struct {
	sequence  uint64
	eventType string
	aggregate string
}

const (
	historyEvents = 100 // of a round

	// The retry policy of all targets of a history.
	firstRetry   = 20 * time.Millisecond
	longestRetry = 100 * time.Millisecond
	mostAttempts = 60 // more than any delivery can need
)

// configured has order.placed at one of two targets, and something else that
// differs every time.
func (h *history) configured() string {
	n := h.edits.Add(1)
	return placedAt([]string{"c", "d"}[n%2], n)
}

// placedAt has order.placed at one target.
func placedAt(target string, n int64) string {
	return strings.NewReplacer("RETRY", fmt.Sprintf("retry: {initial: %s, max: %s, attempts: %d}", firstRetry, longestRetry, mostAttempts)).Replace(fmt.Sprintf(`
defaults: {timeout: 400ms}
targets:
  a: {type: webhook, url: "URL/a", RETRY, labels: {edit: "%[1]d"}, KEY}
  b: {type: webhook, url: "URL/b", lanes: 16, RETRY, KEY}
  c: {type: webhook, url: "URL/c", RETRY, KEY}
  d: {type: webhook, url: "URL/d", RETRY, KEY}
events:
  "*": {targets: [{target: a}, {target: b}]}
  order.placed: {targets: [{target: %[2]s}]}
`, n, target))
}

// answer is what the targets do: now and then one refuses, and rarely one does
// not answer before its time is over.
func (h *history) answer(seed uint64) func(http.ResponseWriter, arrival) {
	var mu sync.Mutex
	flaky := rand.New(rand.NewPCG(seed, 2))
	return func(w http.ResponseWriter, a arrival) {
		mu.Lock()
		draw := flaky.IntN(1000)
		mu.Unlock()
		switch {
		case draw < 60:
			h.refused.Add(1)
			w.WriteHeader(http.StatusServiceUnavailable)
		case draw < 65:
			h.unanswered.Add(1)
			select {
			case <-a.done:
			case <-h.tg.closing:
			}
		}
	}
}

func newHistory(t *testing.T, seed uint64, w *walls) *history {
	t.Helper()
	h := &history{walls: w, random: rand.New(rand.NewPCG(seed, 1)), data: t.TempDir(), natsListen: "127.0.0.1:0", kills: map[string]int{}}
	h.tg = newTarget(t, h.answer(seed))
	h.twin = newTwin(t, h.tg)
	h.file = configuration(t, fill(h.tg, h.configured()))
	h.startBroker(t)
	h.startDispatcher(t)
	require.NoError(t, h.twin.apply(t.Context(), h.dispatcher, placedAt("c", 0)))
	for range 3 {
		h.hire(t)
	}
	again := []nats.Option{nats.MaxReconnects(-1), nats.ReconnectWait(20 * time.Millisecond)}
	h.nc = w.dial(t, h.broker.ready["nats"], access.Dispatcher(), again...)
	h.js = stream(t, h.nc)
	h.core, h.twinCore = w.publisher(t, h.broker.ready["nats"], "default", again...), w.publisher(t, h.broker.ready["nats"], twinID, again...)
	return h
}

func (h *history) startBroker(t *testing.T) {
	t.Helper()
	h.broker = start(t, "dispatcher", h.tg.env(), append([]string{"--embedded-nats", "--data", h.data, "--listen", "127.0.0.1:0",
		"--nats-listen", h.natsListen, "--ack-wait", ackWait, "--log-level", "warn"}, h.walls.broker()...)...)
	u, err := url.Parse(h.broker.ready["nats"])
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(u.Host)
	require.NoError(t, err)
	h.natsListen = "127.0.0.1:" + port
}

func (h *history) startDispatcher(t *testing.T) {
	t.Helper()
	h.dispatcher = start(t, "dispatcher", h.tg.env(), append([]string{"--nats", h.broker.ready["nats"], "-f", h.file,
		"--listen", "127.0.0.1:0", "--ack-wait", ackWait, "--log-level", "warn"}, h.walls.flags(access.Dispatcher())...)...)
}

func (h *history) hire(t *testing.T) {
	t.Helper()
	h.workers = append(h.workers, start(t, "worker", nil, append([]string{"--nats", h.broker.ready["nats"], "--allow-local", "--ack-wait", ackWait, "--log-level", "warn"}, h.walls.worker()...)...))
}

// publish stores a round's events, each until it is confirmed.
func (h *history) publish(ctx context.Context, round int) error {
	for i := range historyEvents {
		eventType := []string{"user.added", "order.placed", "user.changed"}[i%3]
		aggregate := fmt.Sprintf("a%d", i%5)
		body := fmt.Sprintf(`{"aggregateID":"%s","event_type":"%s","event_payload":{"round":%d,"i":%d}}`, aggregate, eventType, round, i)
		id := fmt.Sprintf("%d-%d", round, i)
		if err := h.insist(ctx, func(try context.Context) error {
			ack, err := h.core.Publish(try, "callout.event.default.=."+aggregate+"."+eventType, []byte(body), jetstream.WithMsgID(id))
			if err == nil {
				h.mu.Lock()
				h.acked = append(h.acked, accepted{ack.Sequence, eventType, aggregate})
				h.mu.Unlock()
			}
			return err
		}); err != nil {
			return err
		}
		if err := h.insist(ctx, func(try context.Context) error {
			_, err := h.twin.publish(try, h.twinCore, aggregate, eventType, id, []byte(body))
			return err
		}); err != nil {
			return err
		}
		time.Sleep(time.Duration(i%3) * time.Millisecond) // so that the fault falls among the events
	}
	return nil
}

// insist tries until it is confirmed, or ctx ends.
func (h *history) insist(ctx context.Context, do func(context.Context) error) error {
	for {
		try, cancel := context.WithTimeout(ctx, 300*time.Millisecond) // a confirmation on its way when the broker dies never comes
		err := do(try)
		cancel()
		if err == nil || ctx.Err() != nil {
			return err
		}
		h.publishings.Add(1)
		time.Sleep(10 * time.Millisecond) // its own pace while the broker is away
	}
}

// TestHistory publishes while everything happens that may happen, and checks
// what arrived against what was confirmed.
func TestHistory(t *testing.T) {
	t.Parallel()
	testHistory(t, nil)
}

// TestHistoryBehindWalls is TestHistory in an installation with an account for the cores
// of each instance.
func TestHistoryBehindWalls(t *testing.T) {
	t.Parallel()
	testHistory(t, raised(t))
}

func testHistory(t *testing.T, w *walls) {
	t.Helper()
	const seed = 20261124
	h := newHistory(t, seed, w)
	began := time.Now()
	for round := range rounds(t) {
		for k, fault := range faults {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			published := make(chan error, 1)
			go func() { published <- h.publish(ctx, round*len(faults)+k) }()
			fault.strike(h, t)
			require.NoError(t, h.insist(ctx, func(context.Context) error {
				return h.twin.apply(ctx, h.dispatcher, placedAt("c", h.edits.Load()))
			}))
			require.NoError(t, <-published, fault.name)
			cancel()
		}
	}
	h.checkFaults(t, rounds(t))
	h.check(t)
	h.twin.check(t, h.tg, "", func(eventType string) []string {
		if eventType == "order.placed" {
			return []string{"/c"}
		}
		return []string{"/a", "/b"}
	})
	t.Logf("seed %d, in %s", seed, time.Since(began).Round(time.Millisecond))
}
