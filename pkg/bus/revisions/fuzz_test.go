package revisions

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

// FuzzReadRoot reads what may stand under an instance's root and in its markers:
// it is refused by name, or read.
func FuzzReadRoot(f *testing.F) {
	for _, raw := range []string{`{}`, `{"revision":7,"cut":3}`, `{"format":2}`, `null`, `{`, ``, `{"revision":-1}`, `{"revision":18446744073709551615,"cut":18446744073709551615}`, `[]`} {
		f.Add([]byte(raw), uint64(1))
	}
	f.Fuzz(func(t *testing.T, raw []byte, at uint64) {
		if _, err := readRoot(raw); err != nil {
			require.Contains(t, []action.Code{action.CodeUnreadable, action.CodeNewer}, action.CodeOf(err))
		}
		m, err := readMarker(raw, at)
		if err != nil {
			require.Contains(t, []action.Code{action.CodeUnreadable, action.CodeNewer}, action.CodeOf(err))
			return
		}
		require.Equal(t, at, m.cut, "where it lies is told by the stream")
	})
}
