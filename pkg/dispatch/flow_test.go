package dispatch_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/letters"
	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/bus/revisions"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/invoke"
	"github.com/callout-hq/callout/pkg/wire"
	"github.com/callout-hq/callout/pkg/work"
)

// arrival is one request that reached a target.
type arrival struct {
	path      string // INSTANCE/TARGET
	aggregate string
	n         uint64 // counts up for each aggregate
	signature string
}

// receiver plays all targets.
type receiver struct {
	*httptest.Server
	mu       sync.Mutex
	arrivals []arrival
	answers  map[string]int // statuses by path; 0 = 200
	share    float64        // of requests that fail all the same
	held     map[string]chan struct{}
}

// hold keeps the answers of a path back until letGo, which may be called twice.
func (r *receiver) hold(t *testing.T, path string) (letGo func()) {
	t.Helper()
	until := make(chan struct{})
	r.mu.Lock()
	r.held[path] = until
	r.mu.Unlock()
	letGo = sync.OnceFunc(func() { close(until) })
	t.Cleanup(letGo)
	return letGo
}

// fails has a share of all requests fail.
func (r *receiver) fails(share float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.share = share
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{answers: map[string]int{}, held: map[string]chan struct{}{}}
	r.Server = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) serve(w http.ResponseWriter, req *http.Request) {
	raw, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	var e action.Event
	_ = json.Unmarshal(raw, &e) // what is no event stands out in the checks
	a := arrival{strings.TrimPrefix(req.URL.Path, "/"), e.AggregateID, e.Sequence, req.Header.Get("Webhook-Signature")}
	r.mu.Lock()
	r.arrivals = append(r.arrivals, a)
	until := r.held[a.path]
	r.mu.Unlock()
	if until != nil {
		<-until
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if status := r.answers[a.path]; status != 0 {
		w.WriteHeader(status)
	} else if rand.Float64() < r.share {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

func (r *receiver) answer(path string, status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers[path] = status
}

// got lists what reached a target, or all when path is "".
func (r *receiver) got(path string) []arrival {
	r.mu.Lock()
	defer r.mu.Unlock()
	var got []arrival
	for _, a := range r.arrivals {
		if path == "" || a.path == path {
			got = append(got, a)
		}
	}
	return got
}

func (r *receiver) url(instance, name string) string { return r.URL + "/" + pathOf(instance, name) }

// pathOf is where a target of an instance listens.
func pathOf(instance, name string) string { return wire.Token(instance) + "/" + name }

// worker starts one, which is stopped with the test.
func (f *fleet) worker(b *bus.Bus) {
	f.t.Helper()
	invoker := invoke.New(invoke.Options{AllowLocal: true})
	w, err := work.Start(within(f.t, 20*time.Second), work.Options{Bus: b, Invoker: invoker, Log: zerolog.Nop()})
	require.NoError(f.t, err)
	f.t.Cleanup(func() {
		_ = w.Stop(within(f.t, 10*time.Second)) // its connection may be cut
		invoker.Close()
	})
}

// published is an event that the stream has confirmed.
type published struct {
	instance, org, aggregate, eventType string
	n, sequence                         uint64
}

// publisher stores events, and remembers them. It is used by one goroutine.
type publisher struct {
	bus    *bus.Bus
	counts map[string]uint64
	events []published
}

func (f *fleet) publisher() *publisher {
	return &publisher{bus: f.bus(), counts: map[string]uint64{}}
}

// publish stores one event of each aggregate.
func (p *publisher) publish(t *testing.T, instance, org, eventType string, aggregates ...string) {
	t.Helper()
	for _, aggregate := range aggregates {
		require.NoError(t, p.store(within(t, 20*time.Second), instance, org, eventType, aggregate))
	}
}

// store stores the next event of an aggregate.
func (p *publisher) store(ctx context.Context, instance, org, eventType, aggregate string) error {
	key := instance + "/" + org + "/" + aggregate
	p.counts[key]++
	e := action.Event{AggregateID: key, ResourceOwner: org, Type: eventType, Sequence: p.counts[key]}
	body, err := wire.EncodeEvent(e)
	if err != nil {
		return err
	}
	stored, err := p.bus.Instance(instance).Publish(ctx,
		bus.NewEvent{ID: fmt.Sprint(key, " ", e.Sequence), Org: org, AggregateID: key, Type: eventType, Body: body})
	if err != nil {
		return err
	}
	p.events = append(p.events, published{instance, org, key, eventType, e.Sequence, stored.StreamSequence})
	return nil
}

// due is what an event owes a target: to reach it or to become a dead letter.
type due struct {
	path, aggregate string
	n               uint64
}

// dues finds out from what is stored which targets each event is for: those of
// the revision whose marker lies before it.
func (f *fleet) dues(t *testing.T, r *receiver, all []published) map[due]string {
	t.Helper()
	b := f.bus()
	ctx := within(t, 2*time.Minute)
	ledgers, matchers := map[string]*revisions.Ledger{}, map[string]*catalog.Matcher{}
	found := map[due]string{} // with what led to it
	for _, e := range all {
		of := revisions.Of(b.Instance(e.instance))
		if ledgers[e.instance] == nil {
			ledgers[e.instance] = of.Ledger()
		}
		revision, _, err := ledgers[e.instance].RevisionAt(ctx, 0, e.sequence)
		require.NoError(t, err)
		key := fmt.Sprint(e.instance, " ", revision)
		if matchers[key] == nil {
			v, err := of.Version(ctx, revision, nil)
			require.NoError(t, err)
			matchers[key] = v.Matcher
		}
		for _, match := range matchers[key].Event(e.eventType, e.org) {
			for _, turn := range match.Turns {
				meta, _ := matchers[key].Snapshot().MetaOf(turn.Owner, target(turn.Target.Name))
				found[due{strings.TrimPrefix(turn.Target.URL, r.URL+"/"), e.aggregate, e.n}] =
					fmt.Sprintf("event %d of revision %d for %s/%s (%s) with %d lanes", e.sequence, revision, turn.Owner, turn.Target.Name, meta.ID, turn.Target.Lanes)
			}
		}
	}
	return found
}

// settled waits until no line has anything before it and none drains or waits
// for others. It is patient as long as something happens.
func (f *fleet) settled(t *testing.T, ids ...string) {
	t.Helper()
	const readings, patience = 3, time.Minute // one reading may be a moment behind a publish
	b := f.bus()
	for _, id := range ids {
		i := lines.Of(b.Instance(id))
		last, since := "", time.Now()
		for calm := 0; calm < readings; {
			stands, busy := standingOf(t, i)
			if calm++; busy {
				calm = 0
			}
			if stands != last {
				last, since = stands, time.Now()
			}
			require.Less(t, time.Since(since), patience, "%s: a line does not get on:\n%s", id, last)
			<-time.After(20 * time.Millisecond)
		}
	}
}

// standingOf tells how the lines of an instance stand, one on each line, and
// whether one has anything before it, drains or waits for others.
func standingOf(t *testing.T, i lines.Lines) (stands string, busy bool) {
	t.Helper()
	all, err := i.List(within(t, 10*time.Second))
	busy = err != nil
	for _, l := range all {
		head, waits, err := i.Head(within(t, 10*time.Second), l)
		if err != nil || waits || l.Fenced || l.DrainTo > 0 {
			busy = true
		}
		stands += fmt.Sprintf("%s cut=%d drain_to=%d fenced=%t drained=%t head=%d %t %v\n", l.Name, l.Cut, l.DrainTo, l.Fenced, l.Drained, head.Sequence, waits, err)
	}
	return stands, busy
}

// account checks that every event reached every target that it was for, or is a
// dead letter, that no target got what was not for it, and that for each target
// the events of an aggregate came for the first time in their order. It tells how
// many became dead letters. id is the instance that all are of; "" = of many.
func (f *fleet) account(t *testing.T, r *receiver, id string, all []published) (dead int) {
	t.Helper()
	owed := f.dues(t, r, all)
	reached, last := map[due]bool{}, map[string]due{}
	for _, a := range r.got("") {
		if id != "" && !strings.HasPrefix(a.path, pathOf(id, "")) {
			continue
		}
		d := due{a.path, a.aggregate, a.n}
		require.NotEmpty(t, owed[d], "%v was not for it", d)
		if reached[d] {
			continue
		}
		reached[d] = true
		of := a.path + " " + a.aggregate
		require.Greater(t, a.n, last[of].n, "%s: %s came before %s", of, owed[last[of]], owed[d])
		last[of] = d
	}
	buried := f.buried(t, r, all)
	for d := range owed {
		require.True(t, reached[d] || buried[d], "%v is lost", d)
	}
	return len(buried)
}

// buried gives what dead letters are about. They name the target by the path of
// its URL: the targets of a test are called so.
func (f *fleet) buried(t *testing.T, r *receiver, all []published) map[due]bool {
	t.Helper()
	b, found := f.bus(), map[due]bool{}
	seen := map[string]bool{}
	for _, e := range all {
		if seen[e.instance] {
			continue
		}
		seen[e.instance] = true
		kept, err := letters.Of(b.Instance(e.instance)).All(within(t, 30*time.Second))
		require.NoError(t, err)
		for _, l := range kept {
			var body action.Event
			require.NoError(t, json.Unmarshal(l.Body, &body))
			path := pathOf(e.instance, l.Target)
			if l.Owner != "" {
				path = pathOf(e.instance, l.Owner+"-"+l.Target)
			}
			found[due{path, body.AggregateID, body.Sequence}] = true
		}
	}
	return found
}
