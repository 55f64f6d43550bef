package wire_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

var documents = []string{
	``, ` `, `{}`, `[]`, `[1, {"a" : 2},"x,"]`, `{"a":1,"b":[true,null]}`, ` {"re\"quest" : {"a":1.0}, "":"" } `, `{"a":1,"\u0061":2}`,
	"{\"a\":\"\xff\"}", `{"a":"\ud800"}`, `[[[[]]]]`, `{"a":1,}`, `[1,]`, `[,]`, `{"request":{"n":9007199254740993}}`, `{"function":"function/f"}`,
	`{"response":{},"request":{}}`, `{"orgID":"\u0000"}`, `{"a":1}}`, "\ufeff{}", `nullnull`, `{"\\":"\\\""}`,
}

// requireOneOf: whatever is refused has one of the codes that the document
// promises.
func requireOneOf(t *testing.T, err error, codes ...action.Code) {
	t.Helper()
	require.Contains(t, codes, action.CodeOf(err), "%v", err)
}

func FuzzMembers(f *testing.F) {
	for _, d := range documents {
		f.Add([]byte(d))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		before := bytes.Clone(raw)
		members, err := wire.Members(raw)
		require.Equal(t, before, raw, "never in place")
		whole := wire.CheckJSON(raw)
		require.Equal(t, whole == nil && wire.IsObject(raw), err == nil)
		if err != nil {
			requireOneOf(t, err, action.CodeMalformed, action.CodeTooDeep)
			return
		}
		var decoded map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(raw, &decoded))
		require.Len(t, members, len(decoded))
		at := 0
		for _, m := range members {
			require.True(t, at < m.Start && m.Start < m.ValStart && m.ValStart < m.ValEnd && m.ValEnd < len(raw), "%d %+v", at, m)
			at = m.ValEnd
			require.Equal(t, byte('"'), raw[m.Start])
			require.Equal(t, string(decoded[m.Name]), string(raw[m.ValStart:m.ValEnd]))
		}
	})
}

func FuzzElements(f *testing.F) {
	for _, d := range documents {
		f.Add([]byte(d))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		before := bytes.Clone(raw)
		elements, err := wire.Elements(raw)
		require.Equal(t, before, raw, "never in place")
		isArray := bytes.HasPrefix(bytes.TrimLeft(raw, " \t\r\n"), []byte{'['})
		require.Equal(t, wire.CheckJSON(raw) == nil && isArray, err == nil)
		if err != nil {
			requireOneOf(t, err, action.CodeMalformed, action.CodeTooDeep)
			return
		}
		var decoded []json.RawMessage
		require.NoError(t, json.Unmarshal(raw, &decoded))
		require.Len(t, elements, len(decoded))
		for i, e := range elements {
			require.Equal(t, string(decoded[i]), string(e))
		}
	})
}

func FuzzNewCall(f *testing.F) {
	for _, d := range documents {
		for phase := range uint8(3) {
			f.Add([]byte(d), phase)
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte, which uint8) {
		phase := action.Phases[which%3]
		before := bytes.Clone(raw)
		call, err := wire.NewCall("default", phase, nameOf(phase), raw, 1<<10)
		require.Equal(t, before, raw, "never in place")
		if err != nil {
			requireOneOf(t, err, action.CodeMalformed, action.CodeTooDeep, action.CodeMismatch, action.CodeBadField, action.CodeTooLarge)
			return
		}
		require.NoError(t, wire.CheckJSON(call.Raw()))
		require.LessOrEqual(t, len(call.Object()), 1<<10)
		again, err := wire.NewCall("default", phase, nameOf(phase), call.Raw(), 1<<10)
		require.NoError(t, err, "what one worker sends on, another takes")
		require.Equal(t, call.Raw(), again.Raw())
		next := call.With([]byte(`{"x":[1]}`))
		require.Equal(t, `{"x":[1]}`, string(next.Object()))
		require.NoError(t, wire.CheckJSON(next.Raw()))
		if call.Object() != nil {
			require.Equal(t, string(call.Raw()), string(next.With(call.Object()).Raw()), "there and back")
		}
	})
}

func FuzzReadEvent(f *testing.F) {
	for _, d := range append(documents, `{"aggregateID":"a","event_type":"user.added","event_payload":{}}`, `{"id":"\r","aggregateID":"a","event_type":"t"}`) {
		f.Add([]byte(d))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		facts, err := wire.ReadEvent(raw)
		if err != nil {
			requireOneOf(t, err, action.CodeMalformed, action.CodeTooDeep, action.CodeBadField)
			return
		}
		_, err = wire.EventSubject("default", facts.Org, facts.AggregateID, facts.Type)
		require.NoError(t, err, "what is read can be published")
	})
}

func FuzzDecodeReply(f *testing.F) {
	for _, d := range append(documents, `{"outcome":"continue","request":{},"revision":1}`, `{"error":{"code":"malformed"}}`) {
		f.Add([]byte(d))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		result, err := wire.DecodeReply(raw)
		require.Equal(t, err != nil, result.Outcome == "", "an outcome or an error, never both")
	})
}

// FuzzSplit: what Members accepts, Split reads the same way; and it never fails
// worse than by saying no.
func FuzzSplit(f *testing.F) {
	for _, d := range documents {
		f.Add([]byte(d))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, ok := wire.Split(raw, nil)
		if want, err := wire.Members(raw); err == nil {
			require.True(t, ok)
			require.Equal(t, append([]wire.Member{}, want...), append([]wire.Member{}, got...))
		}
		values, ok := wire.SplitList(raw, nil)
		if want, err := wire.Elements(raw); err == nil {
			require.True(t, ok)
			require.Len(t, values, len(want))
			for i, v := range values {
				require.Equal(t, string(want[i]), string(raw[v.ValStart:v.ValEnd]))
			}
		}
	})
}

// FuzzParseTimeout: what is taken lies within its bounds, and is the same when it
// is written and read again.
func FuzzParseTimeout(f *testing.F) {
	for _, text := range []string{"", "2s", "1500", "1500ms", "0", "-1s", "1h", "10m", "9223372036854775807", "1e3", "٣", "2s ", "0x10", "1ns"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := wire.ParseTimeout(text)
		if err != nil {
			requireOneOf(t, err, action.CodeBadField, action.CodeDeadline)
			return
		}
		require.True(t, d > 0 && d <= action.MaxBudget, "%v", d)
		again, err := wire.ParseTimeout(wire.FormatTimeout(d))
		require.NoError(t, err)
		require.Equal(t, max(d.Truncate(time.Millisecond), time.Millisecond), again)
	})
}

// FuzzTraceparent: what is handed on came in as it is, and may stand in a header.
func FuzzTraceparent(f *testing.F) {
	const valid = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	for _, text := range []string{"", valid, valid + "-", "01" + valid[2:] + "-more", "ff" + valid[2:], "00-" + valid, valid + "\r\nX: y", "\xff" + valid} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := wire.Traceparent(text)
		if got == "" {
			return
		}
		require.Equal(t, text, got)
		require.LessOrEqual(t, len(got), 255)
		require.NotRegexp(t, `[^!-~]`, got)
		require.Equal(t, got, wire.Traceparent(got))
	})
}

// FuzzCheckStored: who holds a body against a subject says the same whichever of
// the two is odd.
func FuzzCheckStored(f *testing.F) {
	for _, d := range append(documents, `{"aggregateID":"a","event_type":"user.added"}`) {
		f.Add([]byte(d), "acme", "user.added")
	}
	f.Fuzz(func(t *testing.T, raw []byte, org, eventType string) {
		facts, err := wire.ReadEvent(raw)
		if err != nil {
			return
		}
		if _, err := wire.EventSubject("default", org, facts.AggregateID, eventType); err != nil {
			return
		}
		lane := wire.Partition(facts.AggregateID, 64)
		at := wire.StoredEvent{Instance: "default", Org: org, Type: eventType, Lane4: lane % 4, Lane16: lane % 16, Lane64: lane}
		err = wire.CheckStored(at, facts)
		fits := (facts.Org == "" || facts.Org == org) && facts.Type == eventType && (facts.InstanceID == "" || facts.InstanceID == "default")
		require.Equal(t, fits, err == nil, "%v", err)
	})
}

// FuzzUnmarshal: what is read by exact names is what encoding/json reads, where
// no two names differ by case alone.
func FuzzUnmarshal(f *testing.F) {
	for _, d := range append(documents, `{"outcome":"ok","duration":5,"shown":1}`, `{"Outcome":"ok"}`) {
		f.Add([]byte(d))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		type value struct {
			A string            `json:"a"`
			B []int             `json:"b"`
			C map[string]string `json:"c"`
		}
		var got, want value
		if wire.Unmarshal(raw, &got) != nil {
			return
		}
		if bytes.ContainsAny(raw, "ABC\\\u017f\u212a") { // names that fold, or may
			return
		}
		require.NoError(t, json.Unmarshal(raw, &want))
		require.Equal(t, want, got)
	})
}
