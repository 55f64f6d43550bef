package manage_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/callout-hq/callout/pkg/manage"
	"github.com/callout-hq/callout/pkg/node"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

// tail begins to look at events, and tells from which sequence on.
func tail(t *testing.T, c calloutv1connect.ActionServiceClient, req *calloutv1.TailEventsRequest) (stream *connect.ServerStreamForClient[calloutv1.TailEventsResponse], from uint64, leave func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(within(t))
	stream, err := c.TailEvents(ctx, connect.NewRequest(req))
	require.NoError(t, err)
	leave = func() {
		cancel()
		_ = stream.Close() // it ends by its context
	}
	t.Cleanup(leave)
	require.True(t, stream.Receive(), stream.Err())
	begun := stream.Msg().GetBegun()
	require.NotNil(t, begun)
	return stream, begun.GetFromSequence(), leave
}

// shown reads the next events.
func shown(t *testing.T, stream *connect.ServerStreamForClient[calloutv1.TailEventsResponse], n int) (events []*calloutv1.StoredEvent) {
	t.Helper()
	for range n {
		require.True(t, stream.Receive(), stream.Err())
		require.NotNil(t, stream.Msg().GetEvent())
		events = append(events, stream.Msg().GetEvent())
	}
	return events
}

func types(events []*calloutv1.StoredEvent) (out []string) {
	for _, e := range events {
		out = append(out, e.GetOrg()+":"+e.GetType())
	}
	return out
}

// TestTail by every way of speaking to the service: what is stored from the
// moment it has begun, whole and in order.
func TestTail(t *testing.T) {
	t.Parallel()
	for _, w := range wires {
		t.Run(w.name, func(t *testing.T) {
			n := run(t, "", nil)
			c := client(t, n.HTTPURL(), w)
			publish(t, n, "acme", "too.early")
			stream, from, _ := tail(t, c, &calloutv1.TailEventsRequest{})
			bodies := publish(t, n, "acme", "user.added", "order.placed")
			got := shown(t, stream, 2)
			require.Equal(t, []string{"acme:user.added", "acme:order.placed"}, types(got))
			require.Equal(t, []uint64{from, from + 1}, []uint64{got[0].GetSequence(), got[1].GetSequence()})
			require.Equal(t, bodies, []string{string(got[0].GetBody()), string(got[1].GetBody())}, "byte for byte")
			require.Equal(t, []string{"u0", "u1"}, []string{got[0].GetAggregateId(), got[1].GetAggregateId()})
			require.WithinDuration(t, time.Now(), got[0].GetStoredAt().AsTime(), bound)
			require.Regexp(t, `^callout\.event\.default\.\d+\.\d+\.\d+\.acme\.user\.added$`, got[0].GetSubject())
			require.Less(t, got[0].GetPartition(), uint32(64))
		})
	}
}

// TestAStreamOutlivesItsRequest: the time in which a request must have come is no
// bound to the answer. What it waits for is that time itself, so it sleeps.
func TestAStreamOutlivesItsRequest(t *testing.T) {
	t.Parallel()
	for _, w := range wires {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			n := run(t, "", nil)
			stream, _, _ := tail(t, client(t, n.HTTPURL(), w), &calloutv1.TailEventsRequest{})
			time.Sleep(11 * time.Second) // a body has ten to begin
			publish(t, n, "acme", "user.added")
			require.Equal(t, []string{"acme:user.added"}, types(shown(t, stream, 1)))
		})
	}
}

func TestTailChooses(t *testing.T) {
	t.Parallel()
	n := run(t, "", nil)
	c := plain(t, n)
	// What a choice leaves out stands before the last that it takes.
	for _, org := range []string{"", "beta", "acme", ""} {
		publish(t, n, org, "usergrant.added", "user.human.added", "user.added")
	}
	publish(t, n, "acme", "user.added")
	all, _, _ := tail(t, c, &calloutv1.TailEventsRequest{FromSequence: 1})
	whole := shown(t, all, 13)
	users := slices.DeleteFunc(types(whole), func(s string) bool { return strings.HasSuffix(s, "usergrant.added") })
	for pattern, want := range map[[2]string][]string{
		{"", ""}:               types(whole),
		{"*", "acme"}:          {"acme:usergrant.added", "acme:user.human.added", "acme:user.added", "acme:user.added"},
		{"user.*", ""}:         users,
		{"user.*", "beta"}:     {"beta:user.human.added", "beta:user.added"},
		{"user.added", "acme"}: {"acme:user.added", "acme:user.added"},
		{"user.added", ""}:     {":user.added", "beta:user.added", "acme:user.added", ":user.added", "acme:user.added"},
	} {
		stream, from, leave := tail(t, c, &calloutv1.TailEventsRequest{Type: pattern[0], Org: pattern[1], FromSequence: 1})
		require.EqualValues(t, 1, from)
		require.Equal(t, want, types(shown(t, stream, len(want))), pattern)
		leave()
	}
	stream, _, _ := tail(t, c, &calloutv1.TailEventsRequest{FromSequence: whole[11].GetSequence()})
	require.Equal(t, types(whole[11:]), types(shown(t, stream, 2)))

	for field, req := range map[string]*calloutv1.TailEventsRequest{
		"type":          {Type: "user..added"},
		"org":           {Org: "a\nb"},
		"from_sequence": {FromSequence: 1000},
	} {
		requireDetail(t, &calloutv1.ErrorDetail{Code: "bad_field", Stage: map[bool]string{true: "store", false: "decode"}[field == "from_sequence"], Field: field}, tailError(t, c, req))
	}
	require.Equal(t, "unknown_instance", manage.Detail(tailError(t, c, &calloutv1.TailEventsRequest{Instance: "nobody"})).GetCode())
}

// tailError is the error that ends a stream before it shows anything.
func tailError(t *testing.T, c calloutv1connect.ActionServiceClient, req *calloutv1.TailEventsRequest) error {
	t.Helper()
	stream, err := c.TailEvents(within(t), connect.NewRequest(req))
	require.NoError(t, err)
	require.False(t, stream.Receive())
	require.NoError(t, stream.Close())
	return stream.Err()
}

// TestTailIsBounded: a place is free again as soon as its client has gone.
func TestTailIsBounded(t *testing.T) {
	t.Parallel()
	n := run(t, "", nil)
	c := plain(t, n)
	var leave func()
	for range 128 {
		_, _, leave = tail(t, c, &calloutv1.TailEventsRequest{})
	}
	err := tailError(t, c, &calloutv1.TailEventsRequest{})
	require.ErrorContains(t, err, "events are shown to as many clients as they may be at this address")
	require.Equal(t, connect.CodeResourceExhausted, connect.CodeOf(err))
	leave()
	require.Eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(within(t), bound)
		defer cancel()
		stream, err := c.TailEvents(ctx, connect.NewRequest(&calloutv1.TailEventsRequest{}))
		if err != nil {
			return false
		}
		begun := stream.Receive()
		cancel()
		_ = stream.Close() // it ends by its context
		return begun
	}, bound, lookEvery)
}

// TestTailEndsWithTheDispatcher, which does not wait for it.
func TestTailEndsWithTheDispatcher(t *testing.T) {
	t.Parallel()
	n, err := node.Start(within(t), options(t, func(*node.Options) {}))
	require.NoError(t, err)
	stream, _, _ := tail(t, plain(t, n), &calloutv1.TailEventsRequest{})
	began := time.Now()
	require.NoError(t, n.Close(within(t)))
	require.Less(t, time.Since(began), bound/4)
	require.False(t, stream.Receive())
	requireDetail(t, &calloutv1.ErrorDetail{Code: "unavailable", Stage: "bus"}, stream.Err())
	require.ErrorContains(t, stream.Err(), "the dispatcher is stopping")
}

// TestTailShowsWhatIsNoEvent: anybody can publish over NATS what is no text and
// no JSON; it hides nothing.
func TestTailShowsWhatIsNoEvent(t *testing.T) {
	t.Parallel()
	n := run(t, "", nil)
	stream, _, _ := tail(t, plain(t, n), &calloutv1.TailEventsRequest{})
	nc, err := nats.Connect(n.NATSURL())
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	_, err = nc.Request("callout.event.default.acme.u1.user.\xff", []byte("\x00\xff"), bound)
	require.NoError(t, err)
	publish(t, n, "acme", "user.added")
	got := shown(t, stream, 2)
	require.Equal(t, []string{"user.\uFFFD", "user.added"}, []string{got[0].GetType(), got[1].GetType()})
	require.Equal(t, "\x00\xff", string(got[0].GetBody()))
	require.Empty(t, got[0].GetAggregateId())
}

func TestReplay(t *testing.T) {
	t.Parallel()
	o := newObedient(t, 200)
	n, c := runFor(t, o, "targets: {hook: {type: webhook, url: HOOKS/hook}}\nevents: {user.added: {targets: [{target: hook}]}}")
	stream, from, _ := tail(t, c, &calloutv1.TailEventsRequest{})
	publish(t, n, "", "user.added", "user.added", "user.changed", "user.added")
	events := shown(t, stream, 4)
	first := o.await(t, 3)
	answer := ask(t, c.ReplayEvents, &calloutv1.ReplayEventsRequest{Subscription: "user.added/hook",
		From: &calloutv1.ReplayEventsRequest_FromSequence{FromSequence: from + 1}})
	require.Contains(t, answer.GetLine(), "-replay-")
	again := o.await(t, 5)[3:]
	require.ElementsMatch(t, []string{first[1].id, first[2].id}, []string{again[0].id, again[1].id})
	require.Equal(t, []string{"", "true"}, []string{first[1].replay, again[0].replay})

	ask(t, c.ReplayEvents, &calloutv1.ReplayEventsRequest{Subscription: "user.added/hook",
		From: &calloutv1.ReplayEventsRequest_Since{Since: events[3].GetStoredAt()}})
	require.Equal(t, first[2].id, o.await(t, 6)[5].id)

	for name, req := range map[string]*calloutv1.ReplayEventsRequest{
		"from nowhere":    {Subscription: "user.added/hook"},
		"from no number":  {Subscription: "user.added/hook", From: &calloutv1.ReplayEventsRequest_FromSequence{}},
		"from the future": {Subscription: "user.added/hook", From: &calloutv1.ReplayEventsRequest_Since{Since: timestamppb.New(time.Now().Add(time.Hour))}},
		"of no events":    {Subscription: "redrive", From: &calloutv1.ReplayEventsRequest_FromSequence{FromSequence: 1}},
	} {
		require.Equal(t, "bad_field", manage.Detail(refused(t, connect.CodeInvalidArgument, c.ReplayEvents, req)).GetCode(), name)
	}
}
