package lines

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
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
