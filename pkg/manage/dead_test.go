package manage_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"

	"github.com/nats-io/nats.go"

	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

const dying = `
targets: {a: {type: webhook, url: HOOKS/a}, b: {type: webhook, url: HOOKS/b}}
events: {user.added: {targets: [{target: a}]}, "user.*": {targets: [{target: b}]}}
orgs: {acme: {events: {user.added: {targets: [{target: b}]}}}}
`

func ids(letters []*calloutv1.DeadLetter) (out []string) {
	for _, l := range letters {
		out = append(out, l.GetDeliveryId())
	}
	return out
}

func TestDeadLetterWhole(t *testing.T) {
	t.Parallel()
	o := newObedient(t, 400)
	n, c := runFor(t, o, dying)
	body := publish(t, n, "", "user.added")[0]
	listed := awaitDead(t, c, 1)[0]
	require.Equal(t, []any{"a", "user.added", "user.added", "status", uint32(400), uint32(1), calloutv1.Phase_PHASE_EVENT, uint32(len(body)), "", ""},
		[]any{listed.GetTarget(), listed.GetCondition(), listed.GetEventType(), listed.GetReason(), listed.GetLastStatus(), listed.GetAttempts(),
			listed.GetPhase(), listed.GetBodySize(), string(listed.GetBody()), listed.GetLastError()})
	require.WithinDuration(t, time.Now(), listed.GetDeadAt().AsTime(), bound)
	require.Equal(t, o.await(t, 1)[0].id, listed.GetDeliveryId())
	whole := ask(t, c.GetDeadLetter, &calloutv1.GetDeadLetterRequest{DeliveryId: listed.GetDeliveryId()}).GetDeadLetter()
	require.Equal(t, body, string(whole.GetBody()))
	require.NotEmpty(t, whole.GetLastError())
}

// TestDeadLetterFilters: each filter alone, and what it leaves out.
func TestDeadLetterFilters(t *testing.T) {
	t.Parallel()
	_, c := threeDead(t)
	all := awaitDead(t, c, 3)
	middle := all[1].GetDeadAt()
	for name, tt := range map[string]struct {
		filter *calloutv1.DeadLetterFilter
		limit  uint32
		want   []string
	}{
		"nothing":          {nil, 0, ids(all)},
		"ids":              {&calloutv1.DeadLetterFilter{DeliveryIds: []string{all[2].GetDeliveryId(), all[0].GetDeliveryId(), all[0].GetDeliveryId()}}, 0, []string{all[0].GetDeliveryId(), all[2].GetDeliveryId()}},
		"target":           {&calloutv1.DeadLetterFilter{Target: "a"}, 0, ids(all[:1])},
		"org":              {&calloutv1.DeadLetterFilter{Org: "acme"}, 0, ids(all[2:])},
		"reason":           {&calloutv1.DeadLetterFilter{Reason: "status"}, 0, ids(all)},
		"another reason":   {&calloutv1.DeadLetterFilter{Reason: "expired"}, 0, nil},
		"type":             {&calloutv1.DeadLetterFilter{EventType: "user.changed"}, 0, ids(all[1:2])},
		"group":            {&calloutv1.DeadLetterFilter{EventType: "user.*"}, 0, ids(all)},
		"another group":    {&calloutv1.DeadLetterFilter{EventType: "use.*"}, 0, nil},
		"since":            {&calloutv1.DeadLetterFilter{Since: middle}, 0, ids(all[1:])},
		"until":            {&calloutv1.DeadLetterFilter{Until: middle}, 0, ids(all[:1])},
		"all that is said": {&calloutv1.DeadLetterFilter{Target: "b", EventType: "user.added"}, 0, ids(all[2:])},
		"limit":            {nil, 2, ids(all[:2])},
		"limit of ids":     {&calloutv1.DeadLetterFilter{DeliveryIds: ids(all)}, 2, ids(all[:2])},
	} {
		got := ask(t, c.ListDeadLetters, &calloutv1.ListDeadLettersRequest{Filter: tt.filter, Limit: tt.limit})
		require.Equal(t, tt.want, ids(got.GetDeadLetters()), name)
	}
}

// threeDead has three dead letters: of target a, of b by a group, and of an
// organization's.
func threeDead(t *testing.T) (*obedient, calloutv1connect.ActionServiceClient) {
	t.Helper()
	o := newObedient(t, 400)
	n, c := runFor(t, o, dying)
	for i, one := range [][2]string{{"", "user.added"}, {"", "user.changed"}} {
		publish(t, n, one[0], one[1])
		awaitDead(t, c, i+1)
	}
	ask(t, c.PauseSubscription, &calloutv1.PauseSubscriptionRequest{Name: "user.added/a"}) // by the server, at once
	publish(t, n, "acme", "user.added")
	awaitDead(t, c, 3)
	return o, c
}

func TestDeadLettersInPages(t *testing.T) {
	t.Parallel()
	o, c := threeDead(t)
	all := ids(awaitDead(t, c, 3))
	var got []string
	for token := ""; ; {
		page := ask(t, c.ListDeadLetters, &calloutv1.ListDeadLettersRequest{Limit: 1, PageToken: token})
		got = append(got, ids(page.GetDeadLetters())...)
		if token = page.GetNextPageToken(); token == "" {
			break
		}
	}
	require.Equal(t, all, got)

	// Sent again in pages while the target still refuses: each once, though each
	// is a dead letter again.
	before := len(o.await(t, 3))
	first := ask(t, c.RedriveDeadLetters, &calloutv1.RedriveDeadLettersRequest{Filter: &calloutv1.DeadLetterFilter{Target: "b"}, Limit: 1})
	require.Equal(t, all[1:2], first.GetDeliveryIds())
	o.await(t, before+1)
	require.Equal(t, []string{all[0], all[2], all[1]}, ids(awaitDead(t, c, 3)), "it is the newest now")
	second := ask(t, c.RedriveDeadLetters, &calloutv1.RedriveDeadLettersRequest{Filter: &calloutv1.DeadLetterFilter{Target: "b"}, PageToken: first.GetNextPageToken()})
	require.Equal(t, all[2:], second.GetDeliveryIds())
	require.Empty(t, second.GetNextPageToken())
}

func TestRedriveAndDiscard(t *testing.T) {
	t.Parallel()
	o, c := threeDead(t)
	all := awaitDead(t, c, 3)
	before := o.await(t, 3)
	o.status.Store(200)
	err := refused(t, connect.CodeNotFound, c.RedriveDeadLetters, &calloutv1.RedriveDeadLettersRequest{
		Filter: &calloutv1.DeadLetterFilter{DeliveryIds: []string{"nobody", all[1].GetDeliveryId()}}})
	require.ErrorContains(t, err, `there is no dead letter "nobody"; 1 sent again`)
	again := o.await(t, 4)[3]
	i := slices.IndexFunc(before, func(a arrival) bool { return a.id == all[1].GetDeliveryId() })
	require.Equal(t, []string{before[i].id, before[i].body, before[i].path}, []string{again.id, again.body, again.path}, "byte for byte")

	require.Equal(t, ids(all[2:]), ask(t, c.DiscardDeadLetters, &calloutv1.DiscardDeadLettersRequest{Filter: &calloutv1.DeadLetterFilter{Org: "acme"}}).GetDeliveryIds())
	require.Empty(t, ask(t, c.DiscardDeadLetters, &calloutv1.DiscardDeadLettersRequest{Filter: &calloutv1.DeadLetterFilter{Target: "nobody"}}).GetDeliveryIds())
	require.Equal(t, ids(all[:1]), ids(awaitDead(t, c, 1)))
	require.Equal(t, ids(all[:1]), ask(t, c.DiscardDeadLetters, &calloutv1.DiscardDeadLettersRequest{All: true}).GetDeliveryIds())
	awaitDead(t, c, 0)
}

func TestDeadLetterRefusals(t *testing.T) {
	t.Parallel()
	_, c := threeDead(t)
	many := make([]string, 1001)
	for i := range many {
		many[i] = "x"
	}
	list := func(req *calloutv1.ListDeadLettersRequest) error {
		return refused(t, connect.CodeInvalidArgument, c.ListDeadLetters, req)
	}
	for field, err := range map[string]error{
		"filter":       refused(t, connect.CodeInvalidArgument, c.DiscardDeadLetters, &calloutv1.DiscardDeadLettersRequest{Limit: 1}),
		"all":          refused(t, connect.CodeInvalidArgument, c.RedriveDeadLetters, &calloutv1.RedriveDeadLettersRequest{All: true, Filter: &calloutv1.DeadLetterFilter{Target: "a"}}),
		"limit":        list(&calloutv1.ListDeadLettersRequest{Limit: 1001}),
		"page_token":   list(&calloutv1.ListDeadLettersRequest{PageToken: "1-2x"}),
		"delivery_ids": list(&calloutv1.ListDeadLettersRequest{Filter: &calloutv1.DeadLetterFilter{DeliveryIds: many}}),
		"delivery_id":  list(&calloutv1.ListDeadLettersRequest{Filter: &calloutv1.DeadLetterFilter{DeliveryIds: []string{strings.Repeat("x", 4<<10)}}}),
		"reason":       list(&calloutv1.ListDeadLettersRequest{Filter: &calloutv1.DeadLetterFilter{Reason: "tired"}}),
		"event_type":   list(&calloutv1.ListDeadLettersRequest{Filter: &calloutv1.DeadLetterFilter{EventType: "user..added"}}),
	} {
		requireDetail(t, &calloutv1.ErrorDetail{Code: "bad_field", Stage: "decode", Field: field}, err)
	}
	err := refused(t, connect.CodeNotFound, c.GetDeadLetter, &calloutv1.GetDeadLetterRequest{DeliveryId: "nobody"})
	requireDetail(t, &calloutv1.ErrorDetail{Code: "not_found", Stage: "store"}, err)
	require.Len(t, awaitDead(t, c, 3), 3, "nothing was done")
}

// TestAStrangersMessageAmongTheDeadLetters hides none of the others.
func TestAStrangersMessageAmongTheDeadLetters(t *testing.T) {
	t.Parallel()
	o := newObedient(t, 400)
	n, c := runFor(t, o, dying)
	nc, err := nats.Connect(n.NATSURL())
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	_, err = nc.Request("callout.dead.default.rubbish", []byte("rubbish"), bound)
	require.NoError(t, err)
	publish(t, n, "", "user.added")
	require.Len(t, awaitDead(t, c, 1), 1)
}
