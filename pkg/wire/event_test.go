package wire_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

func TestReadEvent(t *testing.T) {
	for _, c := range []struct {
		raw  string
		want wire.EventFacts
	}{
		{`{"aggregateID":"a","event_type":"user.added"}`, wire.EventFacts{AggregateID: "a", Type: "user.added"}},
		{"\n {\"event_type\" : \"t\",\"id\":\"01J\", \"event_payload\" : {\"a\": 1} ,\"resourceOwner\":\"\",\"aggregateID\":\"\\u0061\",\"instanceID\":\"i\"}",
			wire.EventFacts{ID: "01J", AggregateID: "a", InstanceID: "i", Type: "t", PayloadSize: 8}},
		{`{"aggregateID":"*.>","resourceOwner":"ü","event_type":"t","sequence":"any","created_at":7,"userID":[],"more":{"aggregateID":1}}`,
			wire.EventFacts{AggregateID: "*.>", Org: "ü", Type: "t"}},
		{`{"aggregateID":"a","event_type":"t","event_payload":null}`, wire.EventFacts{AggregateID: "a", Type: "t", PayloadSize: 4}},
	} {
		got, err := wire.ReadEvent([]byte(c.raw))
		require.NoError(t, err, c.raw)
		require.Equal(t, c.want, got)
	}
}

func TestReadEventRefuses(t *testing.T) {
	const rest = `"aggregateID":"a","event_type":"t"`
	for _, c := range []struct {
		raw   string
		code  action.Code
		field string
	}{
		{`{"event_type":"t"}`, action.CodeBadField, "aggregateID"},
		{`{"aggregateID":"","event_type":"t"}`, action.CodeBadField, "aggregateID"},
		{`{"aggregateID":7,"event_type":"t"}`, action.CodeBadField, "aggregateID"},
		{`{"aggregateID":null,"event_type":"t"}`, action.CodeBadField, "aggregateID"},
		{`{"aggregateID":"a\n","event_type":"t"}`, action.CodeBadField, "aggregateID"},
		{`{"aggregateID":"` + strings.Repeat("a", 201) + `","event_type":"t"}`, action.CodeBadField, "aggregateID"},
		{`{"AggregateID":"a","event_type":"t"}`, action.CodeBadField, "aggregateID"},
		{`{"aggregateID":"a"}`, action.CodeBadField, "event_type"},
		{`{"aggregateID":"a","event_type":""}`, action.CodeBadField, "event_type"},
		{`{"aggregateID":"a","event_type":["t"]}`, action.CodeBadField, "event_type"},
		{`{"aggregateID":"a","event_type":"user.*"}`, action.CodeBadField, "event_type"},
		{`{"aggregateID":"a","event_type":"` + strings.Repeat("t", 256) + `"}`, action.CodeBadField, "event_type"},
		{`{` + rest + `,"resourceOwner":{}}`, action.CodeBadField, "resourceOwner"},
		{`{` + rest + `,"resourceOwner":"\u0000"}`, action.CodeBadField, "resourceOwner"},
		{`{` + rest + `,"instanceID":true}`, action.CodeBadField, "instanceID"},
		{`{` + rest + `,"id":1}`, action.CodeBadField, "id"},
		{`{` + rest + `,"id":"a\r\nb"}`, action.CodeBadField, "id"},
		{`{` + rest + `,"\u0069d":"1","id":"2"}`, action.CodeMalformed, ""},
		{`{` + rest + `,"event_payload":{"a":1,"a":2}}`, action.CodeMalformed, ""},
		{"{" + rest + ",\"event_payload\":\"\xff\"}", action.CodeMalformed, ""},
		{`{` + rest + `,"event_payload":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, action.CodeTooDeep, ""},
		{`[{` + rest + `}]`, action.CodeMalformed, ""},
		{`{` + rest + `}{}`, action.CodeMalformed, ""},
		{``, action.CodeMalformed, ""},
		{`null`, action.CodeMalformed, ""},
	} {
		_, err := wire.ReadEvent([]byte(c.raw))
		var e *action.Error
		require.ErrorAs(t, err, &e, c.raw)
		require.Equal(t, []any{c.code, action.StageDecode, c.field}, []any{e.Code, e.Stage, e.Field}, c.raw)
	}
}

func TestCheckStored(t *testing.T) {
	at := wire.StoredEvent{Instance: "i", Lane4: wire.Partition("u1", 4), Lane16: wire.Partition("u1", 16), Lane64: wire.Partition("u1", 64), Org: "acme", Type: "t"}
	body := wire.EventFacts{AggregateID: "u1", Org: "acme", InstanceID: "i", Type: "t"}
	for _, c := range []struct {
		name   string
		change func(*wire.StoredEvent, *wire.EventFacts)
		field  string // empty: they agree
	}{
		{"all agree", func(*wire.StoredEvent, *wire.EventFacts) {}, ""},
		{"the body may leave out instance and org", func(_ *wire.StoredEvent, f *wire.EventFacts) { f.InstanceID, f.Org = "", "" }, ""},
		{"an event id is no business of the subject's", func(_ *wire.StoredEvent, f *wire.EventFacts) { f.ID, f.PayloadSize = "x", 9 }, ""},
		{"another instance", func(_ *wire.StoredEvent, f *wire.EventFacts) { f.InstanceID = "j" }, "instanceID"},
		{"another org", func(_ *wire.StoredEvent, f *wire.EventFacts) { f.Org = "Acme" }, "resourceOwner"},
		{"an org where the subject has none", func(at *wire.StoredEvent, _ *wire.EventFacts) { at.Org = "" }, "resourceOwner"},
		{"another type", func(_ *wire.StoredEvent, f *wire.EventFacts) { f.Type = "t.u" }, "event_type"},
		{"no type", func(_ *wire.StoredEvent, f *wire.EventFacts) { f.Type = "" }, "event_type"},
		{"another aggregate", func(_ *wire.StoredEvent, f *wire.EventFacts) { f.AggregateID = "u2" }, "aggregateID"},
		{"another of 64", func(at *wire.StoredEvent, _ *wire.EventFacts) { at.Lane64 = (at.Lane64 + 16) % 64 }, "aggregateID"},
		{"another of 16", func(at *wire.StoredEvent, _ *wire.EventFacts) { at.Lane16 = (at.Lane16 + 4) % 16 }, "aggregateID"},
		{"another of 4", func(at *wire.StoredEvent, _ *wire.EventFacts) { at.Lane4 = (at.Lane4 + 1) % 4 }, "aggregateID"},
	} {
		a, f := at, body
		c.change(&a, &f)
		err := wire.CheckStored(a, f)
		if c.field == "" {
			require.NoError(t, err, c.name)
			continue
		}
		var e *action.Error
		require.ErrorAs(t, err, &e, c.name)
		require.Equal(t, []any{action.CodeMismatch, c.field}, []any{e.Code, e.Field}, c.name)
	}
}

// TestEventMessageID is made a second time as any language can:
// printf 'callout.event.default.acme.u1.user.added order 1' | sha256sum
func TestEventMessageID(t *testing.T) {
	subject, err := wire.EventSubject("default", "acme", "u1", "user.added")
	require.NoError(t, err)
	require.Equal(t, "4938e06249836f05d74415907130298cfb6599e1a8ce4db9ed88610be87bca62", wire.EventMessageID(subject, "order 1"))
}
