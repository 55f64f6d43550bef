package cli_test

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// plain connects as a core in any language would: without Callout's client.
func plain(t *testing.T, p *process) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(p.ready["nats"])
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	return nc
}

func stream(t *testing.T, nc *nats.Conn) jetstream.JetStream {
	t.Helper()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	return js
}

func TestRefusedOverNATS(t *testing.T) {
	t.Parallel()
	tg := newPlatform(t)
	nc := plain(t, dev(t, tg, configuration(t, fill(tg, platform)), "--data", ""))
	for _, tt := range []struct{ name, subject, body, status, code, field string }{
		{"not JSON", "default.request.a.S.M", `{`, "400", "malformed", ""},
		{"method that disagrees with the subject", "default.request.a.S.M", `{"fullMethod":"/a.S/N","request":{}}`, "400", "mismatch", "fullMethod"},
		{"instance that disagrees with the subject", "default.function.f", `{"instanceID":"other"}`, "400", "mismatch", "instanceID"},
		{"unknown instance", "other.function.f", `{}`, "404", "unknown_instance", ""},
		{"object too large", "default.function.f", `{"response":{"x":"` + strings.Repeat("x", 1<<20) + `"}}`, "413", "too_large", "response"},
		{"subject that is no phase", "default.wish.f", `{}`, "400", "bad_field", "subject"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := nc.Request("callout.call."+tt.subject, []byte(tt.body), bound)
			require.NoError(t, err)
			require.Equal(t, tt.status, got.Header.Get("Callout-Status"), string(got.Data))
			refusal := refused(t, string(got.Data))
			require.Equal(t, tt.code, refusal.Code)
			require.Equal(t, tt.field, refusal.Field)
		})
	}
}

func TestEventOverNATS(t *testing.T) {
	t.Parallel()
	tg := newPlatform(t)
	p := dev(t, tg, configuration(t, fill(tg, platform)), "--data", "")
	js := stream(t, plain(t, p))
	const body = `{"aggregateID":"user 1","resourceOwner":"acme","event_type":"user.added","event_payload":{}}`
	publish := func(id, subject, body string) *jetstream.PubAck {
		ack, err := js.Publish(t.Context(), subject, []byte(body), jetstream.WithMsgID(id))
		require.NoError(t, err)
		return ack
	}
	ack := publish("n-1", "callout.event.default.acme.user=201.user.added", body)
	require.Equal(t, "CALLOUT_EVENTS_default", ack.Stream)
	require.False(t, ack.Duplicate)
	require.True(t, publish("n-1", "callout.event.default.acme.user=201.user.added", body).Duplicate)

	// An id over HTTP is not that of a message, unless it is written as HTTP writes it.
	again := post(t, p.ready["http"]+"/v1/instances/default/events", strings.Replace(body, "{", `{"id":"h-1",`, 1))
	other := read[stored](t, again.body).Events[0]
	require.False(t, other.Duplicate)
	sum := sha256.Sum256([]byte("callout.event.default.acme.user=201.user.added h-1"))
	require.Equal(t, other.Sequence, publish(hex.EncodeToString(sum[:]), "callout.event.default.acme.user=201.user.added", body).Sequence)

	// A body that its subject contradicts never reaches a target, and does not
	// hold up what comes behind it.
	publish("n-2", "callout.event.default.acme.user=201.user.added", `{"aggregateID":"user 1","event_type":"user.removed"}`)
	last := publish("n-3", "callout.event.default.=.u2.user.changed", `{"aggregateID":"u2","event_type":"user.changed"}`)
	all := tg.awaitCount(t, 3)
	require.Equal(t, body, all[0].body)
	require.Equal(t, ack.Sequence, all[0].sequence)
	require.Equal(t, other.Sequence, all[1].sequence)
	require.Equal(t, last.Sequence, all[2].sequence)

	dead, err := js.Stream(t.Context(), "CALLOUT_DEAD_default")
	require.NoError(t, err)
	letter, err := dead.GetMsg(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, `{"aggregateID":"user 1","event_type":"user.removed"}`, string(letter.Data))
}
