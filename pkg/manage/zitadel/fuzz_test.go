package zitadel

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/wire"
)

// FuzzDecode: a body is refused, or read as it stands; what is answered is JSON.
func FuzzDecode(f *testing.F) {
	for _, raw := range []string{`{}`, `{"name":"a","restWebhook":{"interruptOnError":true},"timeout":"10s"}`, `{"rest_webhook":{},"restWebhook":{}}`, `null`, `[]`, "{\"name\":\"\xff\"}", `{"pagination":{"limit":"7","offset":-1}}`, `{"timeout":"1e9s"}`, `{"a_":1,"_a":2,"a__b":3}`} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var m map[string]any
		if err := decode(raw, &m); err != nil {
			return
		}
		require.NoError(t, wire.CheckJSON(encode(m)))
		for _, into := range []any{new(createTargetRequest), new(target), new(setExecutionRequest), new(listExecutionsRequest), new(targetID), new(pagination), new(condition)} {
			_ = decode(raw, into)
		}
	})
}
