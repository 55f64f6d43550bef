package callout

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

// TestTargetsGetTheTraceOfTheContext sends everything a core can send to a real
// target, which gives back the traceparent it was sent.
func TestTargetsGetTheTraceOfTheContext(t *testing.T) {
	t.Parallel()
	type arrival struct {
		body   string
		traces []string
	}
	arrived := make(chan arrival, 10)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		arrived <- arrival{string(body), r.Header.Values("Traceparent")}
	}))
	defer hook.Close()
	n, _ := startNode(t, hook.URL, `
targets: {it: {type: webhook, url: HOOK}, later: {type: async, url: HOOK}}
requests: {'*': {targets: [{target: it}]}}
responses: {'*': {targets: [{target: later}]}}
functions: {claims: {targets: [{target: it}]}}
events: {'*': {targets: [{target: it}]}}
`, nil)
	client := connect(t, Options{URL: n.NATSURL()})
	call := Call{Method: "/t.S/M", Request: []byte(`{}`), Response: []byte(`{}`)}
	for name, send := range map[string]func(ctx context.Context) error{
		"request":            func(ctx context.Context) error { _, err := client.Request(ctx, call); return err },
		"response, an async": func(ctx context.Context) error { _, err := client.Response(ctx, call); return err },
		"request, by outcome": func(ctx context.Context) error {
			_, _, err := client.Intercept(ctx, action.Request, call, nil)
			return err
		},
		"function": func(ctx context.Context) error { _, err := client.Function(ctx, "claims", []byte(`{}`)); return err },
		"event": func(ctx context.Context) error {
			_, err := client.Publish(ctx, action.Event{AggregateID: "u1", Type: "user.added"})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, want := range [][]string{{trace}, nil} {
				ctx := within(t, 10*time.Second)
				if want != nil {
					ctx = WithTraceparent(ctx, want[0])
				}
				require.NoError(t, send(ctx))
				select {
				case a := <-arrived:
					require.Equal(t, want, a.traces, a.body)
					require.NotContains(t, a.body, trace, "it travels beside the body")
				case <-ctx.Done():
					require.Fail(t, "nothing arrived")
				}
			}
		})
	}
}

// TestEventsOfOnePublishHaveOneTrace: all of them, not the first alone.
func TestEventsOfOnePublishHaveOneTrace(t *testing.T) {
	t.Parallel()
	traces := make(chan string, 3)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { traces <- r.Header.Get("Traceparent") }))
	defer hook.Close()
	n, _ := startNode(t, hook.URL, "targets: {it: {type: webhook, url: HOOK}}\nevents: {'*': {targets: [{target: it}]}}", nil)
	client := connect(t, Options{URL: n.NATSURL()})
	ctx := within(t, 10*time.Second)
	events := []action.Event{{AggregateID: "u1", Type: "user.added"}, {AggregateID: "u1", Type: "user.changed"}, {AggregateID: "u2", Type: "user.added"}}
	stored, err := client.Publish(WithTraceparent(ctx, trace), events...)
	require.NoError(t, err)
	require.Len(t, stored, 3)
	for range events {
		select {
		case got := <-traces:
			require.Equal(t, trace, got)
		case <-ctx.Done():
			require.Fail(t, "not delivered")
		}
	}
}

// TestWhatIsATraceparent follows the standard: what is of another form starts no
// trace.
func TestWhatIsATraceparent(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		trace:                               true,
		"cc" + trace[2:]:                    true,
		"cc" + trace[2:] + "-what":          true,
		"":                                  false,
		"00":                                false,
		trace + "-what":                     false,
		trace + " ":                         false,
		"cc" + trace[2:] + "what":           false,
		"cc" + trace[2:] + "-\r\nX-Evil: 1": false,
		"cc" + trace[2:] + "-" + strings.Repeat("a", 199): true,
		"cc" + trace[2:] + "-" + strings.Repeat("a", 200): false,
		"ff" + trace[2:]:                                  false,
		strings.ToUpper(trace):                            false,
		strings.Replace(trace, "-", "_", 1):               false,
		strings.Replace(trace, "4bf", "xyz", 1):           false,
		"00-" + strings.Repeat("0", 32) + trace[35:]:      false,
		trace[:36] + strings.Repeat("0", 16) + trace[52:]: false,
	} {
		got := TraceparentOf(WithTraceparent(t.Context(), text))
		if want {
			require.Equal(t, text, got)
		} else {
			require.Empty(t, got, "%q", text)
		}
	}
}

// TestTheCoresOwnTraceStays: what came in is the parent of a span that the core
// may have begun since.
func TestTheCoresOwnTraceStays(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	require.Equal(t, ctx, ReceiveTraceparent(ctx, nil))
	require.Equal(t, ctx, ReceiveTraceparent(ctx, []string{"no trace"}))
	require.Equal(t, ctx, ReceiveTraceparent(ctx, []string{trace, trace}), "the standard knows one")
	received := ReceiveTraceparent(ctx, []string{trace})
	require.Equal(t, trace, TraceparentOf(received))
	own := strings.Replace(trace, "00f067", "abcdef", 1)
	require.Equal(t, own, TraceparentOf(ReceiveTraceparent(WithTraceparent(ctx, own), []string{trace})))
	require.Equal(t, own, TraceparentOf(WithTraceparent(received, own)))
}
