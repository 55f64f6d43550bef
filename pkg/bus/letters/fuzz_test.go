package letters

import (
	"encoding/json"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/bus"
)

// FuzzReadFacts: what lies in a dead letter's headers is refused, or can be told
// in JSON and be stored again.
func FuzzReadFacts(f *testing.F) {
	for _, facts := range []string{`{}`, `{"delivery_id":"dlv_1","instance":"default","stored_at":"2026-01-01T00:00:00Z"}`, `null`, ``, `[]`, `{"attempts":-1}`, `{"stored_at":"99999-01-01T00:00:00Z"}`, "{\"target\":\"\xff\"}"} {
		f.Add(facts, "1", "0", []byte(`{}`))
	}
	f.Fuzz(func(t *testing.T, facts, format, place string, body []byte) {
		h := nats.Header{headerFacts: {facts}, "Callout-Format": {format}, headerPlace: {place}, headerApart: {place}}
		_, _ = apart(h)
		i := Letters{bus.Instance{ID: "default"}}
		d, err := i.readFacts(h, body, func(string) bool { return true })
		if err != nil {
			return
		}
		require.Equal(t, string(body), string(d.Body))
		_, err = json.Marshal(d)
		require.NoError(t, err)
		(&Filter{}).Takes(d)
	})
}
