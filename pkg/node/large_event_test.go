package node_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

// plain publishes without a header, as any client may.
func plain(t *testing.T, r *running, subject string, body []byte) {
	t.Helper()
	nc, err := nats.Connect(r.NATSURL())
	require.NoError(t, err)
	defer nc.Close()
	require.NoError(t, nc.Publish(subject, body))
	require.NoError(t, nc.Flush())
}

// largestBody is an event that takes all a message may have, less room bytes.
func largestBody(r *running, room int) []byte {
	head, tail := []byte(`{"aggregateID":"u1","event_type":"user.added","event_payload":"`), []byte(`"}`)
	fill := bytes.Repeat([]byte("x"), r.bus.MaxBody()-room-len(head)-len(tail))
	return append(append(head, fill...), tail...)
}

// TestAnEventTooLargeForItsLetterIsKept: what fills a message to its last byte
// leaves no room for the facts of a dead letter. It is kept all the same, and
// the line goes on.
func TestAnEventTooLargeForItsLetterIsKept(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	status := obey(hooks, "hook", 400)
	r := run(t, hooks, oneHook, nil)
	subject := "callout.event.default.=.u1.user.added"
	bodies := [][]byte{bytes.Repeat([]byte("x"), r.bus.MaxBody()), largestBody(r, 0), largestBody(r, 500), largestBody(r, 1000)}
	for _, body := range bodies {
		plain(t, r, subject, body)
	}
	r.publish(t, event("u", "user.added", 1))
	letters := r.deadLetters(t, 5)
	require.Equal(t, action.CodeMalformed, letters[0].Reason)
	for i, body := range bodies {
		require.True(t, bytes.Equal(body, letters[i].Body), "%d: byte for byte", i)
	}
	d := r.Dispatcher().Instance("default")
	for range 2 { // the second time it has died twice
		for _, l := range letters[1:4] {
			require.NoError(t, letterJob(within(t, 10*time.Second), d, action.JobRedrive, l.DeliveryID))
		}
		require.Len(t, r.deadLetters(t, 5), 5)
		r.drained(t)
	}
	status.Store(200)
	for _, l := range letters[1:4] {
		require.NoError(t, letterJob(within(t, 10*time.Second), d, action.JobRedrive, l.DeliveryID))
	}
	arrivals := hooks.await(t, "hook", 4+3*3)
	for _, a := range arrivals[10:] {
		require.Contains(t, []string{string(bodies[1]), string(bodies[2]), string(bodies[3])}, a.body)
	}
	r.drained(t)
	require.Len(t, r.deadLetters(t, 2), 2)
	require.NoError(t, letterJob(within(t, 5*time.Second), d, action.JobDiscardLetters, letters[0].DeliveryID))
	require.Len(t, r.deadLetters(t, 1), 1)
}
