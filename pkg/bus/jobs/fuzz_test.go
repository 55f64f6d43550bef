package jobs

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/bus"
)

// FuzzReadJob: a stored job is refused, or can be stored again.
func FuzzReadJob(f *testing.F) {
	for _, raw := range []string{`{}`, `null`, `{"format":2}`, `{"id":"01J","kind":"discard","done":3,"total":-1}`, `[]`, `{"ended":"99999-01-01T00:00:00Z"}`} {
		f.Add([]byte(raw), uint64(3))
	}
	f.Fuzz(func(t *testing.T, raw []byte, revision uint64) {
		j, err := readJob(bus.Value{Key: "key", Bytes: raw, Revision: revision})
		if err != nil {
			return
		}
		_, _ = j.HasEnded(), isID(j.ID)
		_, err = json.Marshal(j)
		require.NoError(t, err)
	})
}
