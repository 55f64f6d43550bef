package node_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/embed"
	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/catalog/file"
	"github.com/callout-hq/callout/pkg/dispatch"
	"github.com/callout-hq/callout/pkg/invoke"
	"github.com/callout-hq/callout/pkg/node"
	"github.com/callout-hq/callout/pkg/work"
)

// twoInstances are those that the fleet of these tests serves. One begins with
// the other.
var twoInstances = [2]string{"default", "default.größe 2"}

// fleet is one of which parts are taken away: a server, two dispatchers, a
// worker, and a core for each instance, whose events flow all the time.
type fleet struct {
	t           *testing.T
	hooks       *httptest.Server
	server      *embed.Server
	listen      string
	js          jetstream.JetStream
	log         *lockedBuffer
	again       *repeats // of what the workers say
	dispatchers [2]*dispatch.Dispatcher
	worker      *work.Worker
	cores       map[string]*callout.Client
	mu          sync.Mutex
	accepted    map[string]map[uint64]string // event by sequence, of each instance
	delivered   map[string]int               // by event
	refused     map[string]int               // answers that were not 202, by status and code
	wrong       []string
	red         int       // losses that readiness named
	from        [2]uint64 // what was accepted from there on is not lost
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	bustest.Turn(t)
	f := &fleet{t: t, listen: "127.0.0.1:0", log: &lockedBuffer{}, again: &repeats{}, cores: map[string]*callout.Client{},
		accepted: map[string]map[uint64]string{}, delivered: map[string]int{}, refused: map[string]int{}}
	f.hooks = httptest.NewServer(http.HandlerFunc(f.take))
	t.Cleanup(f.hooks.Close)
	f.begin(t.TempDir())
	f.listen = f.server.Addr().String()
	t.Cleanup(func() { f.server.Close() })
	nc, err := nats.Connect(f.server.URL(), nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond))
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	f.js, err = jetstream.New(nc)
	require.NoError(t, err)
	for n := range f.dispatchers {
		f.dispatchers[n] = f.dispatcher("127.0.0.1:0")
		t.Cleanup(func() { _ = f.dispatchers[n].Stop(within(t, 10*time.Second)) })
	}
	for _, id := range twoInstances {
		f.apply(id)
	}
	f.worker = f.work(f.bus())
	t.Cleanup(func() { _ = f.worker.Stop(within(t, 10*time.Second)) })
	for _, id := range twoInstances {
		f.accepted[id] = map[uint64]string{}
		f.cores[id], err = callout.Connect(within(t, 5*time.Second), callout.Options{URL: f.server.URL(), Instance: id, Log: zerolog.Nop(),
			Declare: &callout.Declaration{Core: "core", EventTypes: []string{"user.added", "user.changed"}, Functions: []string{"f"}}})
		require.NoError(t, err)
		t.Cleanup(f.cores[id].Close)
	}
	return f
}

// begin starts the server on a directory.
func (f *fleet) begin(data string) {
	f.t.Helper()
	var err error
	f.server, err = embed.Start(embed.Options{Data: data, Listen: f.listen, Log: zerolog.Nop()})
	require.NoError(f.t, err)
}

func (f *fleet) bus() *bus.Bus { return f.connect(time.Second) }

func (f *fleet) connect(ackWait time.Duration) *bus.Bus {
	f.t.Helper()
	b, err := bus.Connect(within(f.t, 5*time.Second), bus.Options{URL: f.server.URL(), Log: zerolog.New(f.log), AckWait: ackWait})
	require.NoError(f.t, err)
	f.t.Cleanup(b.Close)
	return b
}

func (f *fleet) dispatcher(listen string) *dispatch.Dispatcher {
	f.t.Helper()
	d, err := dispatch.Start(within(f.t, 20*time.Second), dispatch.Options{Bus: f.bus(), Log: zerolog.New(f.log), Listen: listen, Mount: node.Mount(zerolog.Nop())})
	require.NoError(f.t, err)
	return d
}

func (f *fleet) work(b *bus.Bus) *work.Worker {
	f.t.Helper()
	invoker := invoke.New(invoke.Options{Log: zerolog.Nop(), AllowLocal: true})
	f.t.Cleanup(invoker.Close)
	w, err := work.Start(within(f.t, 20*time.Second), work.Options{Bus: b, Invoker: invoker, Log: zerolog.New(zerolog.MultiLevelWriter(f.log, f.again))})
	require.NoError(f.t, err)
	return w
}

// configOf has an event line, an async target, and a paused one.
func (f *fleet) configOf(id, extra string) *catalog.Snapshot {
	f.t.Helper()
	text := strings.ReplaceAll(fmt.Sprintf(`instance: %q
targets:
  hook: {type: webhook, url: HOOKS/hook, retry: {initial: 20ms, max: 50ms}}
  call: {type: call, url: HOOKS/call}
  paused: {type: webhook, url: HOOKS/paused}
%sevents: {user.added: {targets: [{target: hook}]}, user.changed: {targets: [{target: paused}]}}
functions: {f: {targets: [{target: call}]}}
`, id, extra), "HOOKS", f.hooks.URL)
	s, problems := file.Parse("test.yaml", []byte(text))
	require.NotNil(f.t, s, "%v", problems)
	return s
}

func (f *fleet) apply(id string) {
	f.t.Helper()
	_, err := f.dispatchers[0].Instance(id).Apply(within(f.t, 20*time.Second), f.configOf(id, ""))
	require.NoError(f.t, err)
}

// take is every target.
func (f *fleet) take(_ http.ResponseWriter, r *http.Request) {
	var event struct {
		ID string `json:"userID"`
	}
	body, _ := io.ReadAll(r.Body)
	if r.URL.Path != "/hook" || !assert.NoError(f.t, json.Unmarshal(body, &event)) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.delivered[event.ID]++
}

// publishing publishes events of an instance over both dispatchers in turn until
// end is closed.
func (f *fleet) publishing(id string, end <-chan struct{}) {
	for n := 0; ; n++ {
		select {
		case <-end:
			return
		case <-time.After(2 * time.Millisecond):
		}
		event := fmt.Sprintf("%s%d", markOfInstance(id), n)
		status, body := f.post(n%2, id, event)
		f.mu.Lock()
		var answer struct {
			Events []struct {
				Sequence uint64 `json:"stream_sequence"`
			} `json:"events"`
			Error struct{ Code, Message string } `json:"error"`
		}
		_ = json.Unmarshal(body, &answer) // what cannot be read has no sequence
		switch {
		case status == http.StatusAccepted && len(answer.Events) == 1:
			f.accepted[id][answer.Events[0].Sequence] = event
		case status == http.StatusServiceUnavailable:
			f.refused[answer.Error.Code]++
		case status != 0: // 0: nobody listened
			f.wrong = append(f.wrong, fmt.Sprintf("%d %s", status, body))
		}
		f.mu.Unlock()
	}
}

func (f *fleet) post(dispatcher int, id, event string) (status int, body []byte) {
	request, err := http.NewRequestWithContext(f.t.Context(), http.MethodPost, f.url(dispatcher)+"/v1/instances/"+url.PathEscape(id)+"/events",
		bytes.NewReader(fmt.Appendf(nil, `{"id":%q,"userID":%[1]q,"aggregateID":"u","event_type":"user.added"}`, event)))
	if !assert.NoError(f.t, err) {
		return 0, nil
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil
	}
	defer func() { _ = answer.Body.Close() }()
	body, _ = io.ReadAll(answer.Body)
	return answer.StatusCode, body
}

func (f *fleet) url(dispatcher int) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.dispatchers[dispatcher].URL()
}

// ready asks one of the dispatchers.
func (f *fleet) ready(dispatcher int) (status int, body string) {
	answer, err := http.Get(f.url(dispatcher) + "/readyz") //nolint:noctx // it is on this machine
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = answer.Body.Close() }()
	raw, _ := io.ReadAll(answer.Body)
	return answer.StatusCode, string(raw)
}

// last is the highest sequence that was accepted of an instance.
func (f *fleet) last(id string) (last uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for sequence := range f.accepted[id] {
		last = max(last, sequence)
	}
	return last
}

// waiting lists what was accepted from a sequence on, up to another, and has not
// arrived.
func (f *fleet) waiting(id string, from, to uint64) (events []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for sequence, event := range f.accepted[id] {
		if sequence >= from && sequence <= to && f.delivered[event] == 0 {
			events = append(events, event)
		}
	}
	return events
}

func (f *fleet) arrived(id string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for event := range f.delivered {
		if strings.HasPrefix(event, markOfInstance(id)) {
			n++
		}
	}
	return n
}

// markOfInstance begins the ids of an instance's events.
func markOfInstance(id string) string { return fmt.Sprintf("%d-", slices.Index(twoInstances[:], id)) }

// lockedBuffer may be written to while it is read.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.b.Reset()
	return l.b.String()
}
