package lines

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/shards"
	"github.com/callout-hq/callout/pkg/wire"
)

// FuzzReadLine: an entry of the lines' bucket is refused, or is a line that has a
// name, a title and a consumer.
func FuzzReadLine(f *testing.F) {
	for _, raw := range []string{`{}`, `{"name":"line","instance":"default","condition":{"phase":"event","match":"user.*"},"target":"hook","lane":1,"lanes":4}`,
		`{"format":9}`, `null`, `[]`, `{"lane":-1,"lanes":0}`, `{"ack_wait":-9223372036854775808,"lanes":3,"lane":7}`, `{"async":true,"redrive":true}`} {
		f.Add([]byte(raw), "default.line.x")
	}
	f.Fuzz(func(t *testing.T, raw []byte, key string) {
		_ = kindOf(key)
		_ = IsPause(key)
		l, err := readLine(bus.Value{Key: key, Bytes: raw})
		if err != nil {
			return
		}
		_, _, _ = l.Key(), l.title(), l.RecordKey()
		_ = l.filter()
		again, err := json.Marshal(l)
		require.NoError(t, err)
		_, err = readLine(bus.Value{Key: key, Bytes: again})
		require.NoError(t, err)
	})
}

// FuzzReadRecord: a record is refused, or can be told in JSON and be acted on.
func FuzzReadRecord(f *testing.F) {
	for _, raw := range []string{`{}`, `{"state":"stopped","sequence":7,"reason":"exhausted","next_try":"2030-01-01T00:00:00Z"}`, `null`, `{"format":2}`, `{"state":"","attempts":-1}`, `{"next_try":"99999-01-01T00:00:00Z"}`} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := readRecord("key", raw)
		if err != nil {
			return
		}
		_, _ = r.Holds(), r.Running()
		_ = Line{}.stands(r)
		_, err = json.Marshal(r)
		require.NoError(t, err)
	})
}

// FuzzDeliveryID: it may stand in a header and a subject, whatever it is made of.
func FuzzDeliveryID(f *testing.F) {
	f.Add("default", "acme", "user.*", "hook", uint64(7))
	f.Add("", "", "", "", uint64(0))
	f.Fuzz(func(t *testing.T, instance, org, match, target string, sequence uint64) {
		l := Line{Instance: instance, Org: org, Condition: action.Condition{Phase: action.OnEvent, Match: match}, Target: target}
		id := l.DeliveryID(sequence, time.Unix(1, 2))
		require.Regexp(t, `^dlv_[0-9a-f]{32}$`, id)
		require.NotEqual(t, id, l.DeliveryID(sequence+1, time.Unix(1, 2)))
		require.Equal(t, id, wire.Token(id), "it may stand in a subject")
	})
}

// FuzzReadQuestion: what a dispatcher asks is refused, or can be done and written.
func FuzzReadQuestion(f *testing.F) {
	for _, q := range []question{{Do: askStanding}, {Do: askHold, Line: "user-added-hook-1", Until: farAway()}, {Do: askHold, Line: "l"}, {Do: askMove, Line: "l", To: 7}, {Do: askForget, Line: "l"}} {
		raw, err := json.Marshal(q)
		require.NoError(f, err)
		f.Add(raw)
	}
	for _, raw := range []string{`{"do":"move","line":"l"}`, `{"do":"hold","line":"l","until":"9999-01-01T00:00:00Z"}`, `{"do":"dance"}`, `null`, `{"to":-1}`} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		q, err := readQuestion(raw)
		if err != nil {
			require.Equal(t, question{}, q)
			return
		}
		if q.Do == askMove {
			require.Positive(t, q.To)
		}
		if !q.Until.IsZero() {
			p := shards.Place{Until: q.Until.UnixNano()}
			require.Equal(t, q.Until.After(time.Now()), p.Held(time.Now()))
		}
		again, err := json.Marshal(q)
		require.NoError(t, err)
		_, err = readQuestion(again)
		require.NoError(t, err)
	})
}

// FuzzReadAnswer: what the holder of a shard says is refused, or tells how lines stand.
func FuzzReadAnswer(f *testing.F) {
	for _, a := range []answer{{}, {Error: errUnheard.Error()}, {Lines: map[string]placement{
		"user-added-hook-1": {Floor: 7, Pending: 3, Counted: true, InWork: 1, Handed: 8, Moved: time.Unix(1_800_000_000, 0).UTC()},
		"l":                 {Until: farAway(), Tried: true, Oldest: time.Unix(1_800_000_000, 5).UTC()},
	}}} {
		raw, err := json.Marshal(a)
		require.NoError(f, err)
		f.Add(raw)
	}
	for _, raw := range []string{`null`, `{"lines":{"":null}}`, `{"lines":{"l":{"in_work":-1,"pending":18446744073709551615}}}`, `[]`} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, err := readAnswer(raw)
		if err != nil {
			require.Equal(t, action.CodeMalformed, action.CodeOf(err))
			return
		}
		for _, p := range a.Lines {
			require.GreaterOrEqual(t, p.InWork, 0)
			s := p.standing(time.Second)
			require.GreaterOrEqual(t, s.Lag(), s.Pending)
		}
	})
}

// FuzzReadKept: what is kept of a packed line is refused, or is a line that is packed, of
// the instance and under the subject, and can be kept again.
func FuzzReadKept(f *testing.F) {
	l := Line{Name: "user-added-hook-1", Instance: "default", Org: "acme", Condition: action.Condition{Phase: action.OnEvent, Match: "user.*"}, Target: "hook", Lanes: 1, Shard: 2, Cut: 7, Revision: 3}
	f.Add([]byte(l.kept()), l.Name)
	l.Name, l.Instance = "other", "default.größe 2"
	f.Add([]byte(l.kept()), l.Name)
	for _, raw := range []string{`{}`, `null`, `{"format":9}`, `{"name":"x","instance":"default","lanes":1,"shard":-1}`} {
		f.Add([]byte(raw), "x")
	}
	f.Fuzz(func(t *testing.T, raw []byte, name string) {
		for _, instance := range bustest.IDs {
			l, ok := readKept(instance, wire.KeptSubject(instance, name), raw)
			if !ok {
				continue
			}
			require.Equal(t, []any{name, instance, true}, []any{l.Name, l.Instance, l.Packed()})
			require.LessOrEqual(t, l.Shard, shards.Most)
			_, _, _ = l.filter(), l.title(), l.shard()
			_, ok = readKept(instance, wire.KeptSubject(instance, name), []byte(l.kept()))
			require.True(t, ok)
		}
	})
}
