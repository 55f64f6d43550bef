package bus_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/wire"
)

var question = bus.CallRequest{Instance: "größe", Phase: action.Request, Name: "/a.b.S/M", Body: []byte(`{}`), Timeout: 2 * time.Second, MinRevision: 7, Traceparent: "00-x"}

func TestCallReachesOneWorkerWithItsTime(t *testing.T) {
	s, b := start(t, bus.Options{})
	got := make(chan *bus.IncomingCall, 10)
	for range 3 {
		server, err := connect(t, s, bus.Options{}).ServeCalls(4, func(_ context.Context, c *bus.IncomingCall) {
			got <- c
			_ = c.Reply([]byte(`"yes"`))
		})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, server.Stop(within(t, 5*time.Second))) })
	}
	answer, err := b.Call(within(t, 5*time.Second), question)
	require.NoError(t, err)
	require.Equal(t, `"yes"`, string(answer))
	c := <-got
	require.Equal(t, []any{"größe", action.Request, "/a.b.S/M", "{}", uint64(7), "00-x"},
		[]any{c.Instance, c.Phase, c.Name, string(c.Body), c.MinRevision, c.Traceparent})
	require.InDelta(t, 2, time.Until(c.Deadline).Seconds(), 0.5)
	require.Empty(t, got, "one worker only")
}

func TestNobodyThereIsKnownAtOnce(t *testing.T) {
	_, b := start(t, bus.Options{})
	began := time.Now()
	_, err := b.Call(within(t, 5*time.Second), question)
	code(t, action.CodeUnavailable, err)
	require.Less(t, time.Since(began), time.Second)
}

func TestCallEndsByItsDeadline(t *testing.T) {
	_, b := start(t, bus.Options{})
	release := make(chan struct{})
	server, err := b.ServeCalls(4, func(context.Context, *bus.IncomingCall) { <-release })
	require.NoError(t, err)
	t.Cleanup(func() { close(release); require.NoError(t, server.Stop(within(t, 5*time.Second))) })
	q := question
	q.Timeout = 50 * time.Millisecond
	_, err = b.Call(within(t, 5*time.Second), q)
	code(t, action.CodeDeadline, err)

	q.Timeout = 0
	_, err = b.Call(within(t, 5*time.Second), q)
	code(t, action.CodeDeadline, err)

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = b.Call(ctx, question)
	code(t, action.CodeCancelled, err)
}

func TestBadCallsAreRefusedWithAStatus(t *testing.T) {
	s, b := start(t, bus.Options{})
	server, err := b.ServeCalls(4, func(_ context.Context, c *bus.IncomingCall) {
		err := c.Reply(bytes.Repeat([]byte{'x'}, b.MaxBody()+1))
		code(t, action.CodeTooLarge, err)
		_ = c.Reply([]byte(`"smaller"`))
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop(within(t, 5*time.Second))) })
	nc, err := nats.Connect(s.URL())
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	for subject, header := range map[string][2]string{
		"callout.call.default.request.M":        {},
		"callout.call.default.request.s=2.M":    {},
		"callout.call.default.event.user.added": {},
		"callout.call.def=61ult.request.a.S.M":  {}, // 'a' has a spelling of its own
		"callout.call.default.function.a.b":     {},
		"callout.call.default.request.a.S.M":    {wire.HeaderTimeout, "soon"},
		"callout.call.default.request.a.S.N":    {wire.HeaderTimeout, "11m"},
		"callout.call.default.request.a.S.O":    {wire.HeaderTimeout, "-1s"},
		"callout.call.default.function.a":       {wire.HeaderMinRevision, "x"},
	} {
		m := nats.NewMsg(subject)
		if header[0] != "" {
			m.Header.Set(header[0], header[1])
		}
		answer, err := nc.RequestMsg(m, 2*time.Second)
		require.NoError(t, err, subject)
		require.Contains(t, []string{"400", "504"}, answer.Header.Get(wire.HeaderStatus), subject)
		_, err = wire.DecodeReply(answer.Data)
		require.NotEmpty(t, action.CodeOf(err), subject)
	}
	answer, err := nc.Request("callout.call.default.request.a.S.M", nil, 2*time.Second)
	require.NoError(t, err)
	require.Equal(t, `"smaller"`, string(answer.Data))
}

func TestStopAnswersWhatIsInHand(t *testing.T) {
	_, b := start(t, bus.Options{})
	entered, release := make(chan struct{}, 100), make(chan struct{})
	server, err := b.ServeCalls(4, func(_ context.Context, c *bus.IncomingCall) {
		entered <- struct{}{}
		<-release
		_ = c.Reply([]byte(`1`))
	})
	require.NoError(t, err)
	answered := make(chan error, 1)
	go func() {
		_, err := b.Call(context.Background(), question)
		answered <- err
	}()
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- server.Stop(within(t, 5*time.Second)) }()
	require.Eventually(t, func() bool {
		q := question
		q.Timeout = 20 * time.Millisecond // until the server has heard of it
		_, err := b.Call(within(t, time.Second), q)
		return action.CodeOf(err) == action.CodeUnavailable
	}, 5*time.Second, time.Millisecond, "takes nothing new")
	close(release)
	require.NoError(t, <-answered)
	require.NoError(t, <-stopped)
}

func TestTooSmallAServerIsRefusedWithBothNumbers(t *testing.T) {
	s, _ := start(t, bus.Options{})
	_, err := bus.Connect(within(t, 5*time.Second), bus.Options{URL: s.URL(), MaxObject: 8 << 20})
	require.ErrorContains(t, err, "max_payload is 2228224 bytes, objects of 8388608 bytes")
	_, err = bus.Connect(within(t, 5*time.Second), bus.Options{URL: s.URL(), AckWait: time.Millisecond})
	require.ErrorContains(t, err, "at least 500ms")
	var away *bus.Unreachable
	_, err = bus.Connect(within(t, 5*time.Second), bus.Options{URL: "nats://127.0.0.1:1"})
	require.ErrorAs(t, err, &away)
}

// TestCancelledCallEndsAtTheWorker has two workers; the one that holds the call
// learns that its caller has gone.
func TestCancelledCallEndsAtTheWorker(t *testing.T) {
	s, b := start(t, bus.Options{})
	entered, ended := make(chan struct{}), make(chan error, 1)
	for range 2 {
		server, err := connect(t, s, bus.Options{}).ServeCalls(4, func(ctx context.Context, _ *bus.IncomingCall) {
			close(entered)
			<-ctx.Done()
			ended <- ctx.Err()
		})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, server.Stop(within(t, 5*time.Second))) })
	}
	ctx, cancel := context.WithCancel(context.Background())
	answered := make(chan error, 1)
	q := question
	q.Timeout = time.Minute
	go func() { _, err := b.Call(ctx, q); answered <- err }()
	<-entered
	cancel()
	code(t, action.CodeCancelled, <-answered)
	require.ErrorIs(t, <-ended, context.Canceled)
}

// TestQueueingCountsAgainstTheDeadline has one goroutine, which the first call
// takes for longer than the second has.
func TestQueueingCountsAgainstTheDeadline(t *testing.T) {
	s, b := start(t, bus.Options{})
	release, served := make(chan struct{}), make(chan string, 10)
	server, err := b.ServeCalls(1, func(_ context.Context, c *bus.IncomingCall) {
		served <- c.Name
		<-release
		_ = c.Reply([]byte(`1`))
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop(within(t, 5*time.Second))) })
	other := connect(t, s, bus.Options{})
	first := make(chan error, 1)
	go func() { _, err := other.Call(context.Background(), question); first <- err }()
	<-served
	q := question
	q.Name, q.Timeout = "/a.b.S/Late", 50*time.Millisecond
	_, err = other.Call(within(t, 5*time.Second), q)
	code(t, action.CodeDeadline, err)
	close(release)
	require.NoError(t, <-first)
	q.Name, q.Timeout = "/a.b.S/Next", 5*time.Second
	_, err = other.Call(within(t, 5*time.Second), q)
	require.NoError(t, err)
	require.Equal(t, "/a.b.S/Next", <-served, "the late one reached no target")
}

// TestLateAnswerReachesNobody: what comes after a call has ended is not taken
// for the answer to the next one, though both wait in the same place.
func TestLateAnswerReachesNobody(t *testing.T) {
	s, b := start(t, bus.Options{})
	late := make(chan *bus.IncomingCall, 1)
	server, err := connect(t, s, bus.Options{}).ServeCalls(4, func(_ context.Context, c *bus.IncomingCall) {
		if string(c.Body) == `{"late":true}` {
			late <- c
			return
		}
		first := <-late
		_ = first.Reply([]byte(`"of the first"`))
		_ = c.Reply([]byte(`"of the second"`))
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop(within(t, 5*time.Second))) })
	for range 50 {
		q := question
		q.Body, q.Timeout = []byte(`{"late":true}`), 5*time.Millisecond
		_, err := b.Call(within(t, 5*time.Second), q)
		code(t, action.CodeDeadline, err)
		answer, err := b.Call(within(t, 5*time.Second), question)
		require.NoError(t, err)
		require.Equal(t, `"of the second"`, string(answer))
	}
}
