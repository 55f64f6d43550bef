package calls_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/calls"
	"github.com/callout-hq/callout/pkg/wire"
)

var question = calls.CallRequest{Phase: action.Request, Name: "/a.b.S/M", Body: []byte(`{}`), Timeout: 5 * time.Second, MinRevision: 7, Traceparent: "00-x"}

// says is an answer that holds a text, which heard takes out.
func says(text string) []byte {
	return wire.EncodeReply(action.Function, action.Result{Outcome: action.Continue, Object: fmt.Appendf(nil, `{"said":%q}`, text)})
}

func heard(t *testing.T, a calls.Answer) string {
	t.Helper()
	if a.Raw == nil {
		return ""
	}
	var object struct{ Said string }
	require.NoError(t, json.Unmarshal(a.Object, &object))
	require.Equal(t, string(says(object.Said)), string(a.Raw))
	return object.Said
}

// served is a worker that serves until the test ends.
func served(t *testing.T, b *bus.Bus, most calls.Bounds, handle func(context.Context, *calls.IncomingCall)) *calls.CallServer {
	t.Helper()
	server, err := calls.Serve(b, most, handle)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop(bustest.Within(t, 20*time.Second))) })
	return server
}

// doors are those of both instances, on a connection of a core.
func doors(t *testing.T, s *bustest.Server) (all [2]calls.Calls) {
	t.Helper()
	b := s.Connect(t, bus.Options{})
	for n, id := range bustest.IDs {
		all[n] = calls.Of(b.Instance(id))
	}
	return all
}

func TestCallReachesOneWorkerWithItsTime(t *testing.T) {
	s := bustest.Start(t)
	got := make(chan *calls.IncomingCall, 10)
	for range 3 {
		served(t, s.Connect(t, bus.Options{}), calls.Bounds{}, func(_ context.Context, c *calls.IncomingCall) {
			got <- c
			_ = c.Reply(says("yes"))
		})
	}
	for _, i := range doors(t, s) {
		answer, err := i.Call(bustest.Within(t, 10*time.Second), question)
		require.NoError(t, err)
		require.Equal(t, "yes", heard(t, answer))
		c := <-got
		require.Equal(t, []any{i.ID, action.Request, "/a.b.S/M", "{}", uint64(7), "00-x"},
			[]any{c.Instance, c.Phase, c.Name, string(c.Body), c.MinRevision, c.Traceparent})
		require.InDelta(t, 5, time.Until(c.Deadline).Seconds(), 3)
		require.Empty(t, got, "one worker only")
	}
}

// TestCallsOfTwoInstances has calls of the same name in hand at one worker. Each
// gets its own answer, and who cancels one ends that one.
func TestCallsOfTwoInstances(t *testing.T) {
	s := bustest.Start(t)
	entered, release := make(chan string, 10), make(chan struct{})
	ended := make(chan string, 10)
	served(t, s.Connect(t, bus.Options{}), calls.Bounds{}, func(ctx context.Context, c *calls.IncomingCall) {
		entered <- c.Instance
		select {
		case <-release:
			_ = c.Reply(says(c.Instance))
		case <-ctx.Done():
			ended <- c.Instance
		}
	})
	pair := doors(t, s)
	type result struct {
		instance string
		answer   json.RawMessage
		err      error
	}
	results := make(chan result, 10)
	call := func(ctx context.Context, i calls.Calls) {
		answer, err := i.Call(ctx, question)
		results <- result{i.ID, answer.Object, err}
	}
	cancelled, cancel := context.WithCancel(t.Context())
	go call(cancelled, pair[0])
	require.Equal(t, pair[0].ID, <-entered)
	go call(t.Context(), pair[1])
	require.Equal(t, pair[1].ID, <-entered)
	go call(t.Context(), pair[0])
	require.Equal(t, pair[0].ID, <-entered)
	cancel()
	gone := <-results
	require.Equal(t, pair[0].ID, gone.instance)
	bustest.Code(t, action.CodeCancelled, gone.err)
	require.Equal(t, pair[0].ID, <-ended)
	close(release)
	for range 2 {
		r := <-results
		require.NoError(t, r.err)
		require.JSONEq(t, `{"said":"`+r.instance+`"}`, string(r.answer))
	}
	require.Empty(t, ended)
}

func TestNobodyThereIsKnownAtOnce(t *testing.T) {
	for _, i := range doors(t, bustest.Start(t)) {
		q := question
		q.Timeout = time.Minute
		_, err := i.Call(bustest.Within(t, 20*time.Second), q)
		bustest.Code(t, action.CodeUnavailable, err)
	}
}

func TestCallEndsByItsDeadline(t *testing.T) {
	s := bustest.Start(t)
	release := make(chan struct{})
	served(t, s.Connect(t, bus.Options{}), calls.Bounds{}, func(context.Context, *calls.IncomingCall) { <-release })
	defer close(release)
	for _, i := range doors(t, s) {
		q := question
		q.Timeout = 50 * time.Millisecond
		_, err := i.Call(bustest.Within(t, 10*time.Second), q)
		bustest.Code(t, action.CodeDeadline, err)

		q.Timeout = 0
		_, err = i.Call(bustest.Within(t, 10*time.Second), q)
		bustest.Code(t, action.CodeDeadline, err)

		short, end := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err = i.Call(short, question)
		end()
		bustest.Code(t, action.CodeDeadline, err)

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = i.Call(ctx, question)
		bustest.Code(t, action.CodeCancelled, err)
	}
}

func TestCallsThatNeverLeave(t *testing.T) {
	s := bustest.Start(t)
	for _, i := range doors(t, s) {
		q := question
		q.Body = []byte(strings.Repeat("x", i.MaxBody()+1))
		_, err := i.Call(bustest.Within(t, 10*time.Second), q)
		bustest.Code(t, action.CodeTooLarge, err)
		q = question
		q.Name = "no method"
		_, err = i.Call(bustest.Within(t, 10*time.Second), q)
		bustest.Code(t, action.CodeBadField, err)
	}
}

// TestCallOnABrokenConnection: whether a worker ran it cannot be known, so its
// caller is told at once and not by its deadline.
func TestCallOnABrokenConnection(t *testing.T) {
	s := bustest.Start(t)
	entered, release := make(chan struct{}, 2), make(chan struct{})
	served(t, s.Connect(t, bus.Options{}), calls.Bounds{}, func(_ context.Context, c *calls.IncomingCall) {
		entered <- struct{}{}
		<-release
		_ = c.Reply(says("1"))
	})
	defer close(release)
	p := s.Proxy(t)
	b := s.Connect(t, bus.Options{URL: p.URL()})
	answered := make(chan error, 2)
	for _, id := range bustest.IDs {
		go func() {
			q := question
			q.Timeout = time.Minute
			_, err := calls.Of(b.Instance(id)).Call(bustest.Within(t, 30*time.Second), q)
			answered <- err
		}()
		<-entered
	}
	p.Cut()
	for range bustest.IDs {
		bustest.Code(t, action.CodeUnavailable, <-answered)
	}
}

// TestLateAnswerReachesNobody: what comes after a call has ended is not taken
// for the answer to the next one, though both wait in the same place.
func TestLateAnswerReachesNobody(t *testing.T) {
	s := bustest.Start(t)
	late := make(chan *calls.IncomingCall, 2)
	served(t, s.Connect(t, bus.Options{}), calls.Bounds{}, func(_ context.Context, c *calls.IncomingCall) {
		if string(c.Body) == `{"late":true}` {
			late <- c
			return
		}
		for range bustest.IDs {
			first := <-late
			_ = first.Reply(says("of the first"))
		}
		_ = c.Reply(says("of the second " + c.Instance))
	})
	pair := doors(t, s)
	for round := range 50 {
		for _, i := range pair {
			q := question
			q.Body, q.Timeout = []byte(`{"late":true}`), 5*time.Millisecond
			_, err := i.Call(bustest.Within(t, 10*time.Second), q)
			bustest.Code(t, action.CodeDeadline, err)
		}
		i := pair[round%2]
		q := question
		q.Timeout = time.Minute // the late ones may still be on their way
		answer, err := i.Call(bustest.Within(t, 30*time.Second), q)
		require.NoError(t, err)
		require.Equal(t, "of the second "+i.ID, heard(t, answer))
	}
}
