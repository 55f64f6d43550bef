package cli_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/wire"
)

const (
	stormCalls    = 10_000 // of a round
	stormAtOnce   = 64
	stormKills    = 8                               // of a round
	stormDeadline = slower * 2 * time.Second        // of a call
	stormGrace    = slower * time.Second            // in which a caller learns that its time is over
	stormEdits    = slower * 250 * time.Millisecond // between two of them
)

// storm is many calls at once against a fleet whose workers die and whose
// catalog changes.
type storm struct {
	*fleet
	clients map[string]*callout.Client // by instance
	cores   map[string]*nats.Conn      // who calls by plain NATS, by instance
	random  *rand.Rand

	next    atomic.Pointer[hold] // the call at which the next worker dies
	done    atomic.Int64         // calls that have ended
	broken  atomic.Int64         // requests whose worker died before their answer
	answers sync.Map             // how many answers came to a subject, of the calls by plain NATS
	waiting sync.Map             // who waits at a subject

	mu      sync.Mutex
	counts  map[string]int
	wrong   []string
	longest time.Duration
	edits   int
}

// newStorm starts a dispatcher and three workers. The target answers a call
// with its own mark; which of two definitions of it is used changes with every
// edit.
func newStorm(t *testing.T, seed uint64, w *walls) *storm {
	t.Helper()
	s := &storm{random: rand.New(rand.NewPCG(seed, 1)), counts: map[string]int{}, clients: map[string]*callout.Client{}, cores: map[string]*nats.Conn{}}
	tg := newTarget(t, nil)
	tg.answer = func(w http.ResponseWriter, a arrival) {
		if h := s.next.Load(); h != nil && markIn(a.body)%3 == 0 && s.next.CompareAndSwap(h, nil) {
			h.held <- a
			select {
			case <-a.done:
				close(h.dead)
			case <-tg.closing:
			}
		}
		s.answer(w, a, "default")
	}
	s.fleet = newWalledFleet(t, w, tg, s.configured(), 3)
	s.twin.tg.answer = func(w http.ResponseWriter, a arrival) { s.answer(w, a, twinID) }
	for _, instance := range []string{"default", twinID} {
		client, err := callout.Connect(t.Context(), callout.Options{URL: s.dispatcher.ready["nats"], Instance: instance, Login: w.login(access.Core(instance))})
		require.NoError(t, err)
		t.Cleanup(client.Close)
		s.clients[instance] = client
	}
	for _, instance := range []string{"default", twinID} {
		s.cores[instance] = w.dial(t, s.dispatcher.ready["nats"], access.Core(instance))
		_, err := s.cores[instance].Subscribe(access.InboxCore(instance)+".storm.*", func(m *nats.Msg) {
			n, _ := s.answers.LoadOrStore(m.Subject, new(atomic.Int64))
			n.(*atomic.Int64).Add(1)
			if c, ok := s.waiting.LoadAndDelete(m.Subject); ok {
				c.(chan *nats.Msg) <- m
			}
		})
		require.NoError(t, err)
	}
	return s
}

// answer is what the target of an instance says to a call.
func (s *storm) answer(w http.ResponseWriter, a arrival, instance string) {
	mark := markIn(a.body)
	select {
	case <-time.After(time.Duration(mark%5) * time.Millisecond): // the target's own pace
	case <-a.done:
		s.broken.Add(1)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"answer":{"mark":%d,"of":%q}}`, mark, instance) // the worker may be dead
}

// caller is the instance that makes a call: the twin makes half of them.
func caller(mark int) string {
	if mark%4 < 2 {
		return "default"
	}
	return twinID
}

func (s *storm) configured() string {
	s.edits++
	return fmt.Sprintf(`
targets:
  even: {type: call, url: "URL/even", timeout: 30s, interrupt_on_error: true, labels: {edit: "%[1]d"}, KEY}
  odd: {type: call, url: "URL/odd", timeout: 30s, interrupt_on_error: true, KEY}
  other: {type: webhook, url: "URL/other", KEY}
requests:
  /storm.S/Call: {targets: [{target: %[2]s}]}
  /storm.S/Other%[1]d: {targets: [{target: other}]}
`, s.edits, []string{"even", "odd"}[s.edits%2])
}

func markIn(body string) int {
	var b struct {
		Request struct{ Mark int } `json:"request"`
	}
	if json.Unmarshal([]byte(body), &b) != nil {
		return -1
	}
	return b.Request.Mark
}

// call makes one call and judges how it ended.
func (s *storm) call(ctx context.Context, mark int) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, stormDeadline)
	defer cancel()
	object := fmt.Appendf(nil, `{"mark":%d}`, mark)
	by, way := "Go", s.withClient
	if mark%2 == 1 {
		by, way = "NATS", s.plainly
	}
	result, err := way(ctx, mark, object)
	took := time.Since(began)
	s.done.Add(1)
	outcome := string(result.Outcome)
	var flaw string
	switch {
	case err != nil:
		outcome, flaw = "error", err.Error()
	case result.Outcome == action.Continue:
		if want := fmt.Sprintf(`{"mark":%[1]d,"answer":{"mark":%[1]d,"of":%[2]q}}`, mark, caller(mark)); string(result.Object) != want || len(result.Warnings) > 0 {
			flaw = fmt.Sprintf("continue with %q and %v", result.Object, result.Warnings)
		}
	case result.Object != nil, result.Error == nil:
		flaw = fmt.Sprintf("%s with %q, error %v", outcome, result.Object, result.Error)
	default:
		outcome += "/" + string(result.Error.Code)
		if c := result.Error.Code; c != action.CodeDeadline && c != action.CodeTimeout && c != action.CodeUnavailable {
			flaw = "ended with " + string(c)
		}
	}
	if took > stormDeadline+stormGrace {
		flaw += fmt.Sprintf(" after %s", took)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[by+": "+outcome]++
	s.longest = max(s.longest, took)
	if flaw != "" {
		s.wrong = append(s.wrong, fmt.Sprintf("call %d by %s: %s", mark, by, flaw))
	}
}

func (s *storm) withClient(ctx context.Context, mark int, object []byte) (action.Result, error) {
	return s.clients[caller(mark)].Request(ctx, callout.Call{Method: "/storm.S/Call", Request: object})
}

// plainly makes a call as a core in any language would.
func (s *storm) plainly(ctx context.Context, mark int, object []byte) (action.Result, error) {
	m := nats.NewMsg("callout.call." + caller(mark) + ".request.storm.S.Call")
	m.Reply = fmt.Sprintf("%s.storm.%d", access.InboxCore(caller(mark)), mark)
	m.Data = fmt.Appendf(nil, `{"fullMethod":"/storm.S/Call","request":%s}`, object)
	m.Header.Set(wire.HeaderTimeout, wire.FormatTimeout(stormDeadline))
	answer := make(chan *nats.Msg, 1)
	s.waiting.Store(m.Reply, answer)
	if err := s.cores[caller(mark)].PublishMsg(m); err != nil {
		return action.Result{}, err
	}
	select {
	case got := <-answer:
		if got.Header.Get("Status") == "503" { // nobody listens
			return action.Result{Outcome: action.Unavailable, Error: action.NewError(action.CodeUnavailable, action.StageBus, "")}, nil
		}
		result, err := wire.DecodeReply(got.Data)
		var refusal *action.Error
		if errors.As(err, &refusal) && refusal.Code == action.CodeDeadline {
			return action.Result{Outcome: action.Failed, Error: refusal}, nil
		}
		return result, err
	case <-ctx.Done():
		return action.Result{Outcome: action.Failed, Error: action.NewError(action.CodeDeadline, action.StageBus, "")}, nil
	}
}

// blow makes all calls of a round, so many at once.
func (s *storm) blow(ctx context.Context, round int) {
	marks := make(chan int)
	var callers sync.WaitGroup
	for range stormAtOnce {
		callers.Go(func() {
			for mark := range marks {
				s.call(ctx, mark)
			}
		})
	}
	for i := range stormCalls {
		marks <- round*stormCalls + i
	}
	close(marks)
	callers.Wait()
}

// strike kills the worker that holds a call, and starts another.
func (s *storm) strike(t *testing.T) {
	t.Helper()
	h := &hold{held: make(chan arrival, 1), dead: make(chan struct{})}
	s.next.Store(h)
	var victim arrival
	select {
	case victim = <-h.held:
	case <-time.After(bound):
		t.Fatal("the fault never struck: no call was held")
	}
	i := holder(t, victim.peer, s.tg.Listener.Addr().String(), s.workers)
	code, _ := s.workers[i].stop(t, kill)
	require.Equal(t, -1, code, "killed, not ended")
	s.workers = slices.Delete(s.workers, i, i+1)
	select {
	case <-h.dead:
	case <-time.After(bound):
		t.Fatal("the fault never struck: the killed worker held no call")
	}
	s.hire(t)
}

// edit replaces the file again and again until the calls have ended.
func (s *storm) edit(ended <-chan struct{}) error {
	pace := time.NewTicker(stormEdits)
	defer pace.Stop()
	for {
		select {
		case <-ended:
			return nil
		case <-pace.C:
			config := s.configured()
			if err := swap(s.file, fill(s.tg, config)); err != nil {
				return err
			}
			if err := s.twin.apply(context.Background(), s.dispatcher, config); err != nil {
				return err
			}
		}
	}
}

// TestStorm makes 10,000 calls, 64 at a time, half of them with the client for
// Go and half by plain NATS, half by each of two instances, while workers are killed in the middle of calls,
// others are started, and the catalog changes. Every call ends by its deadline
// with one outcome; who is told to continue has its own object back, changed by
// the target.
func TestStorm(t *testing.T) {
	t.Parallel()
	testStorm(t, nil)
}

// TestStormBehindWalls is TestStorm in an installation with an account for the cores of
// each instance.
func TestStormBehindWalls(t *testing.T) {
	t.Parallel()
	testStorm(t, raised(t))
}

func testStorm(t *testing.T, w *walls) {
	t.Helper()
	const seed = 20261125
	s := newStorm(t, seed, w)
	kills, before := 0, lastMarker(t, s.js)
	began := time.Now()
	for round := range (rounds(t) + 2) / 3 {
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			s.blow(t.Context(), round)
		}()
		edited := make(chan error, 1)
		go func() { edited <- s.edit(ended) }()
		for k := range stormKills {
			due := int64(round*stormCalls + (k+1)*stormCalls/(stormKills+1))
			require.Eventually(t, func() bool { return s.done.Load() >= due }, slower*time.Minute, time.Millisecond)
			s.strike(t)
			kills++
		}
		<-ended
		require.NoError(t, <-edited)
	}
	s.report(t, kills, lastMarker(t, s.js)-before, time.Since(began))
}

// report prints the counts, and fails if anything is not as promised.
func (s *storm) report(t *testing.T, kills int, edits uint64, took time.Duration) {
	t.Helper()
	calls, late, continued := 0, 0, 0
	for _, outcome := range slices.Sorted(maps.Keys(s.counts)) {
		n := s.counts[outcome]
		t.Logf("%6d %s", n, outcome)
		calls += n
		switch {
		case strings.HasSuffix(outcome, "continue"):
			continued += n
		case !strings.HasSuffix(outcome, "unavailable"):
			late += n
		}
	}
	t.Logf("%d calls in %s, %d workers killed, %d requests of them cut, %d revisions, the longest call took %s",
		calls, took.Round(time.Millisecond), kills, s.broken.Load(), edits, s.longest.Round(time.Millisecond))
	for _, w := range s.wrong[:min(len(s.wrong), 10)] {
		t.Error(w)
	}
	require.Empty(t, s.wrong, "calls that did not end as promised: %d", len(s.wrong))
	require.EqualValues(t, s.done.Load(), calls, "every call ended")
	require.GreaterOrEqual(t, late, kills, "each killed worker held a call")
	require.LessOrEqual(t, late, kills*stormAtOnce, "no call is late but for a killed worker")
	require.Greater(t, continued, calls*9/10)
	require.Positive(t, edits)
	s.answers.Range(func(subject, n any) bool {
		require.EqualValues(t, 1, n.(*atomic.Int64).Load(), "answers at %s", subject)
		return true
	})
}
