package calls_test

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/calls"
	"github.com/callout-hq/callout/pkg/wire"
)

func TestBadCallsAreRefusedWithAStatus(t *testing.T) {
	s := bustest.Start(t)
	b := s.Connect(t, bus.Options{})
	served(t, b, calls.Bounds{}, func(_ context.Context, c *calls.IncomingCall) {
		bustest.Code(t, action.CodeTooLarge, c.Reply(bytes.Repeat([]byte{'x'}, b.MaxBody()+1)))
		_ = c.Reply([]byte(`"smaller"`))
	})
	nc := s.Plain(t)
	for _, id := range bustest.IDs {
		token := b.Instance(id).Token
		for subject, header := range map[string][2]string{
			token + ".request.M":                {},
			token + ".request.s=2.M":            {},
			token + ".event.user.added":         {},
			"def=61ult.request.a.S.M":           {}, // 'a' has a spelling of its own
			token + ".function.a.b":             {},
			token + ".request.a.S.M":            {wire.HeaderTimeout, "soon"},
			token + ".request.a.S.N":            {wire.HeaderTimeout, "11m"},
			token + ".request.a.S.O":            {wire.HeaderTimeout, "-1s"},
			token + ".function.a":               {wire.HeaderMinRevision, "x"},
			token + ".function.too_late_by_now": {wire.HeaderTimeout, "1n"},
		} {
			m := nats.NewMsg("callout.call." + subject)
			if header[0] != "" {
				m.Header.Set(header[0], header[1])
			}
			answer, err := nc.RequestMsg(m, 10*time.Second)
			require.NoError(t, err, subject)
			require.Contains(t, []string{"400", "504"}, answer.Header.Get(wire.HeaderStatus), subject)
			_, err = wire.DecodeReply(answer.Data)
			require.NotEmpty(t, action.CodeOf(err), subject)
		}
		answer, err := nc.Request("callout.call."+token+".request.a.S.M", nil, 10*time.Second)
		require.NoError(t, err)
		require.Equal(t, `"smaller"`, string(answer.Data))
	}
	require.NoError(t, nc.Publish("callout.call.default.request.a.S.M", nil), "who wants no answer is not served")
}

func TestStopAnswersWhatIsInHand(t *testing.T) {
	s := bustest.Start(t)
	entered, release := make(chan struct{}, 100), make(chan struct{})
	server, err := calls.Serve(s.Connect(t, bus.Options{}), calls.Bounds{}, func(_ context.Context, c *calls.IncomingCall) {
		entered <- struct{}{}
		<-release
		_ = c.Reply(says(c.Instance))
	})
	require.NoError(t, err)
	pair := doors(t, s)
	answered := make(chan error, 2)
	for _, i := range pair {
		go func() {
			q := question
			q.Timeout = time.Minute
			answer, err := i.Call(context.Background(), q)
			if err == nil && string(answer.Raw) != string(says(i.ID)) {
				err = fmt.Errorf("%s got the answer %s", i.ID, answer.Raw)
			}
			answered <- err
		}()
		<-entered
	}
	stopped := make(chan error, 2)
	for range 2 { // twice at once is as good as once
		go func() { stopped <- server.Stop(bustest.Within(t, 30*time.Second)) }()
	}
	for _, i := range pair {
		require.Eventually(t, func() bool {
			q := question
			q.Timeout = 20 * time.Millisecond // until the server has heard of it
			_, err := i.Call(bustest.Within(t, 10*time.Second), q)
			return action.CodeOf(err) == action.CodeUnavailable
		}, time.Minute, time.Millisecond, "takes nothing new")
	}
	require.Empty(t, stopped, "calls are in hand")
	close(release)
	for range 2 {
		require.NoError(t, <-answered)
		require.NoError(t, <-stopped)
	}
	require.NoError(t, server.Stop(bustest.Within(t, time.Second)), "once more is fine")
}

// TestStopsTimeIsOver: what is still in hand then is aborted, and Stop says that
// it was not enough.
func TestStopsTimeIsOver(t *testing.T) {
	s := bustest.Start(t)
	entered, ended := make(chan struct{}, 2), make(chan error, 2)
	server, err := calls.Serve(s.Connect(t, bus.Options{}), calls.Bounds{}, func(ctx context.Context, _ *calls.IncomingCall) {
		entered <- struct{}{}
		<-ctx.Done()
		ended <- ctx.Err()
	})
	require.NoError(t, err)
	asking, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for _, i := range doors(t, s) {
		q := question
		q.Timeout = 5 * time.Minute
		all.Go(func() { _, _ = i.Call(asking, q) })
		<-entered
	}
	short, end := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer end()
	require.ErrorIs(t, server.Stop(short), context.DeadlineExceeded)
	for range bustest.IDs {
		select {
		case err := <-ended:
			require.ErrorIs(t, err, context.Canceled)
		case <-time.After(20 * time.Second):
			t.Error("it runs on")
		}
	}
	require.ErrorIs(t, server.Stop(bustest.Within(t, time.Second)), context.DeadlineExceeded, "the answer stays")
	cancel()
	all.Wait()
}

// TestStopWithoutAConnection leaves no goroutine that waits for a call.
func TestStopWithoutAConnection(t *testing.T) {
	s := bustest.Start(t)
	b := s.Connect(t, bus.Options{})
	server, err := calls.Serve(b, calls.Bounds{}, func(_ context.Context, c *calls.IncomingCall) { _ = c.Reply(says("1")) })
	require.NoError(t, err)
	for _, i := range doors(t, s) {
		_, err := i.Call(bustest.Within(t, 10*time.Second), question)
		require.NoError(t, err)
	}
	b.Close()
	bustest.Code(t, action.CodeUnavailable, server.Stop(bustest.Within(t, 10*time.Second)))
}

// TestNoCallIsLeft has goroutines leave again and again while the next call
// arrives.
func TestNoCallIsLeft(t *testing.T) {
	s := bustest.Start(t)
	server, err := calls.ServeIdle(s.Connect(t, bus.Options{}), calls.Bounds{}, time.Nanosecond, func(_ context.Context, c *calls.IncomingCall) { _ = c.Reply(says("1")) })
	require.NoError(t, err)
	defer func() { require.NoError(t, server.Stop(bustest.Within(t, 10*time.Second))) }()
	pair := doors(t, s)
	for round := range 10000 {
		var both sync.WaitGroup
		for _, i := range pair {
			both.Go(func() { _, err := i.Call(t.Context(), question); assert.NoError(t, err, "round %d", round) })
		}
		both.Wait()
		if t.Failed() {
			return
		}
	}
}

// TestAFloodTakesNothingFromAnother: the calls of one instance are in hand as
// many as may be, or hold as many bytes; the other is served, and only the first
// is told that the worker is busy with it.
func TestAFloodTakesNothingFromAnother(t *testing.T) {
	for name, c := range map[string]struct {
		most calls.Bounds
		body []byte
	}{
		"calls": {calls.Bounds{Calls: 20}, nil},
		"bytes": {calls.Bounds{Bytes: 20 << 10}, make([]byte, 1<<10)},
	} {
		t.Run(name, func(t *testing.T) {
			s := bustest.Start(t)
			entered, release := make(chan struct{}, 100), make(chan struct{})
			served(t, s.Connect(t, bus.Options{}), c.most, func(_ context.Context, c *calls.IncomingCall) {
				if c.Name == "hangs" {
					entered <- struct{}{}
					<-release
				}
				_ = c.Reply(says("1"))
			})
			pair, nc := doors(t, s), s.Plain(t)
			inbox := nc.NewInbox()
			answers, err := nc.SubscribeSync(inbox)
			require.NoError(t, err)
			for range 20 {
				require.NoError(t, nc.PublishRequest("callout.call."+pair[0].Token+".function.hangs", inbox, c.body))
				<-entered
			}
			q := question
			q.Phase, q.Name, q.Body, q.Timeout = action.Function, "any", c.body, time.Minute
			_, err = pair[0].Call(bustest.Within(t, 30*time.Second), q)
			bustest.Code(t, action.CodeBusy, err)
			for range 20 {
				_, err = pair[1].Call(bustest.Within(t, 30*time.Second), q)
				require.NoError(t, err)
			}
			close(release)
			for range 20 {
				_, err := answers.NextMsg(20 * time.Second)
				require.NoError(t, err, "what was taken is answered")
			}
			require.Eventually(t, func() bool {
				_, err = pair[0].Call(bustest.Within(t, 10*time.Second), q)
				return err == nil
			}, time.Minute, time.Millisecond, "what is answered gives its share back")
		})
	}
}
