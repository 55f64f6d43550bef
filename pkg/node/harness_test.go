package node_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/letters"
	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/node"
)

func TestMain(m *testing.M) {
	bustest.Limit()
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server.init.0.func1"))
}

// arrival is one request that reached a target.
type arrival struct {
	target string
	header http.Header
	body   string
	at     time.Time
}

// targets is one HTTP server that plays any number of targets, by path. Those of
// the twin are played by another.
type targets struct {
	*httptest.Server
	twin     *targets
	mu       sync.Mutex
	answers  map[string]http.HandlerFunc
	arrivals []arrival
	agrees   bool // to everything: the answers do not count
	differ   bool // the twin's answer another way

	shownLess bool // than was published: something is kept from them
}

func newTargets(t *testing.T) *targets {
	t.Helper()
	s := playTargets(t)
	s.twin = playTargets(t)
	return s
}

func playTargets(t *testing.T) *targets {
	t.Helper()
	s := &targets{answers: map[string]http.HandlerFunc{}}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

func (s *targets) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	name := strings.TrimPrefix(r.URL.Path, "/")
	s.mu.Lock()
	s.arrivals = append(s.arrivals, arrival{target: name, header: r.Header, body: string(body), at: time.Now()})
	answer := s.answers[name]
	if s.agrees {
		answer = nil
	}
	s.mu.Unlock()
	if answer != nil {
		answer(w, r)
	}
}

// answer says what a target answers, in both instances.
func (s *targets) answer(name string, do http.HandlerFunc) {
	s.set(name, do)
	s.twin.set(name, do)
}

// answerHere is for an answer that depends on what came before it: it is given
// in the instance of the test alone, and the twin's target agrees to everything.
func (s *targets) answerHere(name string, do http.HandlerFunc) {
	s.set(name, do)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.differ = true
}

func (s *targets) set(name string, do http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[name] = do
}

func (s *targets) agree(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.agrees = on
}

// all is everything that arrived.
func (s *targets) all() []arrival {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.arrivals)
}

// status answers with a status and, if it is not empty, a body.
func status(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

func (s *targets) got(name string) []arrival {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []arrival
	for _, a := range s.arrivals {
		if a.target == name {
			out = append(out, a)
		}
	}
	return out
}

// await waits for so many arrivals, for as long as one comes each minute.
func (s *targets) await(t *testing.T, name string, n int) []arrival {
	t.Helper()
	for {
		before := len(s.got(name))
		if before >= n {
			return s.got(name)
		}
		if !assert.Eventually(t, func() bool { return len(s.got(name)) > before }, time.Minute, 2*time.Millisecond) {
			require.Fail(t, fmt.Sprintf("%s: %d of %d", name, len(s.got(name)), n))
		}
	}
}

// running is a node with a client and a look at its bus. Beside the instance
// "default" of the test there is a twin of it.
type running struct {
	*node.Node
	client *cores
	bus    *bus.Bus
	twin   *twin

	repeats *repeats // unless the test has a log of its own
}

// run starts a node with a configuration, which its twin has too, see written.
func run(t *testing.T, hooks *targets, config string, change func(*node.Options)) *running {
	t.Helper()
	bustest.Turn(t)
	again := &repeats{}
	log := zerolog.New(zerolog.MultiLevelWriter(zerolog.NewTestWriter(t), again)).Level(zerolog.WarnLevel)
	o := node.Options{Listen: "127.0.0.1:0", NATSListen: "127.0.0.1:0", Config: []byte(hooks.written(config)), ConfigName: "test.yaml",
		AckWait: time.Second, Log: log}
	if change != nil {
		change(&o)
	}
	n, err := node.Start(within(t, 30*time.Second), o)
	require.NoError(t, err)
	r := &running{Node: n, repeats: again}
	t.Cleanup(func() { require.NoError(t, n.Close(within(t, 5*time.Second))) })
	client, err := callout.Connect(within(t, 5*time.Second), callout.Options{URL: n.NATSURL()})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	r.bus, err = bus.Connect(within(t, 5*time.Second), bus.Options{URL: n.NATSURL(), Name: "test"})
	require.NoError(t, err)
	t.Cleanup(r.bus.Close)
	r.twin = newTwin(t, r, hooks, config)
	r.client = &cores{Client: client, twin: r.twin}
	t.Cleanup(func() { r.twin.check(t) })
	return r
}

// within bounds what a test waits for, see bustest.Within.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	return bustest.Within(t, d)
}

func (r *running) publish(t *testing.T, events ...action.Event) []callout.Stored {
	t.Helper()
	stored, err := r.client.Publish(within(t, 30*time.Second), events...)
	require.NoError(t, err)
	return stored
}

func event(aggregate, eventType string, sequence uint64) action.Event {
	return action.Event{AggregateID: aggregate, AggregateType: "user", ResourceOwner: "acme", Type: eventType, Sequence: sequence,
		CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC), Payload: json.RawMessage(fmt.Sprintf(`{"n":%d}`, sequence))}
}

// drained waits until no line has anything before it, in neither instance.
func (r *running) drained(t *testing.T) {
	t.Helper()
	r.twin.drained(t)
	const readings = 10 // one may be a moment behind a publish
	empty := 0
	require.Eventually(t, func() bool {
		if empty++; !r.empty(t) {
			empty = 0
		}
		return empty == readings
	}, time.Minute, 5*time.Millisecond)
}

// empty tells whether nothing waits in any line, as the server counts now.
func (r *running) empty(t *testing.T) bool {
	t.Helper()
	lines, err := r.book().List(within(t, 5*time.Second))
	if err != nil {
		return false
	}
	for _, l := range lines {
		if backlog, err := r.book().Backlog(within(t, 5*time.Second), l); err != nil || backlog.Lag() > 0 {
			return false
		}
	}
	return true
}

func (r *running) deadLetters(t *testing.T, n int) []action.DeadLetter {
	t.Helper()
	var kept []letters.Letter
	require.Eventually(t, func() bool {
		all, err := letters.Of(r.bus.Instance("default")).All(within(t, 5*time.Second))
		kept = slices.DeleteFunc(all, func(l letters.Letter) bool { return l.Target == besideTarget })
		return err == nil && len(kept) >= n
	}, time.Minute, 5*time.Millisecond)
	found := make([]action.DeadLetter, len(kept))
	for n, l := range kept {
		found[n] = l.DeadLetter
	}
	return found
}

// lines lists the lines of the test's events.
func (r *running) lines(t *testing.T) []lines.Line {
	t.Helper()
	all, err := r.book().List(within(t, 5*time.Second))
	require.NoError(t, err)
	return slices.DeleteFunc(all, func(l lines.Line) bool { return l.Async || l.Target == besideTarget })
}

// book is what stands about the lines.
func (r *running) book() lines.Lines { return lines.Of(r.bus.Instance("default")) }
