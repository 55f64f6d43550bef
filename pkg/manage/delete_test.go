package manage_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"

	buslines "github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/node"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

const (
	drain   = calloutv1.Waiting_WAITING_DRAIN
	discard = calloutv1.Waiting_WAITING_DISCARD
)

// whatWaits is a configuration in which everything waits as long as the server
// answers 503.
const whatWaits = `
targets:
  hook: {type: webhook, url: "HOOKS/hook", retry: {initial: 1h, max: 1h}}
  later: {type: async, url: "HOOKS/later", retry: {initial: 1h, max: 1h}}
  other: {type: webhook, url: "HOOKS/other"}
requests: {/s.S/M: {targets: [{target: later}]}}
events:
  user.added: {targets: [{target: hook}, {target: other}]}
  "user.*": {targets: [{target: hook}]}
  order.placed: {targets: [{target: later}]}
`

// call makes a call of the core over HTTP.
func call(t *testing.T, n *node.Node, method string) {
	t.Helper()
	status, answer := post(t, n.HTTPURL()+"/v1/instances/default/calls/request", `{"fullMethod":"`+method+`","request":{}}`, nil)
	require.Equal(t, 200, status, answer)
}

// lines are the names of the lines that there are, each with its state.
func lines(t *testing.T, c calloutv1connect.ActionServiceClient) []string {
	t.Helper()
	var out []string
	for _, s := range ask(t, c.ListSubscriptions, &calloutv1.ListSubscriptionsRequest{}).GetSubscriptions() {
		out = append(out, s.GetName()+" "+s.GetState())
	}
	return out
}

// TestDeleteSaysWhatWaits: what waits is counted over all lines, and nothing is
// changed.
func TestDeleteSaysWhatWaits(t *testing.T) {
	t.Parallel()
	o := newObedient(t, 503)
	n, c := runFor(t, o, whatWaits)
	publish(t, n, "", "user.added", "user.added", "user.renamed", "order.placed")
	call(t, n, "/s.S/M")
	o.await(t, 5) // one each at hook twice, other, later twice
	for name, want := range map[string]string{
		"hook": "3 events wait for it: let them be delivered (drain), make dead letters of them (discard), or wait until they are delivered", "later": "2 events wait for it: ",
	} {
		for _, dry := range []bool{true, false} {
			err := refused(t, connect.CodeFailedPrecondition, c.DeleteTarget, &calloutv1.DeleteTargetRequest{Name: name, Force: true, DryRun: dry})
			requireDetail(t, &calloutv1.ErrorDetail{Code: "events_waiting", Stage: "catalog", Field: "waiting"}, err)
			require.ErrorContains(t, err, want)
		}
	}
	err := refused(t, connect.CodeFailedPrecondition, c.DeleteExecution, &calloutv1.DeleteExecutionRequest{Phase: calloutv1.Phase_PHASE_EVENT, Condition: "order.placed"})
	require.ErrorContains(t, err, "1 event waits for it: ")
	require.EqualValues(t, 3, ask(t, c.DeleteTarget, &calloutv1.DeleteTargetRequest{Name: "hook", Force: true, DryRun: true, Waiting: discard}).GetDiscarded())
	require.EqualValues(t, 1, ask(t, c.GetRevision, &calloutv1.GetRevisionRequest{}).GetRevision())

	ask(t, c.PauseTarget, &calloutv1.PauseTargetRequest{Target: "hook"})
	require.Eventually(t, func() bool {
		return ask(t, c.GetTarget, &calloutv1.GetTargetRequest{Name: "hook"}).GetTarget().GetPauseReason() != ""
	}, bound, lookEvery)
	err = refused(t, connect.CodeFailedPrecondition, c.DeleteTarget, &calloutv1.DeleteTargetRequest{Name: "hook", Force: true, Waiting: drain})
	require.ErrorContains(t, err, "3 events wait for it: it is paused, so they cannot be delivered: resume it first, or make dead letters of them (discard)")
	awaitDead(t, c, 0)
}

// TestDiscardAnOrderedLine: everything that waits becomes a dead letter, in its
// order, before the answer; the line is gone then.
func TestDiscardAnOrderedLine(t *testing.T) {
	t.Parallel()
	o := newObedient(t, 503)
	n, c := runFor(t, o, whatWaits)
	bodies := publish(t, n, "", "user.renamed", "user.moved", "user.added", "user.left")
	awaitState(t, c, "user.*/hook", "retrying")
	awaitState(t, c, "user.added/hook", "retrying")
	gone := ask(t, c.DeleteTarget, &calloutv1.DeleteTargetRequest{Name: "hook", Force: true, Waiting: discard})
	require.EqualValues(t, 4, gone.GetDiscarded())
	found := ask(t, c.ListDeadLetters, &calloutv1.ListDeadLettersRequest{Filter: &calloutv1.DeadLetterFilter{Target: "hook"}}).GetDeadLetters()
	require.Len(t, found, 4)
	of := map[string][]string{}
	for _, d := range found {
		require.Equal(t, []any{"discarded", "event", "hook"}, []any{d.GetReason(), strings.ToLower(strings.TrimPrefix(d.GetPhase().String(), "PHASE_")), d.GetTarget()})
		of[d.GetCondition()] = append(of[d.GetCondition()], fmt.Sprintf("%s %d", d.GetEventType(), d.GetAttempts()))
	}
	require.Equal(t, map[string][]string{"user.*": {"user.renamed 1", "user.moved 0", "user.left 0"}, "user.added": {"user.added 1"}}, of,
		"the event that a better match has is not among those of the group")
	one := ask(t, c.GetDeadLetter, &calloutv1.GetDeadLetterRequest{DeliveryId: found[len(found)-1].GetDeliveryId()}).GetDeadLetter()
	require.Contains(t, bodies, string(one.GetBody()))
	require.NotContains(t, strings.Join(lines(t, c), " "), "/hook")
	_ = refused(t, connect.CodeNotFound, c.GetExecution, &calloutv1.GetExecutionRequest{Phase: calloutv1.Phase_PHASE_EVENT, Condition: "user.*"})
	exec := ask(t, c.GetExecution, &calloutv1.GetExecutionRequest{Phase: calloutv1.Phase_PHASE_EVENT, Condition: "user.added"}).GetExecution()
	require.Len(t, exec.GetTargets(), 1, "others of its execution stay")
	before := len(o.seen())
	o.status.Store(200)
	publish(t, n, "", "user.added", "user.moved")
	for _, a := range o.await(t, before+1)[before:] {
		require.Equal(t, "/other", a.path)
	}
}

// TestDiscardUnorderedLines: of what keeps no order only what is not delivered
// yet is discarded.
func TestDiscardUnorderedLines(t *testing.T) {
	t.Parallel()
	o := newObedient(t, 503)
	n, c := runFor(t, o, whatWaits)
	publish(t, n, "", "order.placed")
	o.await(t, 1)
	o.status.Store(200)
	publish(t, n, "", slices.Repeat([]string{"order.placed"}, 40)...) // they overtake the first
	call(t, n, "/s.S/M")
	o.await(t, 42)
	require.Eventually(t, func() bool { return line(t, c, "order.placed/later").GetInWork() == 1 }, bound, lookEvery)
	o.status.Store(503)
	publish(t, n, "", slices.Repeat([]string{"order.placed"}, buslines.UnorderedMost+43)...) // more than are handed out at once
	for range 3 {
		call(t, n, "/s.S/M")
	}
	require.Eventually(t, func() bool {
		s := line(t, c, "order.placed/later")
		return s.GetInWork() == buslines.UnorderedMost && s.GetWaiting() == 44
	}, bound, lookEvery)
	require.Eventually(t, func() bool { return line(t, c, "async/later").GetInWork() == 3 }, bound, lookEvery)
	gone := ask(t, c.DeleteTarget, &calloutv1.DeleteTargetRequest{Name: "later", Force: true, Waiting: discard})
	require.EqualValues(t, buslines.UnorderedMost+44+3, gone.GetDiscarded())
	page := ask(t, c.ListDeadLetters, &calloutv1.ListDeadLettersRequest{Limit: 1000})
	found := page.GetDeadLetters()
	found = append(found, ask(t, c.ListDeadLetters, &calloutv1.ListDeadLettersRequest{Limit: 1000, PageToken: page.GetNextPageToken()}).GetDeadLetters()...)
	require.Len(t, found, buslines.UnorderedMost+44+3)
	phases, ids := map[calloutv1.Phase]int{}, map[string]bool{}
	var last uint64
	for _, d := range found {
		phases[d.GetPhase()]++
		ids[d.GetDeliveryId()] = true
		if d.GetPhase() == calloutv1.Phase_PHASE_EVENT {
			require.Greater(t, d.GetSequence(), last)
			last = d.GetSequence()
		}
	}
	require.Equal(t, map[calloutv1.Phase]int{calloutv1.Phase_PHASE_EVENT: buslines.UnorderedMost + 44, calloutv1.Phase_PHASE_REQUEST: 3}, phases)
	for i, a := range o.seen() {
		delivered := 1 <= i && i <= 41
		require.Equal(t, !delivered, ids[a.id], "%d: what was delivered is not discarded, and a delivery id stays", i)
	}

	// It can be there again at once, and what was discarded does not come back.
	o.status.Store(200)
	before := len(o.seen())
	ask(t, c.CreateTarget, &calloutv1.CreateTargetRequest{Target: &calloutv1.Target{Name: "later", Type: "async", Url: o.URL + "/again"}})
	ask(t, c.SetExecution, &calloutv1.SetExecutionRequest{Execution: &calloutv1.Execution{Phase: calloutv1.Phase_PHASE_REQUEST, Condition: "/s.S/M", Targets: entries("later")}})
	call(t, n, "/s.S/M")
	require.Equal(t, "/again", o.await(t, before+1)[before].path)
	require.Len(t, o.seen(), before+1)
}

// TestDiscardWaitsForWhatIsInHand: a delivery under way may end, and is then no
// dead letter.
func TestDiscardWaitsForWhatIsInHand(t *testing.T) {
	t.Parallel()
	o := newObedient(t, hold)
	n, c := runFor(t, o, whatWaits)
	publish(t, n, "", "user.moved", "user.left")
	o.await(t, 1)
	done := make(chan uint64, 1)
	go func() {
		answer, err := c.DeleteExecution(within(t), connect.NewRequest(&calloutv1.DeleteExecutionRequest{Phase: calloutv1.Phase_PHASE_EVENT, Name: "user.*", Waiting: discard}))
		if err != nil {
			t.Error(err)
		}
		done <- answer.Msg.GetDiscarded()
	}()
	require.Eventually(t, func() bool { return slices.Contains(lines(t, c), "user.*/hook paused") }, bound, lookEvery/5)
	o.status.Store(200)
	close(o.let)
	require.EqualValues(t, 1, <-done)
	found := awaitDead(t, c, 1)
	require.Equal(t, "user.left", found[0].GetEventType())
	require.Len(t, o.seen(), 1)
}
