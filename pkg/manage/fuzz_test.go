package manage

import (
	"encoding/base64"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// FuzzPageToken: a token is refused, or is one of the list that it is given to.
func FuzzPageToken(f *testing.F) {
	for _, raw := range []string{`{}`, `{"r":1,"k":{},"l":"x"}`, `{"R":1,"l":"x"}`, `null`, `[]`, `{"r":-1}`, `{"r":18446744073709551615,"k":{"p":-9,"i":-1},"l":"x"}`} {
		f.Add(base64.RawURLEncoding.EncodeToString([]byte(raw)))
	}
	f.Fuzz(func(t *testing.T, text string) {
		l := &listing{token: pageToken{List: "x"}}
		if err := l.read(text); err != nil {
			require.NoError(t, wire.CheckJSON(wire.EncodeError(action.AsError(err, action.StageDecode))))
			return
		}
		require.Equal(t, "x", l.token.List)
		require.NotZero(t, l.token.Revision)
		next, err := l.next(l.token.Revision, l.token.After)
		require.NoError(t, err)
		again := &listing{token: pageToken{List: "x"}}
		require.NoError(t, again.read(next))
		require.Equal(t, l.token, again.token)
	})
}
