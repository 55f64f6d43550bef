package node_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/catalog/file"
	"github.com/callout-hq/callout/pkg/dispatch"
)

// poisoned is a fleet in which one entry at a time is spoilt by somebody else: a
// dispatcher, a worker, and a core for each of two instances.
type poisoned struct {
	*fleet
	home  *testing.T // whose end is that of the fleet
	bus   *bus.Bus   // of the test
	ours  []*bus.Bus // of dispatcher and worker
	nc    *nats.Conn
	count int
}

func newPoisoned(t *testing.T) *poisoned {
	t.Helper()
	f := &fleet{t: t, listen: "127.0.0.1:0", log: &lockedBuffer{}, again: &repeats{}, cores: map[string]*callout.Client{}, delivered: map[string]int{}}
	p := &poisoned{fleet: f, home: t}
	f.hooks = httptest.NewServer(http.HandlerFunc(p.take))
	t.Cleanup(f.hooks.Close)
	f.begin(t.TempDir())
	t.Cleanup(func() { f.server.Close() })
	var err error
	p.nc, err = nats.Connect(f.server.URL())
	require.NoError(t, err)
	t.Cleanup(p.nc.Close)
	f.js, err = jetstream.New(p.nc)
	require.NoError(t, err)
	p.bus = f.bus()
	p.dispatch()
	for _, id := range twoInstances {
		for _, extra := range []string{"", "  other: {type: webhook, url: HOOKS/other}\n"} { // so that there is a revision before the newest
			p.configure(id, extra)
		}
	}
	p.worker = p.work(p.own())
	for _, id := range twoInstances {
		f.cores[id], err = callout.Connect(within(t, 5*time.Second), callout.Options{URL: f.server.URL(), Instance: id, Log: zerolog.New(f.log),
			Declare: &callout.Declaration{Core: "core", EventTypes: []string{"user.added", "user.changed"}, Functions: []string{"f", "g"}}})
		require.NoError(t, err)
		t.Cleanup(f.cores[id].Close)
	}
	t.Cleanup(func() {
		_ = f.worker.Stop(within(t, 10*time.Second))
		_ = f.dispatchers[0].Stop(within(t, 10*time.Second))
	})
	for n := range twoInstances {
		p.mustWork(n, "before")
	}
	return p
}

func (p *poisoned) configure(id, extra string) {
	p.t.Helper()
	text := strings.ReplaceAll(fmt.Sprintf(`instance: %q
targets:
  hook: {type: webhook, url: HOOKS/hook, retry: {initial: 20ms, max: 50ms}}
  call: {type: call, url: HOOKS/call, interrupt_on_error: true}
  later: {type: async, url: HOOKS/later}
  paused: {type: webhook, url: HOOKS/paused}
%sevents: {user.added: {targets: [{target: hook}]}, user.changed: {targets: [{target: paused}]}}
functions: {f: {targets: [{target: call}]}, g: {targets: [{target: later}]}}
`, id, extra), "HOOKS", p.hooks.URL)
	if extra == "" { // what an older revision sends nowhere
		text = strings.ReplaceAll(text, "user.added:", "user.removed:")
	}
	s, problems := file.Parse("test.yaml", []byte(text))
	require.NotNil(p.t, s, "%v", problems)
	_, err := p.dispatchers[0].Instance(id).Apply(within(p.t, 20*time.Second), s)
	require.NoError(p.t, err)
}

// take is every target: what it is sent tells its id.
func (p *poisoned) take(_ http.ResponseWriter, r *http.Request) {
	var sent struct {
		ID string `json:"userID"`
	}
	body, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(body, &sent) // what somebody else put there has none
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delivered[r.URL.Path+" "+sent.ID]++
}

func (p *poisoned) has(what string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.delivered[what] > 0
}

// next is an id that was not used before.
func (p *poisoned) next() string {
	p.count++
	return fmt.Sprintf("%d", p.count)
}

// Patience of who waits for something that must come, and for what may be mended.
const (
	comesWithin = 90 * time.Second     // beside other fleets, one delivers a dozen a second
	comesSoon   = 5 * time.Millisecond // the pace of looking: what is slept waits for nothing by itself
)

// mustWork has a call, an event and an async delivery of an instance; each
// reaches its target.
func (p *poisoned) mustWork(n int, when string) {
	p.t.Helper()
	if why := p.works(n); why != "" {
		p.t.Fatalf("%s: %s of %q; %s", when, why, twoInstances[n], lastLines(p.log.take(), 12))
	}
}

// works tells what of an instance does not; "" = all does.
func (p *poisoned) works(n int) string {
	for what, do := range map[string]func(int) bool{"calls": p.calls, "events": p.events, "async deliveries": p.async} {
		end := time.Now().Add(comesWithin)
		for !do(n) {
			if time.Now().After(end) {
				return what
			}
		}
	}
	return ""
}

func (p *poisoned) function(n int, name, id string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	result, err := p.cores[twoInstances[n]].Function(ctx, name, fmt.Appendf(nil, `{"userID":%q}`, id))
	if err == nil && result.Outcome == action.Continue && len(result.Steps) == 1 {
		return true
	}
	time.Sleep(comesSoon)
	return false
}

func (p *poisoned) calls(n int) bool {
	id := p.next()
	return p.function(n, "f", id) && p.has("/call "+id)
}

func (p *poisoned) events(n int) bool {
	id := p.next()
	status, _ := p.post(0, twoInstances[n], id)
	return status == http.StatusAccepted && p.arrives("/hook "+id)
}

func (p *poisoned) async(n int) bool {
	id := p.next()
	return p.function(n, "g", id) && p.arrives("/later "+id)
}

func (p *poisoned) arrives(what string) bool {
	for end := time.Now().Add(comesWithin); time.Now().Before(end); time.Sleep(comesSoon) {
		if p.has(what) {
			return true
		}
	}
	return false
}

// restart starts dispatcher and worker anew, and lets meanwhile run while there is
// none.
func (p *poisoned) restart(meanwhile func()) {
	p.t.Helper()
	part := p.t
	defer func() { p.t = part }()
	p.t = p.home // what begins now ends with the fleet
	assert.NoError(part, p.worker.Stop(within(part, 10*time.Second)))
	assert.NoError(part, p.dispatchers[0].Stop(within(part, 10*time.Second)))
	for _, b := range p.ours {
		b.Close()
	}
	p.ours = nil
	meanwhile()
	p.dispatch()
	p.worker = p.work(p.own())
}

func (p *poisoned) dispatch() {
	p.t.Helper()
	d, err := dispatch.Start(within(p.t, 20*time.Second), dispatch.Options{Bus: p.own(), Log: zerolog.New(p.log), Listen: "127.0.0.1:0"})
	require.NoError(p.t, err, lastLines(p.log.take(), 12))
	p.dispatchers[0] = d
}

// own is a connection of dispatcher or worker.
func (p *poisoned) own() *bus.Bus {
	b := p.fleet.bus()
	p.ours = append(p.ours, b)
	return b
}

// put writes a value as somebody else would, who may write whatever he likes.
func (p *poisoned) put(subject string, value []byte) {
	p.t.Helper()
	_, err := p.js.Publish(within(p.t, 5*time.Second), subject, value)
	require.NoError(p.t, err)
}

func (p *poisoned) putMsg(msg *nats.Msg) {
	p.t.Helper()
	_, err := p.js.PublishMsg(within(p.t, 5*time.Second), msg)
	require.NoError(p.t, err)
}

func (p *poisoned) stream(name string) jetstream.Stream {
	p.t.Helper()
	s, err := p.js.Stream(within(p.t, 5*time.Second), name)
	require.NoError(p.t, err)
	return s
}

// valueOf reads what stands in a bucket, nil when nothing does.
func (p *poisoned) valueOf(bucket, key string) []byte {
	p.t.Helper()
	v, ok, err := p.bus.Bucket(bucket).Get(within(p.t, 5*time.Second), key)
	if action.CodeOf(err) != action.CodeBadField { // what cannot be asked for is not ours
		require.NoError(p.t, err)
	}
	if !ok {
		return nil
	}
	return v.Bytes
}

// keysOf lists the keys that match.
func (p *poisoned) keysOf(bucket, match string) (keys []string) {
	p.t.Helper()
	all, err := p.bus.Bucket(bucket).Keys(within(p.t, 5*time.Second), match)
	require.NoError(p.t, err)
	for _, v := range all {
		keys = append(keys, v.Key)
	}
	return keys
}

// says waits until readiness says something.
func (p *poisoned) says(what string) bool {
	for end := time.Now().Add(comesWithin); time.Now().Before(end); time.Sleep(comesSoon) {
		if _, body := p.ready(0); strings.Contains(body, what) {
			return true
		}
	}
	return false
}

// text is what stands in the log, which it leaves there.
func (l *lockedBuffer) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func lastLines(text string, n int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(all[max(len(all)-n, 0):], "\n")
}

var huge = bytes.Repeat([]byte("x"), 512<<10)
