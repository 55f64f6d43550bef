package attempts

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/callout-hq/callout/pkg/bus"
)

// FuzzRead: what lies in a log of attempts is refused, or can be told over the wire
// and be stored again.
func FuzzRead(f *testing.F) {
	for _, body := range []string{
		`{}`, `null`, ``, `[]`, `{"format":2}`, `{"delivery_id":"a","instance":"default","target":"t","phase":"event","decision":"retry"}`,
		`{"delivery_id":"a","instance":"default","target":"t","phase":"event","name":"a.b","decision":"delivered","began":"2026-01-01T00:00:00Z","ended":"9999-12-31T23:59:59Z","answer":{"body":"x"}}`,
		"{\"target\":\"\xff\"}",
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		l := Log{bus.Instance{ID: "default"}}
		var named Record
		_ = json.Unmarshal(body, &named)
		named.Instance = l.ID
		r, err := l.read(bus.Message{Subject: named.subject(), Body: body})
		if err != nil {
			return
		}
		for _, at := range []time.Time{r.Began, r.Ended} {
			require.NoError(t, timestamppb.New(at).CheckValid())
		}
		text, err := r.append(nil)
		require.NoError(t, err)
		again, err := l.read(bus.Message{Subject: r.subject(), Body: text})
		require.NoError(t, err)
		requireSame(t, r, again)
		require.NotEmpty(t, r.State())
		(&Filter{EventType: "a.*"}).about(&r)
	})
}
