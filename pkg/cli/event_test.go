package cli_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEventOverHTTP(t *testing.T) {
	t.Parallel()
	tg := newPlatform(t)
	p := dev(t, tg, configuration(t, fill(tg, platform)), "--data", "")
	events := p.ready["http"] + "/v1/instances/default/events"
	const one = `{"id":"e-1","aggregateID":"u1","instanceID":"default","event_type":"user.added","sequence":1,"event_payload":{"n":9007199254740993}}`

	first := post(t, events, one)
	require.Equal(t, 202, first.status, first.body)
	got := read[stored](t, first.body)
	require.Len(t, got.Events, 1)
	require.Equal(t, "e-1", got.Events[0].ID)
	require.NotZero(t, got.Events[0].Sequence)
	require.False(t, got.Events[0].Duplicate)

	again := read[stored](t, post(t, events, one).body)
	require.True(t, again.Events[0].Duplicate)
	require.Equal(t, got.Events[0].Sequence, again.Events[0].Sequence)

	unnamed := read[stored](t, post(t, events, `{"aggregateID":"u1","event_type":"user.changed"}`).body)
	require.Len(t, unnamed.Events[0].ID, 26, "an event without an id gets one")

	nobody := post(t, events, `{"aggregateID":"u1","event_type":"project.added"}`)
	require.Equal(t, 202, nobody.status, "an event that nobody wants is stored all the same")

	all := tg.awaitCount(t, 2)
	require.Equal(t, one, all[0].body, "the target gets the bytes of the core")
	require.Equal(t, got.Events[0].Sequence, all[0].sequence)
	require.Equal(t, "/audit", all[0].path)
	require.Equal(t, 1, all[0].attempt)
	require.NotEmpty(t, all[0].delivery)
	require.Equal(t, all[0].delivery, all[0].header.Get("webhook-id"))
	require.Equal(t, all[0].delivery, all[0].header.Get("Idempotency-Key"))
	require.NotEqual(t, all[0].delivery, all[1].delivery)
}

func TestEventArray(t *testing.T) {
	t.Parallel()
	tg := newPlatform(t)
	p := dev(t, tg, configuration(t, fill(tg, platform)), "--data", "")
	events := p.ready["http"] + "/v1/instances/default/events"

	// One flaw at the end: nothing is stored, not even what stands before it.
	flawed := post(t, events, `[{"id":"x1","aggregateID":"u1","event_type":"user.added"},{"id":"x2","aggregateID":"u2","event_type":"user..added"}]`)
	require.Equal(t, 400, flawed.status)
	require.Equal(t, "[1].event_type", refused(t, flawed.body).Field)

	body := "["
	for i := range 50 {
		body += fmt.Sprintf(`{"id":"x%d","aggregateID":"u%d","event_type":"user.added","event_payload":{"i":%d}},`, i, i%7, i)
	}
	whole := post(t, events, body[:len(body)-1]+"]")
	require.Equal(t, 202, whole.status, whole.body)
	got := read[stored](t, whole.body)
	require.Len(t, got.Events, 50)
	for i, e := range got.Events {
		require.Equal(t, fmt.Sprintf("x%d", i), e.ID)
		require.False(t, e.Duplicate, "event %d of the refused array had been stored", i)
		require.Equal(t, got.Events[0].Sequence+uint64(i), e.Sequence, "stored in their order")
	}
	for i, a := range tg.awaitCount(t, 50) {
		require.Equal(t, got.Events[i].Sequence, a.sequence, "delivered in their order")
		require.Contains(t, a.body, fmt.Sprintf(`{"i":%d}`, i))
	}
	require.Equal(t, answer{202, nil, "{\"events\":[]}\n"}, bare(post(t, events, "[]")))
}
