package manage_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

// awaitDeliveries waits for so many that a filter chooses.
func awaitDeliveries(t *testing.T, c calloutv1connect.ActionServiceClient, f *calloutv1.DeliveryFilter, n int) []*calloutv1.Delivery {
	t.Helper()
	var all []*calloutv1.Delivery
	require.Eventually(t, func() bool {
		all = ask(t, c.ListDeliveries, &calloutv1.ListDeliveriesRequest{Filter: f}).GetDeliveries()
		return len(all) == n
	}, bound, lookEvery)
	return all
}

// failing is a target that says why it refuses the first so many requests.
func failing(t *testing.T, times int64) *httptest.Server {
	t.Helper()
	var came atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/b" || came.Add(1) > times {
			return
		}
		w.Header().Set("Set-Cookie", "a secret")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "come again")
	}))
	t.Cleanup(s.Close)
	return s
}

const retrying = `
targets: {a: {type: webhook, url: HOOKS/a, retry: {initial: 20ms, max: 20ms}}, b: {type: webhook, url: HOOKS/b}}
events: {user.added: {targets: [{target: a}, {target: b}]}}
`

// TestDeliveryWhole: an event that failed twice and arrived, over every wire.
func TestDeliveryWhole(t *testing.T) {
	t.Parallel()
	s := failing(t, 2)
	n := run(t, strings.ReplaceAll(retrying, "HOOKS", s.URL), nil)
	c := plain(t, n)
	publish(t, n, "acme", "user.added")
	arrived := awaitDeliveries(t, c, &calloutv1.DeliveryFilter{Target: "a", State: "delivered"}, 1)[0]
	require.Equal(t, []any{"delivered", uint32(3), "a", "acme", "", "u0", "user.added", uint32(200), calloutv1.Phase_PHASE_EVENT},
		[]any{arrived.GetState(), arrived.GetAttempts(), arrived.GetLast().GetTarget(), arrived.GetLast().GetOrg(), arrived.GetLast().GetExecutionOrg(),
			arrived.GetLast().GetAggregateId(), arrived.GetLast().GetName(), arrived.GetLast().GetStatus(), arrived.GetLast().GetPhase()})
	for _, w := range wires {
		got := ask(t, client(t, n.HTTPURL(), w).GetDelivery, &calloutv1.GetDeliveryRequest{DeliveryId: arrived.GetDeliveryId()})
		require.Len(t, got.GetAttempts(), 3, w.name)
		for k, a := range got.GetAttempts() {
			require.EqualValues(t, k+1, a.GetNumber())
			require.NotEmpty(t, a.GetWorker())
		}
		first := got.GetAttempts()[0]
		require.Equal(t, []any{"retry", uint32(503), "status", "answer", "come again", false},
			[]any{first.GetDecision(), first.GetStatus(), first.GetCode(), first.GetStage(), first.GetAnswer().GetBody(), first.GetAnswer().GetTruncated()})
		require.True(t, first.GetNextTime().AsTime().After(first.GetBeginTime().AsTime()))
		require.True(t, slices.ContainsFunc(first.GetAnswer().GetHeaders(), func(h *calloutv1.Header) bool { return h.GetName() == "Set-Cookie" && h.GetValue() == "***" }))
		require.Equal(t, arrived.GetFirstTime().AsTime(), first.GetBeginTime().AsTime())
		require.Nil(t, got.GetDeadLetter())
		require.Equal(t, []any{"delivered", "delivered", uint32(3)}, []any{got.GetAttempts()[2].GetDecision(), got.GetDelivery().GetState(), got.GetDelivery().GetAttempts()})
	}
	sequence := arrived.GetLast().GetSequence()
	require.Len(t, awaitDeliveries(t, c, &calloutv1.DeliveryFilter{EventSequence: sequence}, 2), 2, "to both targets")
	err := refused(t, connect.CodeNotFound, c.GetDelivery, &calloutv1.GetDeliveryRequest{DeliveryId: "nobody"})
	require.ErrorContains(t, err, `no attempt of a delivery "nobody" is kept`)
}

// TestDeliveryThatIsADeadLetter says so.
func TestDeliveryThatIsADeadLetter(t *testing.T) {
	t.Parallel()
	o := newObedient(t, 400)
	n, c := runFor(t, o, dying)
	publish(t, n, "", "user.added")
	letter := awaitDead(t, c, 1)[0]
	d := awaitDeliveries(t, c, &calloutv1.DeliveryFilter{State: "dead_letter"}, 1)[0]
	require.Equal(t, letter.GetDeliveryId(), d.GetDeliveryId())
	got := ask(t, c.GetDelivery, &calloutv1.GetDeliveryRequest{DeliveryId: d.GetDeliveryId()})
	require.Equal(t, []any{letter.GetReason(), letter.GetDeliveryId()}, []any{got.GetDeadLetter().GetReason(), got.GetDeadLetter().GetDeliveryId()})
	ask(t, c.DiscardDeadLetters, &calloutv1.DiscardDeadLettersRequest{All: true})
	got = ask(t, c.GetDelivery, &calloutv1.GetDeliveryRequest{DeliveryId: d.GetDeliveryId()})
	require.Nil(t, got.GetDeadLetter(), "it was one")
	require.Equal(t, "dead_letter", got.GetDelivery().GetState())
}

// TestPagesOfDeliveries have each once, whoever stores meanwhile.
func TestPagesOfDeliveries(t *testing.T) {
	t.Parallel()
	s := failing(t, 7)
	n := run(t, strings.ReplaceAll(retrying, "HOOKS", s.URL), nil)
	c := plain(t, n)
	const events = 5
	for range events {
		publish(t, n, "acme", "user.added")
	}
	awaitDeliveries(t, c, &calloutv1.DeliveryFilter{State: "delivered"}, 2*events)
	var ids []string
	question := &calloutv1.ListDeliveriesRequest{PageSize: 2}
	for pages := 0; ; pages++ {
		answer := ask(t, c.ListDeliveries, question)
		require.LessOrEqual(t, len(answer.GetDeliveries()), 2)
		for _, d := range answer.GetDeliveries() {
			require.Equal(t, "delivered", d.GetState())
			require.NotContains(t, ids, d.GetDeliveryId())
			ids = append(ids, d.GetDeliveryId())
		}
		if question.PageToken = answer.GetNextPageToken(); question.GetPageToken() == "" {
			break
		}
		publish(t, n, "acme", "user.added")
	}
	require.Len(t, ids, 2*events)
	token := ask(t, c.ListDeliveries, &calloutv1.ListDeliveriesRequest{PageSize: 1}).GetNextPageToken()
	err := refused(t, connect.CodeInvalidArgument, c.ListDeliveries, &calloutv1.ListDeliveriesRequest{PageToken: token, Filter: &calloutv1.DeliveryFilter{Target: "a"}})
	require.ErrorContains(t, err, "another filter")
}

// TestABadDeliveryFilter is refused with what there is.
func TestABadDeliveryFilter(t *testing.T) {
	t.Parallel()
	c := plain(t, run(t, "version: 1", nil))
	for want, q := range map[string]*calloutv1.ListDeliveriesRequest{
		`"lost" is no state of a delivery: there are delivered, waiting, dead_letter, paused, stopped, stored, continue, rejected, failed`: {Filter: &calloutv1.DeliveryFilter{State: "lost"}},
		"has no *":         {Filter: &calloutv1.DeliveryFilter{EventType: "user*"}},
		"it is before":     {Filter: &calloutv1.DeliveryFilter{Since: timestamppb.Now(), Until: timestamppb.New(time.Unix(1, 0))}},
		"between the":      {Filter: &calloutv1.DeliveryFilter{Since: &timestamppb.Timestamp{Seconds: 1 << 60}}},
		"control":          {Filter: &calloutv1.DeliveryFilter{Org: "a\nb"}},
		"page token":       {PageToken: "e30"},
		"page token is":    {PageToken: "!"},
		"at most 1000":     {PageSize: 1001},
		"no such instance": {Instance: "nobody"},
	} {
		_, err := c.ListDeliveries(within(t), connect.NewRequest(q))
		require.ErrorContains(t, err, want)
	}
	refused(t, connect.CodeInvalidArgument, c.GetDelivery, &calloutv1.GetDeliveryRequest{})
	refused(t, connect.CodeInvalidArgument, c.GetDelivery, &calloutv1.GetDeliveryRequest{DeliveryId: "a", PageToken: "x"})
}

// TestAStrangersEntries in the log never fail a list, and are counted.
func TestAStrangersEntries(t *testing.T) {
	t.Parallel()
	o := newObedient(t, 200)
	n, c := runFor(t, o, dying)
	publish(t, n, "", "user.added")
	awaitDeliveries(t, c, nil, 1)
	nc, err := nats.Connect(n.NATSURL())
	require.NoError(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	for k, body := range []string{"junk", `{"format":2}`, `{"delivery_id":"x","instance":"default","target":"a","decision":"delivered","began":"0000-01-01T00:00:00Z"}`, "\xff"} {
		_, err := js.Publish(within(t), fmt.Sprintf("callout.attempt.default.%d.a.=.event.user.added", k), []byte(body))
		require.NoError(t, err)
	}
	got := ask(t, c.ListDeliveries, &calloutv1.ListDeliveriesRequest{})
	require.Len(t, got.GetDeliveries(), 1)
	require.EqualValues(t, 4, got.GetUnreadable())
}
