package node_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/node"
	"github.com/callout-hq/callout/pkg/wire"
)

// TestRemainingTimeFallsAlongAChain: every target is told what remains of its
// caller's time, or its own timeout if that is less.
func TestRemainingTimeFallsAlongAChain(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	const pace = 20 * time.Millisecond // of a target
	hooks.answer("slow", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(pace):
		case <-r.Context().Done():
		}
	})
	r := run(t, hooks, `
targets:
  slow: {type: webhook, url: HOOKS/slow, timeout: 90s}
  hasty: {type: webhook, url: HOOKS/hasty, timeout: 700ms}
requests:
  "*": {targets: [{target: slow}, {target: slow}, {target: slow}, {target: hasty}]}
`, nil)
	const given = time.Minute
	result, err := r.client.Request(within(t, given), callout.Call{Method: "/t.S/M", Request: []byte(`{}`)})
	require.NoError(t, err)
	require.Equal(t, action.Continue, result.Outcome)
	last := given
	for i, a := range hooks.got("slow") {
		left := remaining(t, a)
		require.LessOrEqual(t, left, last, "target %d has no more than was left", i)
		last = left - pace
	}
	require.Less(t, last, given-2*pace)
	hasty := remaining(t, hooks.got("hasty")[0])
	require.LessOrEqual(t, hasty, 700*time.Millisecond, "its own timeout is less")
	require.Greater(t, hasty, 300*time.Millisecond)
}

func remaining(t *testing.T, a arrival) time.Duration {
	t.Helper()
	ms, err := strconv.Atoi(a.header.Get(wire.HeaderRemaining))
	require.NoError(t, err)
	require.Positive(t, ms)
	return time.Duration(ms) * time.Millisecond
}

// TestLateAnswersAreDropped has a target that answers every other call after
// its caller's deadline, when another has been answered. A late answer
// ends no call, its own or another: the subject that its caller listens on gets
// one answer, and each call gets the mark it sent.
func TestLateAnswersAreDropped(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	var mu sync.Mutex
	var held []chan struct{}
	tardy := 0
	hooks.answerHere("it", func(w http.ResponseWriter, r *http.Request) {
		mark := r.Header.Get("traceparent")
		if n, _ := strconv.Atoi(mark); n%2 == 0 { // 0 would fail the test
			free := make(chan struct{})
			mu.Lock()
			held = append(held, free)
			tardy++
			mu.Unlock()
			<-free // though the worker has given it up by then
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"answer":%q}`, mark) // the caller may have gone
	})
	release := func() {
		mu.Lock()
		defer mu.Unlock()
		for _, free := range held {
			close(free)
		}
		held = nil
	}
	t.Cleanup(release)
	r := run(t, hooks, "targets: {it: {type: call, url: HOOKS/it, timeout: 30s}}\nrequests: {'*': {targets: [{target: it}]}}",
		func(o *node.Options) { o.Log = zerolog.Nop() })
	nc, err := nats.Connect(r.NATSURL())
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	inbox, err := nc.SubscribeSync("_INBOX.late.>")
	require.NoError(t, err)
	const rounds = 20
	answers := map[string][]string{}
	for i := range 2 * rounds {
		m := nats.NewMsg("callout.call.default.request.t.S.M")
		m.Reply, m.Data = fmt.Sprintf("_INBOX.late.%d", i), fmt.Appendf(nil, `{"fullMethod":"/t.S/M","request":{"mark":"m%d"}}`, i)
		m.Header.Set(wire.HeaderTraceparent, strconv.Itoa(i))
		m.Header.Set(wire.HeaderTimeout, "10s")
		if i%2 == 0 {
			m.Header.Set(wire.HeaderTimeout, "60ms")
		}
		require.NoError(t, nc.PublishMsg(m))
		answer, err := inbox.NextMsg(10 * time.Second)
		require.NoError(t, err)
		answers[answer.Subject] = append(answers[answer.Subject], string(answer.Data))
		if i%2 == 1 {
			release()
		}
	}
	require.NoError(t, nc.Flush())
	require.Greater(t, tardy, rounds/2, "most late calls have reached the target")
	pending, _, err := inbox.Pending()
	require.NoError(t, err)
	require.Zero(t, pending, "a second answer to a call")
	for i := range 2 * rounds {
		got := answers[fmt.Sprintf("_INBOX.late.%d", i)]
		require.Len(t, got, 1, "call %d", i)
		result, err := wire.DecodeReply([]byte(got[0]))
		require.NoError(t, err)
		if i%2 == 0 {
			require.Equal(t, action.Failed, result.Outcome)
			require.Nil(t, result.Object)
			continue
		}
		require.Equal(t, action.Continue, result.Outcome)
		require.Equal(t, fmt.Sprintf(`{"mark":"m%[1]d","answer":"%[1]d"}`, i), string(result.Object), "nobody else's answer")
	}
}

// TestCallerThatGoesAwayEndsTheTargetsRequest: over HTTP and with the Go client.
func TestCallerThatGoesAwayEndsTheTargetsRequest(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	entered, ended := make(chan struct{}, 2), make(chan struct{}, 2)
	hooks.answerHere("it", func(_ http.ResponseWriter, r *http.Request) {
		entered <- struct{}{}
		<-r.Context().Done()
		ended <- struct{}{}
	})
	r := run(t, hooks, "targets: {it: {type: call, url: HOOKS/it, timeout: 60s}, never: {type: webhook, url: HOOKS/never}}\nrequests: {'*': {targets: [{target: it}, {target: never}]}}",
		func(o *node.Options) { o.Log = zerolog.Nop() })
	for name, call := range map[string]func(context.Context) error{
		"HTTP": func(ctx context.Context) error {
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.HTTPURL()+"/v1/instances/default/calls/request", strings.NewReader(`{"fullMethod":"/t.S/M","request":{}}`))
			if err != nil {
				return err
			}
			req.Header.Set("Content-Type", "application/json")
			resp, err := http.DefaultClient.Do(req)
			if err == nil {
				_, err = io.ReadAll(resp.Body)
				_ = resp.Body.Close()
			}
			return err
		},
		"Go": func(ctx context.Context) error {
			_, err := r.client.Request(ctx, callout.Call{Method: "/t.S/M", Request: []byte(`{}`)})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			answered := make(chan error, 1)
			go func() { answered <- call(ctx) }()
			within := time.After(10 * time.Second)
			select {
			case <-entered:
			case <-within:
				t.Fatal("the target was never asked")
			}
			leave()
			require.Error(t, <-answered)
			select {
			case <-ended:
			case <-within:
				t.Fatal("the target's request goes on without a caller")
			}
		})
	}
	require.Empty(t, hooks.got("never"), "the chain does not go on")
}
