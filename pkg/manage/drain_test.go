package manage_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/callout-hq/callout/pkg/sign"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

// verifying is a server that refuses what arrives until it is open, and tells of
// the rest by whose key it was signed.
type verifying struct {
	*httptest.Server
	mu   sync.Mutex
	keys map[string]string // by the name of who has them
	open bool
	got  []string
}

func newVerifying(t *testing.T) *verifying {
	t.Helper()
	v := &verifying{keys: map[string]string{}}
	v.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // a caller that went away is not looked at
		v.mu.Lock()
		defer v.mu.Unlock()
		by := "nobody"
		for name, key := range v.keys {
			if sign.VerifyZitadel(r.Header.Get("ZITADEL-Signature"), body, time.Now(), key) == nil && sign.VerifyStandard(r.Header, body, time.Now(), key) == nil {
				by = name
			}
		}
		if !v.open {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		sequence := r.Header.Get("Callout-Sequence")
		v.got = append(v.got, fmt.Sprintf("%s %s %s by %s", sequence, r.URL.Path, r.Header.Get("Callout-Target"), by))
	}))
	t.Cleanup(v.Close)
	return v
}

func (v *verifying) let() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.open = true
}

func (v *verifying) reached() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.got)
}

func (v *verifying) await(t *testing.T, n int) []string {
	t.Helper()
	require.Eventually(t, func() bool {
		return v.reached() >= n
	}, bound, lookEvery/5, "%d deliveries", n)
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]string(nil), v.got...)
}

// make makes a target at the server, whose key it then knows by a name.
func (v *verifying) make(t *testing.T, c calloutv1connect.ActionServiceClient, target *calloutv1.Target, knownAs string) *calloutv1.CreateTargetResponse {
	t.Helper()
	target.Url = v.URL + target.GetUrl()
	target.Retry = &calloutv1.Retry{Initial: durationpb.New(time.Hour), Max: durationpb.New(time.Hour)}
	made := ask(t, c.CreateTarget, &calloutv1.CreateTargetRequest{Target: target})
	v.mu.Lock()
	defer v.mu.Unlock()
	v.keys[knownAs] = made.GetSigningKey()
	return made
}

func onEvent(condition string, targets ...string) *calloutv1.SetExecutionRequest {
	return &calloutv1.SetExecutionRequest{Execution: &calloutv1.Execution{Phase: calloutv1.Phase_PHASE_EVENT, Condition: condition, Targets: entries(targets...)}}
}

// TestDrain: what waits for a target that is removed arrives as it was
// configured last, and signed by its key, although another has its name by now
// and a key of its own.
func TestDrain(t *testing.T) {
	t.Parallel()
	v := newVerifying(t)
	n := run(t, "", nil)
	c := plain(t, n)
	v.make(t, c, &calloutv1.Target{Name: "hook", Type: "webhook", Url: "/first"}, "the first")
	ask(t, c.SetExecution, onEvent("user.added", "hook"))
	publish(t, n, "", "user.added", "user.added", "user.added")
	awaitState(t, c, "user.added/hook", "retrying")
	ask(t, c.UpdateTarget, &calloutv1.UpdateTargetRequest{Target: &calloutv1.Target{Name: "hook", Url: v.URL + "/moved"}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"url"}}})
	ask(t, c.DeleteTarget, &calloutv1.DeleteTargetRequest{Name: "hook", Force: true, Waiting: drain})
	awaitState(t, c, "user.added/hook", "draining")

	v.make(t, c, &calloutv1.Target{Name: "hook", Type: "webhook", Url: "/second"}, "the second")
	require.NotEqual(t, v.keys["the first"], v.keys["the second"])
	ask(t, c.SetExecution, onEvent("user.added", "hook"))
	publish(t, n, "", "user.added")
	v.let()
	ask(t, c.RetrySubscription, &calloutv1.RetrySubscriptionRequest{Name: "user.added/hook"})
	got := v.await(t, 4)
	require.Len(t, got, 4)
	for i, one := range got {
		want := "/moved hook by the first"
		if i == 3 { // behind the others, as ever
			want = "/second hook by the second"
		}
		require.True(t, strings.HasSuffix(one, want), "%d: %s", i, one)
	}
	requireRising(t, got)
	require.Eventually(t, func() bool {
		return len(ask(t, c.ListSubscriptions, &calloutv1.ListSubscriptionsRequest{Name: "user.added/hook"}).GetSubscriptions()) == 1
	}, bound, lookEvery)
	awaitDead(t, c, 0)
}

// requireRising tells that the sequences, which stand in front, rise.
func requireRising(t *testing.T, got []string) {
	t.Helper()
	var last uint64
	for _, one := range got {
		var sequence uint64
		_, err := fmt.Sscanf(one, "%d ", &sequence)
		require.NoError(t, err)
		require.Greater(t, sequence, last, "%v", got)
		last = sequence
	}
}

// TestDrainAsync: so do the deliveries of async targets, whether of calls or of
// events.
func TestDrainAsync(t *testing.T) {
	t.Parallel()
	v := newVerifying(t)
	n := run(t, "", nil)
	c := plain(t, n)
	v.make(t, c, &calloutv1.Target{Name: "later", Type: "async", Url: "/later"}, "it")
	ask(t, c.SetExecution, onEvent("user.added", "later"))
	ask(t, c.SetExecution, &calloutv1.SetExecutionRequest{Execution: &calloutv1.Execution{Phase: calloutv1.Phase_PHASE_REQUEST, Condition: "/s.S/M", Targets: entries("later")}})
	publish(t, n, "", "user.added")
	call(t, n, "/s.S/M")
	require.Eventually(t, func() bool {
		return line(t, c, "user.added/later").GetInWork() == 1 && line(t, c, "async/later").GetInWork() == 1
	}, bound, lookEvery)
	require.Eventually(t, func() bool { return line(t, c, "async/later").GetLastStatus() == 503 }, bound, lookEvery)
	ask(t, c.DeleteTarget, &calloutv1.DeleteTargetRequest{Name: "later", Force: true, Waiting: drain})
	awaitState(t, c, "async/later", "draining")
	v.let()
	ask(t, c.RetrySubscription, &calloutv1.RetrySubscriptionRequest{Name: "user.added/later"})
	ask(t, c.RetrySubscription, &calloutv1.RetrySubscriptionRequest{Name: "async/later"})
	for _, one := range v.await(t, 2) {
		require.True(t, strings.HasSuffix(one, "/later later by it"), one)
	}
	require.Eventually(t, func() bool { return !strings.Contains(strings.Join(lines(t, c), " "), "later") }, bound, lookEvery)
	awaitDead(t, c, 0)
}

// TestRename: what waited under the old name goes to the target as it is now,
// and before what came after; the key stays.
func TestRename(t *testing.T) {
	t.Parallel()
	v := newVerifying(t)
	n := run(t, "", nil)
	c := plain(t, n)
	made := v.make(t, c, &calloutv1.Target{Name: "old", Type: "webhook", Url: "/it"}, "it")
	ask(t, c.SetExecution, onEvent("user.added", "old"))
	publish(t, n, "", "user.added", "user.added")
	awaitState(t, c, "user.added/old", "retrying")
	rename := func(name string, url string) {
		ask(t, c.UpdateTarget, &calloutv1.UpdateTargetRequest{Target: &calloutv1.Target{Id: made.GetTarget().GetId(), Name: name, Url: v.URL + url},
			UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"name", "url"}}})
	}
	rename("new", "/itself")
	publish(t, n, "", "user.added", "user.added")
	require.Equal(t, "migrating", line(t, c, "user.added/new").GetState())
	rename("newer", "/itself/now")
	publish(t, n, "", "user.added")
	require.Equal(t, "migrating", line(t, c, "user.added/newer").GetState())
	v.let()
	ask(t, c.RetrySubscription, &calloutv1.RetrySubscriptionRequest{Name: "user.added/old"})
	got := v.await(t, 5)
	for _, one := range got {
		require.True(t, strings.HasSuffix(one, " /itself/now newer by it"), one)
	}
	requireRising(t, got)
	require.Eventually(t, func() bool { return len(lines(t, c)) == 2 }, bound, lookEvery)
	require.Contains(t, lines(t, c), "user.added/newer running")

	// A pause goes along with it, and a new target of the old name has none.
	ask(t, c.PauseTarget, &calloutv1.PauseTargetRequest{Target: "newer", Reason: "moving house"})
	require.Eventually(t, func() bool {
		return ask(t, c.GetTarget, &calloutv1.GetTargetRequest{Name: "newer"}).GetTarget().GetPauseReason() != ""
	}, bound, lookEvery)
	rename("newest", "/itself")
	require.Eventually(t, func() bool {
		return ask(t, c.GetTarget, &calloutv1.GetTargetRequest{Name: "newest"}).GetTarget().GetPauseReason() == "moving house"
	}, bound, lookEvery)
	v.make(t, c, &calloutv1.Target{Name: "newer", Type: "webhook", Url: "/other"}, "the other")
	require.Eventually(t, func() bool {
		return ask(t, c.GetTarget, &calloutv1.GetTargetRequest{Name: "newer"}).GetTarget().GetPauseReason() == ""
	}, bound, lookEvery)
	require.NotEqual(t, v.keys["it"], v.keys["the other"])
}

// TestAsyncTargetAgain: an async target can be there again while what waited for
// it drains.
func TestAsyncTargetAgain(t *testing.T) {
	t.Parallel()
	v := newVerifying(t)
	n := run(t, "", nil)
	c := plain(t, n)
	set := func() {
		v.make(t, c, &calloutv1.Target{Name: "later", Type: "async", Url: "/later"}, "it")
		ask(t, c.SetExecution, &calloutv1.SetExecutionRequest{Execution: &calloutv1.Execution{Phase: calloutv1.Phase_PHASE_REQUEST, Condition: "/s.S/M", Targets: entries("later")}})
	}
	set()
	call(t, n, "/s.S/M")
	require.Eventually(t, func() bool { return line(t, c, "async/later").GetLastStatus() == 503 }, bound, lookEvery)
	ask(t, c.DeleteTarget, &calloutv1.DeleteTargetRequest{Name: "later", Force: true, Waiting: drain})
	set()
	call(t, n, "/s.S/M")
	v.let()
	require.Eventually(t, func() bool { return line(t, c, "async/later").GetState() == "running" }, bound, lookEvery)
	// The second may still be on its way to the target that refused: it waits for
	// the next time somebody asks.
	require.Eventually(t, func() bool {
		_, _ = c.RetrySubscription(t.Context(), connect.NewRequest(&calloutv1.RetrySubscriptionRequest{Name: "async/later"}))
		return v.reached() >= 2
	}, bound, lookEvery)
	v.await(t, 2)
}
