package manage_test

import (
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/callout-hq/callout/pkg/manage"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

const waiting = `
targets:
  hook: {type: webhook, url: HOOKS/hook, retry: {initial: 1h, max: 1h}}
  wide: {type: webhook, url: HOOKS/wide, lanes: 4}
  later: {type: async, url: HOOKS/later}
requests: {/s.S/M: {targets: [{target: later}]}}
events: {user.added: {targets: [{target: hook}]}, "order.*": {targets: [{target: wide}]}, x.y: {targets: [{target: later}]}}
orgs: {acme: {events: {user.added: {targets: [{target: wide}]}}}}
`

func TestListSubscriptions(t *testing.T) {
	t.Parallel()
	o := newObedient(t, 503)
	n, c := runFor(t, o, waiting)
	var names []string
	for _, s := range ask(t, c.ListSubscriptions, &calloutv1.ListSubscriptionsRequest{}).GetSubscriptions() {
		names = append(names, s.GetName())
		require.Equal(t, s.GetName() == "order.*/wide", s.GetToScan(), s.GetName())
		require.Equal(t, "running", s.GetState())
	}
	require.Equal(t, []string{"acme:user.added/wide", "acme:user.added/wide", "acme:user.added/wide", "acme:user.added/wide",
		"async/later", "order.*/wide", "order.*/wide", "order.*/wide", "order.*/wide", "redrive", "user.added/hook", "x.y/later"}, names)

	publish(t, n, "beta", "user.added", "user.added", "user.added")
	s := awaitState(t, c, "user.added/hook", "retrying")
	want := &calloutv1.Subscription{Name: "user.added/hook", Condition: "user.added", Target: "hook", Lanes: 1, State: "retrying",
		Waiting: 2, InWork: 1, Attempts: 1, LastStatus: 503, LastError: "status"}
	for _, at := range []interface{ AsTime() time.Time }{s.GetOldest(), s.GetFailingSince(), s.GetLastFailed()} {
		require.WithinDuration(t, time.Now(), at.AsTime(), bound)
	}
	require.WithinDuration(t, time.Now().Add(time.Hour), s.GetNextTry().AsTime(), 15*time.Minute)
	require.Nil(t, s.GetLastAck())
	require.Nil(t, s.GetLastSuccess())
	require.Regexp(t, `^user-added-hook-[0-9a-f]{32}$`, s.GetLine())
	s.Oldest, s.FailingSince, s.LastFailed, s.NextTry, s.Line = nil, nil, nil, nil, ""
	require.True(t, proto.Equal(want, s), "%v", s)
}

func TestActsOnASubscription(t *testing.T) {
	t.Parallel()
	o := newObedient(t, 503)
	n, c := runFor(t, o, waiting)
	const hook = "user.added/hook"
	publish(t, n, "", "user.added", "user.added")
	awaitState(t, c, hook, "retrying")
	require.Equal(t, []uint32{0}, ask(t, c.RetrySubscription, &calloutv1.RetrySubscriptionRequest{Name: hook}).GetLanes())
	first := o.await(t, 2)
	require.Equal(t, []string{"1", "2", first[0].id}, []string{first[0].attempt, first[1].attempt, first[1].id})

	require.Eventually(t, func() bool { return line(t, c, hook).GetAttempts() == 2 }, bound, lookEvery)
	o.status.Store(200)
	require.Equal(t, []uint32{0}, ask(t, c.SkipSubscription, &calloutv1.SkipSubscriptionRequest{Name: hook, Lane: new(uint32)}).GetLanes())
	require.NotEqual(t, first[0].id, o.await(t, 3)[2].id)
	skipped := awaitDead(t, c, 1)[0]
	require.Equal(t, []any{first[0].id, "skipped", uint32(2)}, []any{skipped.GetDeliveryId(), skipped.GetReason(), skipped.GetAttempts()})

	awaitState(t, c, hook, "running")
	for range 2 {
		require.Equal(t, []uint32{0}, ask(t, c.PauseSubscription, &calloutv1.PauseSubscriptionRequest{Name: hook}).GetLanes())
	}
	require.WithinDuration(t, time.Now(), awaitState(t, c, hook, "paused").GetStoppedSince().AsTime(), bound)
	publish(t, n, "", "user.added", "x.y")
	require.Equal(t, "/later", o.await(t, 4)[3].path, "others go on")
	require.EqualValues(t, 1, line(t, c, hook).GetWaiting())
	for range 2 {
		require.Equal(t, []uint32{0}, ask(t, c.ResumeSubscription, &calloutv1.ResumeSubscriptionRequest{Name: hook}).GetLanes())
	}
	require.Equal(t, "/hook", o.await(t, 5)[4].path)
	require.Equal(t, []uint32{0, 1, 2, 3}, ask(t, c.PauseSubscription, &calloutv1.PauseSubscriptionRequest{Name: "order.*/wide"}).GetLanes())
	require.Equal(t, []uint32{2}, ask(t, c.ResumeSubscription, &calloutv1.ResumeSubscriptionRequest{Name: "order.*/wide", Lane: proto.Uint32(2)}).GetLanes())
	require.Eventually(t, func() bool {
		var states []string
		for _, s := range ask(t, c.ListSubscriptions, &calloutv1.ListSubscriptionsRequest{Name: "order.*/wide"}).GetSubscriptions() {
			states = append(states, s.GetState())
		}
		return len(states) == 4 && states[0] == "paused" && states[1] == "paused" && states[2] == "running" && states[3] == "paused"
	}, bound, lookEvery)
}

// TestSkipLeavesWhatRunsAlone: what is at the head of a line that runs is about
// to be delivered.
func TestSkipLeavesWhatRunsAlone(t *testing.T) {
	t.Parallel()
	o := newObedient(t, hold)
	n, c := runFor(t, o, waiting)
	skip := func(name string) error {
		return refused(t, connect.CodeNotFound, c.SkipSubscription, &calloutv1.SkipSubscriptionRequest{Name: name})
	}
	ask(t, c.PauseSubscription, &calloutv1.PauseSubscriptionRequest{Name: "user.added/hook"})
	_ = skip("user.added/hook") // it stands, but nothing waits
	ask(t, c.ResumeSubscription, &calloutv1.ResumeSubscriptionRequest{Name: "user.added/hook"})
	publish(t, n, "", "user.added", "user.added")
	o.await(t, 1)
	requireDetail(t, &calloutv1.ErrorDetail{Code: "not_found", Stage: "catalog", Field: "name"}, skip("user.added/hook"))
	awaitDead(t, c, 0)
	ask(t, c.PauseSubscription, &calloutv1.PauseSubscriptionRequest{Name: "user.added/hook"})
	o.status.Store(503)
	close(o.let)

	// Of four lanes the one that stands.
	publish(t, n, "acme", "user.added")
	var stands *calloutv1.Subscription
	require.Eventually(t, func() bool {
		for _, s := range ask(t, c.ListSubscriptions, &calloutv1.ListSubscriptionsRequest{Name: "acme:user.added/wide"}).GetSubscriptions() {
			if s.GetState() == "retrying" {
				stands = s
			}
		}
		return stands != nil
	}, bound, lookEvery)
	require.Equal(t, []uint32{stands.GetLane()}, ask(t, c.SkipSubscription, &calloutv1.SkipSubscriptionRequest{Name: "acme:user.added/wide"}).GetLanes())
	ask(t, c.SkipSubscription, &calloutv1.SkipSubscriptionRequest{Name: line(t, c, "user.added/hook").GetLine()})
	require.Len(t, awaitDead(t, c, 2), 2)
}

func TestUnknownSubscriptions(t *testing.T) {
	t.Parallel()
	_, c := runFor(t, newObedient(t, 200), waiting)
	for name, err := range map[string]error{
		"list":   refused(t, connect.CodeNotFound, c.ListSubscriptions, &calloutv1.ListSubscriptionsRequest{Name: "nobody"}),
		"pause":  refused(t, connect.CodeNotFound, c.PauseSubscription, &calloutv1.PauseSubscriptionRequest{Name: "nobody"}),
		"resume": refused(t, connect.CodeNotFound, c.ResumeSubscription, &calloutv1.ResumeSubscriptionRequest{Name: "nobody"}),
		"retry":  refused(t, connect.CodeNotFound, c.RetrySubscription, &calloutv1.RetrySubscriptionRequest{Name: "nobody"}),
		"skip":   refused(t, connect.CodeNotFound, c.SkipSubscription, &calloutv1.SkipSubscriptionRequest{Name: "nobody"}),
		"replay": refused(t, connect.CodeNotFound, c.ReplayEvents, &calloutv1.ReplayEventsRequest{Subscription: "nobody",
			From: &calloutv1.ReplayEventsRequest_FromSequence{FromSequence: 1}}),
	} {
		requireDetail(t, &calloutv1.ErrorDetail{Code: "not_found", Stage: "catalog", Field: "name"}, err)
		require.ErrorContains(t, err, `no subscription is named "nobody"; there are acme:user.added/wide, async/later, order.*/wide, redrive, user.added/hook, x.y/later`, name)
	}
	err := refused(t, connect.CodeNotFound, c.PauseSubscription, &calloutv1.PauseSubscriptionRequest{Name: "order.*/wide", Lane: proto.Uint32(4)})
	require.ErrorContains(t, err, `the subscription "order.*/wide" has the lanes 0 to 3, not 4`)
	err = refused(t, connect.CodeNotFound, c.ListSubscriptions, &calloutv1.ListSubscriptionsRequest{Instance: "nobody"})
	require.Equal(t, "unknown_instance", manage.Detail(err).GetCode())
}
