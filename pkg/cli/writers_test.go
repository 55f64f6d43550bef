package cli_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/manage"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

const (
	writersAtOnce = 200
	writersShare  = 25              // targets that they all change
	writersFor    = 5 * time.Second // or a minute, with CALLOUT_ROUNDS
	killsEvery    = 6 * time.Second // of the dispatchers in turn, but once in half of the time at least
)

// writers are many clients of two dispatchers, which write to the same objects
// and remember what they were told. A dispatcher is killed now and then.
type writers struct {
	broker *process
	shared uint64 // the revision by which all shared targets are made
	at     [2]atomic.Pointer[endpoint]
	by     *http.Client

	mu       sync.Mutex
	written  []writing
	began    int64 // logical time
	counts   map[string]int
	failures []string
}

// endpoint is a dispatcher as a client sees it.
type endpoint struct {
	*process
	client calloutv1connect.ActionServiceClient
}

// writing is one write that was acknowledged, with the logical times at which
// it was asked for and answered.
type writing struct {
	writer       int
	target       string
	value        int // of the counter; 0 = the target was made, -1 = removed
	revision     uint64
	asked, ended int64
}

func (w *writers) start(t *testing.T, i int) {
	t.Helper()
	p := start(t, "dispatcher", nil, "--nats", w.broker.ready["nats"], "--make-instances", "--listen", "127.0.0.1:0", "--log-level", "error")
	w.at[i].Store(&endpoint{p, calloutv1connect.NewActionServiceClient(w.by, p.ready["http"])})
}

func (w *writers) now() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.began++
	return w.began
}

func (w *writers) count(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counts[what]++
}

func (w *writers) fail(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failures = append(w.failures, fmt.Sprintf(format, args...))
}

// lost is how many of the answers do not arrive: one in so many.
const lost = 10

// insistently asks one of the dispatchers, and again with the same question as
// long as it gets no answer: its request id makes it one request.
func insistently[Q, A any](ctx context.Context, w *writers, r *rand.Rand, ask func(calloutv1connect.ActionServiceClient, context.Context, *connect.Request[Q]) (*connect.Response[A], error), question *Q) (*A, error) {
	for {
		answer, err := ask(w.at[r.IntN(2)].Load().client, ctx, connect.NewRequest(question))
		switch {
		case err == nil && r.IntN(lost) == 0:
			w.count("answers lost")
		case err == nil:
			return answer.Msg, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case manage.Detail(err) == nil: // the dispatcher has died
			w.count("asked again")
			time.Sleep(10 * time.Millisecond) // it is not there for a while
		default:
			return nil, err
		}
	}
}

// write counts one of the shared targets up, as it was read. Who was too late
// is told so.
func (w *writers) write(ctx context.Context, r *rand.Rand, writer, n int, seen uint64, wrote map[string]int) uint64 {
	name := fmt.Sprintf("shared-%d", r.IntN(writersShare))
	got, err := insistently(ctx, w, r, calloutv1connect.ActionServiceClient.GetTarget, &calloutv1.GetTargetRequest{Name: name, MinRevision: seen})
	if err != nil {
		w.fail("writer %d read %s: %v", writer, name, err)
		return seen
	}
	value, _ := strconv.Atoi(got.GetTarget().GetLabels()["n"]) // none is 0
	if value < wrote[name] {
		w.fail("writer %d wrote %d to %s and then read %d", writer, wrote[name], name, value)
	}
	value++
	asked := w.now()
	changed, err := insistently(ctx, w, r, calloutv1connect.ActionServiceClient.UpdateTarget, &calloutv1.UpdateTargetRequest{
		Target:     &calloutv1.Target{Name: name, Etag: got.GetTarget().GetEtag(), Labels: map[string]string{"n": strconv.Itoa(value), "by": strconv.Itoa(writer)}},
		UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"labels"}}, RequestId: fmt.Sprintf("%d/%d", writer, n)})
	switch {
	case manage.Detail(err).GetCode() == string(action.CodeConflict):
		w.count("too late")
		return seen
	case err != nil:
		w.fail("writer %d wrote %s: %v", writer, name, err)
		return seen
	}
	w.acknowledged(writing{writer, name, value, changed.GetRevision(), asked, 0})
	wrote[name] = value
	return changed.GetRevision()
}

func (w *writers) acknowledged(x writing) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.began++
	x.ended = w.began
	w.written = append(w.written, x)
	w.counts["written"]++
}

// own makes a target of the writer's own, and removes the one before.
func (w *writers) own(ctx context.Context, r *rand.Rand, writer, n int, had string) (name string, revision uint64) {
	name = fmt.Sprintf("own-%d-%d", writer, n)
	asked := w.now()
	made, err := insistently(ctx, w, r, calloutv1connect.ActionServiceClient.CreateTarget, &calloutv1.CreateTargetRequest{
		Target: &calloutv1.Target{Name: name, Type: "webhook", Url: "https://a.example"}, RequestId: fmt.Sprintf("%d/%d", writer, n)})
	if err != nil || made.GetSigningKey() == "" {
		w.fail("writer %d made %s with key %q: %v", writer, name, made.GetSigningKey(), err)
		return had, 0
	}
	w.acknowledged(writing{writer, name, 0, made.GetRevision(), asked, 0})
	if had == "" {
		return name, made.GetRevision()
	}
	asked = w.now()
	gone, err := insistently(ctx, w, r, calloutv1connect.ActionServiceClient.DeleteTarget, &calloutv1.DeleteTargetRequest{Name: had, RequestId: fmt.Sprintf("%d/%d-", writer, n)})
	if err != nil {
		w.fail("writer %d removed %s: %v", writer, had, err)
		return name, made.GetRevision()
	}
	w.acknowledged(writing{writer, had, -1, gone.GetRevision(), asked, 0})
	return name, gone.GetRevision()
}

// run lets one writer write until it is over. It reads what it wrote itself,
// whichever dispatcher it asks.
func (w *writers) run(ctx context.Context, writer int, over <-chan struct{}) {
	r := rand.New(rand.NewPCG(uint64(writer), 1))
	seen := w.shared
	own, wrote := "", map[string]int{}
	for n := 0; ; n++ {
		select {
		case <-over:
			return
		default:
		}
		if n%8 == 7 {
			name, revision := w.own(ctx, r, writer, n, own)
			own, seen = name, max(seen, revision)
			continue
		}
		seen = w.write(ctx, r, writer, n, seen, wrote)
	}
}

// TestWriters: 200 writers change the same targets through two dispatchers, each
// with the etag that it has read, while a dispatcher is killed in the middle of
// it. No update is lost, revisions rise, everything that was acknowledged is
// there, and a request that is asked again is one request.
func TestWriters(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	lasts := slower * writersFor
	if os.Getenv("CALLOUT_ROUNDS") != "" {
		lasts = time.Minute
	}
	transport := &http.Transport{MaxIdleConnsPerHost: writersAtOnce}
	defer transport.CloseIdleConnections()
	w := &writers{by: &http.Client{Transport: transport}, counts: map[string]int{}}
	w.broker = start(t, "dispatcher", nil, "--embedded-nats", "--make-instances", "--data", t.TempDir(), "--listen", "127.0.0.1:0", "--nats-listen", "127.0.0.1:0", "--log-level", "error")
	w.start(t, 0)
	w.start(t, 1)
	for i := range writersShare {
		made, err := w.at[0].Load().client.CreateTarget(ctx, connect.NewRequest(&calloutv1.CreateTargetRequest{
			Target: &calloutv1.Target{Name: fmt.Sprintf("shared-%d", i), Type: "webhook", Url: "https://a.example"}}))
		require.NoError(t, err)
		w.shared = made.Msg.GetRevision()
	}
	over := make(chan struct{})
	var all sync.WaitGroup
	for i := range writersAtOnce {
		all.Go(func() { w.run(ctx, i, over) })
	}
	w.kill(t, lasts)
	close(over)
	all.Wait()
	w.check(t, ctx)
	t.Logf("%d writers in %s: %v", writersAtOnce, lasts, w.counts)
}

// kill kills the dispatchers in turn, and starts another in the place of each,
// until the time is over.
func (w *writers) kill(t *testing.T, lasts time.Duration) {
	t.Helper()
	every := min(killsEvery, lasts/2)
	end := time.After(lasts)
	for i := 0; ; i++ {
		select {
		case <-end:
			return
		case <-time.After(every):
		}
		victim := w.at[i%2].Load()
		code, _ := victim.stop(t, kill)
		require.Equal(t, -1, code, "killed, not ended")
		w.count("dispatchers killed")
		time.Sleep(100 * time.Millisecond) // the writers meet nobody there
		w.start(t, i%2)
	}
}

// check holds everything that was acknowledged against what is there.
func (w *writers) check(t *testing.T, ctx context.Context) { //nolint:revive // t comes first in every test
	t.Helper()
	for _, f := range w.failures[:min(len(w.failures), 10)] {
		t.Error(f)
	}
	require.Empty(t, w.failures)
	require.NotEmpty(t, w.written)
	slices.SortFunc(w.written, func(a, b writing) int { return cmp.Compare(a.revision, b.revision) })

	// Each write has a revision of its own, and one that was asked for after
	// another had been answered has a later one.
	firstAnswer := int64(math.MaxInt64) // of all later revisions
	for i, x := range slices.Backward(w.written) {
		if i > 0 {
			require.Less(t, w.written[i-1].revision, x.revision, "%v and %v", w.written[i-1], x)
		}
		require.Less(t, x.asked, firstAnswer, "%v was asked for when a later revision had been answered", x)
		firstAnswer = min(firstAnswer, x.ended)
	}

	// Nobody wrote over a value that he had not read: the values of each target
	// rise one by one, in the order of the revisions.
	last, alive := map[string]int{}, map[string]bool{}
	for _, x := range w.written {
		switch x.value {
		case 0:
			require.False(t, alive[x.target])
			alive[x.target] = true
		case -1:
			require.True(t, alive[x.target])
			delete(alive, x.target)
		default:
			require.Equal(t, last[x.target]+1, x.value, "%v", x)
			last[x.target] = x.value
		}
	}

	// Both dispatchers, and one that starts now, have it so.
	newest := w.written[len(w.written)-1].revision
	w.start(t, 0)
	for i := range w.at {
		w.checkState(ctx, t, w.at[i].Load().client, newest, last, alive)
	}
	w.checkHistory(ctx, t, w.at[1].Load().client)
}

// checkState tells that a dispatcher has every target as it was written last.
func (w *writers) checkState(ctx context.Context, t *testing.T, c calloutv1connect.ActionServiceClient, newest uint64, last map[string]int, alive map[string]bool) {
	t.Helper()
	values, owned := map[string]int{}, map[string]bool{}
	q := &calloutv1.ListTargetsRequest{MinRevision: newest, PageSize: 1000}
	for {
		answer, err := c.ListTargets(ctx, connect.NewRequest(q))
		require.NoError(t, err)
		require.Equal(t, newest, answer.Msg.GetRevision(), "nothing was written that nobody asked for")
		for _, x := range answer.Msg.GetTargets() {
			if n := x.GetLabels()["n"]; n != "" {
				values[x.GetName()], err = strconv.Atoi(n)
				require.NoError(t, err)
			} else if x.GetName() < "shared" {
				owned[x.GetName()] = true
			}
		}
		if q.PageToken = answer.Msg.GetNextPageToken(); q.GetPageToken() == "" {
			break
		}
	}
	require.Equal(t, last, values)
	require.Equal(t, slices.Sorted(maps.Keys(alive)), slices.Sorted(maps.Keys(owned)))
}

// checkHistory tells that every write is in the history, as far as that is
// kept, and that there is nothing else.
func (w *writers) checkHistory(ctx context.Context, t *testing.T, c calloutv1connect.ActionServiceClient) {
	t.Helper()
	made := map[uint64]writing{}
	for _, x := range w.written {
		made[x.revision] = x
	}
	before, looked := ^uint64(0), 0
	for token := ""; ; {
		answer, err := c.ListRevisions(ctx, connect.NewRequest(&calloutv1.ListRevisionsRequest{PageSize: 1000, PageToken: token}))
		require.NoError(t, err)
		for _, r := range answer.Msg.GetRevisions() {
			require.Less(t, r.GetRevision(), before)
			before = r.GetRevision()
			if _, ours := made[before]; ours {
				looked++
				require.Regexp(t, fmt.Sprintf(`^api (Create|Update|Delete)Target \(request %d/`, made[before].writer), r.GetSource())
				continue
			}
			require.NotContains(t, r.GetSource(), "request", "revision %d was answered to nobody", before)
		}
		if token = answer.Msg.GetNextPageToken(); token == "" {
			break
		}
	}
	require.GreaterOrEqual(t, looked, min(len(made), 900), "the history is kept")
}
