package lead

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzReadRota: what this version does not know in full is left alone, and what it
// knows leads to one that can be stored and read again.
func FuzzReadRota(f *testing.F) {
	for _, raw := range []string{``, `{}`, `{"leader":"a","beat":3,"waiting":["b","c"]}`, `{"leader":"a","more":1}`, `null`, `[]`, `{"beat":-1}`, `{"leader":"","waiting":["a","a"]}`} {
		f.Add([]byte(raw), "a", true)
	}
	f.Fuzz(func(t *testing.T, raw []byte, ticket string, late bool) {
		r, ok := readRota(raw)
		if !ok {
			require.Equal(t, rota{}, r)
			return
		}
		for _, next := range []func() (rota, bool){func() (rota, bool) { return r.next(ticket, late) }, func() (rota, bool) { return r.left(ticket) }} {
			n, write := next()
			if !write {
				continue
			}
			again, err := json.Marshal(n)
			require.NoError(t, err)
			_, ok := readRota(again)
			require.True(t, ok)
		}
	})
}
