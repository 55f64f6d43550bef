package manage_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/manage"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

// awaitJob follows a job to its end.
func awaitJob(t *testing.T, c calloutv1connect.ActionServiceClient, id string) (states []*calloutv1.Job) {
	t.Helper()
	s, err := c.WatchJob(within(t), connect.NewRequest(&calloutv1.WatchJobRequest{Id: id}))
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	for s.Receive() {
		states = append(states, s.Msg().GetJob())
	}
	require.NoError(t, s.Err())
	require.NotEmpty(t, states)
	return states
}

// jobIs tells how the newest job stands.
func jobIs(t *testing.T, c calloutv1connect.ActionServiceClient, kind, about, state string, done uint64) *calloutv1.Job {
	t.Helper()
	j := ask(t, c.ListJobs, &calloutv1.ListJobsRequest{}).GetJobs()[0]
	require.Equal(t, []any{kind, about, state, done}, []any{j.GetKind(), j.GetAbout(), j.GetState(), j.GetDone()})
	return j
}

// TestDeleteDoesNotWait answers at once with the job, which goes on; who asks
// once more under the same id waits for the same.
func TestDeleteDoesNotWait(t *testing.T) {
	t.Parallel()
	o := newObedient(t, hold)
	n, c := runFor(t, o, whatWaits)
	publish(t, n, "", "user.moved", "user.left")
	o.await(t, 1)
	request := &calloutv1.DeleteExecutionRequest{Phase: calloutv1.Phase_PHASE_EVENT, Name: "user.*", Waiting: discard, RequestId: "r-1", Wait: new(bool)}
	gone := ask(t, c.DeleteExecution, request)
	require.Equal(t, []string{"discard", "execution user.*", "running"}, []string{gone.GetJob().GetKind(), gone.GetJob().GetAbout(), gone.GetJob().GetState()})
	require.Zero(t, gone.GetDiscarded())
	require.Equal(t, gone.GetJob().GetId(), jobIs(t, c, "discard", "execution user.*", "running", 0).GetId())

	// Waiting no longer than the request may, it is told which job goes on.
	request.Wait = nil
	var told *calloutv1.ErrorDetail
	for range 2 { // the client's own clock may be faster than the answer
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second) // both are less than the job waits
		_, err := c.DeleteExecution(ctx, connect.NewRequest(request))
		cancel()
		require.Equal(t, connect.CodeDeadlineExceeded, connect.CodeOf(err), err)
		if told = manage.Detail(err); told.GetJob() != "" {
			break
		}
	}
	require.Equal(t, []string{"deadline", gone.GetJob().GetId()}, []string{told.GetCode(), told.GetJob()})

	o.status.Store(http.StatusOK)
	close(o.let)
	require.EqualValues(t, 1, ask(t, c.DeleteExecution, request).GetDiscarded())
	states := awaitJob(t, c, gone.GetJob().GetId())
	require.Equal(t, "done", states[len(states)-1].GetState())
	require.NotNil(t, jobIs(t, c, "discard", "execution user.*", "done", 1).GetEndTime())
	awaitDead(t, c, 1)
}

// TestDrainIsAJob shows how far a drain is, and is cancelled into dead letters.
func TestDrainIsAJob(t *testing.T) {
	t.Parallel()
	o := newObedient(t, 503)
	n, c := runFor(t, o, whatWaits)
	publish(t, n, "", "user.moved", "user.left", "user.moved")
	awaitState(t, c, "user.*/hook", "retrying")
	gone := ask(t, c.DeleteTarget, &calloutv1.DeleteTargetRequest{Name: "hook", Force: true, Waiting: drain})
	require.Equal(t, "drain", gone.GetJob().GetKind())
	require.Eventually(t, func() bool {
		return ask(t, c.GetJob, &calloutv1.GetJobRequest{Id: gone.GetJob().GetId()}).GetJob().GetTotal() == 3
	}, bound, lookEvery)
	instead := ask(t, c.CancelJob, &calloutv1.CancelJobRequest{Id: gone.GetJob().GetId()}).GetJob()
	require.Equal(t, "discard", instead.GetKind())
	awaitJob(t, c, instead.GetId())
	require.Equal(t, "cancelled", ask(t, c.GetJob, &calloutv1.GetJobRequest{Id: gone.GetJob().GetId()}).GetJob().GetState())
	awaitDead(t, c, 3)
	err := refused(t, connect.CodeAborted, c.CancelJob, &calloutv1.CancelJobRequest{Id: instead.GetId()})
	require.ErrorContains(t, err, "the job has ended: it is done")
	err = refused(t, connect.CodeNotFound, c.GetJob, &calloutv1.GetJobRequest{Id: "nobody"})
	requireDetail(t, &calloutv1.ErrorDetail{Code: "not_found", Stage: "store", Field: "id"}, err)
}

// TestSkipMany gives up what waits in a subscription that stands, a count of it
// or all, in order or not, and goes on with what comes behind.
func TestSkipMany(t *testing.T) {
	t.Parallel()
	for name, target := range map[string]string{"in order": "hook", "without an order": "later"} {
		t.Run(name, func(t *testing.T) {
			o := newObedient(t, 503)
			n, c := runFor(t, o, whatWaits)
			condition := map[string]string{"hook": "user.*", "later": "order.placed"}[target]
			event := map[string]string{"hook": "user.moved", "later": "order.placed"}[target]
			line := condition + "/" + target
			publish(t, n, "", event, event, event, event, event)
			stand := func() {
				if target == "hook" {
					awaitState(t, c, line, "retrying")
					return
				}
				require.Eventually(t, func() bool {
					return ask(t, c.ListSubscriptions, &calloutv1.ListSubscriptionsRequest{Name: line}).GetSubscriptions()[0].GetInWork() > 0
				}, bound, lookEvery)
				ask(t, c.PauseSubscription, &calloutv1.PauseSubscriptionRequest{Name: line})
			}
			stand()
			some := ask(t, c.SkipSubscription, &calloutv1.SkipSubscriptionRequest{Name: line, Count: 2})
			require.Equal(t, []any{uint64(2), "skip"}, []any{some.GetJob().GetDone(), some.GetJob().GetKind()})
			for _, d := range awaitDead(t, c, 2) {
				require.Equal(t, "skipped", d.GetReason())
			}
			stand() // with the third
			all := ask(t, c.SkipSubscription, &calloutv1.SkipSubscriptionRequest{Name: line, All: true})
			require.EqualValues(t, 3, all.GetJob().GetDone())
			jobIs(t, c, "skip", "subscription "+line, "done", 3)
			awaitDead(t, c, 5)
			o.status.Store(200)
			before := len(o.seen())
			body := publish(t, n, "", event)
			require.Equal(t, body[0], o.await(t, before+1)[before].body, "it goes on behind them")
			require.Len(t, o.seen(), before+1)
			_ = refused(t, connect.CodeNotFound, c.SkipSubscription, &calloutv1.SkipSubscriptionRequest{Name: line, All: true})
		})
	}
	_, c := runFor(t, newObedient(t, 503), whatWaits)
	err := refused(t, connect.CodeInvalidArgument, c.SkipSubscription, &calloutv1.SkipSubscriptionRequest{Name: "user.*/hook", All: true, Count: 2})
	requireDetail(t, &calloutv1.ErrorDetail{Code: "bad_field", Stage: "decode", Field: "count"}, err)
}

// TestReplayIsAJob shows how far a replay is, and is cancelled.
func TestReplayIsAJob(t *testing.T) {
	t.Parallel()
	o := newObedient(t, 200)
	n, c := runFor(t, o, whatWaits)
	publish(t, n, "", "user.moved", "user.moved", "user.left")
	o.await(t, 3)
	replay := func() *calloutv1.Job {
		return ask(t, c.ReplayEvents, &calloutv1.ReplayEventsRequest{Subscription: "user.*/hook", From: &calloutv1.ReplayEventsRequest_FromSequence{FromSequence: 1}}).GetJob()
	}
	states := awaitJob(t, c, replay().GetId())
	require.EqualValues(t, 3, states[len(states)-1].GetDone())
	o.await(t, 6)
	o.status.Store(503)
	j := replay()
	o.await(t, 9)
	require.Contains(t, lines(t, c), "user.*/hook (replay) running")
	require.Equal(t, "cancelled", ask(t, c.CancelJob, &calloutv1.CancelJobRequest{Id: j.GetId()}).GetJob().GetState())
	require.Eventually(t, func() bool {
		return !slices.Contains(lines(t, c), "user.*/hook (replay) running")
	}, bound, lookEvery)
	awaitDead(t, c, 0)
}

// TestNoMoreJobsThanMayRun: one job too many is refused as busy over every way in,
// with when to come again. It is no outage: the fleet answers.
func TestNoMoreJobsThanMayRun(t *testing.T) {
	t.Parallel()
	n := run(t, configured, nil)
	nc, err := nats.Connect(n.NATSURL())
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	kept, err := js.KeyValue(within(t), "callout_jobs")
	require.NoError(t, err)
	for i := range action.MaxJobs { // of a kind that only a newer version goes on with, which is noted already
		id := fmt.Sprintf("01M8K0Z2TMA3ZFYXFTCVW%05d", i)
		_, err := kept.PutString(within(t), "default."+id, `{"id":"`+id+`","instance":"default","kind":"of_a_newer_version","state":"running","last_code":"newer"}`)
		require.NoError(t, err)
	}
	for _, w := range wires {
		_, err := client(t, n.HTTPURL(), w).RedriveDeadLetters(within(t), connect.NewRequest(&calloutv1.RedriveDeadLettersRequest{All: true, Wait: new(bool)}))
		require.Equal(t, connect.CodeResourceExhausted, connect.CodeOf(err), "%s: %v", w.name, err)
		require.Equal(t, string(action.CodeBusy), manage.Detail(err).GetCode(), w.name)
		var fault *connect.Error
		require.ErrorAs(t, err, &fault)
		require.Equal(t, "1", fault.Meta().Get("Retry-After"), w.name)
	}

	// Tools for ZITADEL are told so too.
	spare := idOf(t, plain(t, n), "spare")
	req, err := http.NewRequestWithContext(within(t), http.MethodDelete, n.HTTPURL()+"/v2/actions/targets/"+spare+"?waiting=discard", nil)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, []any{http.StatusTooManyRequests, "1"}, []any{resp.StatusCode, resp.Header.Get("Retry-After")})
}
