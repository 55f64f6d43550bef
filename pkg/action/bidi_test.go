package action

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEscapeBidi(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "", "plain größe ✓": "plain größe ✓", "a\u202eb\u2066c": `a\u202eb\u2066c`, "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u2067\u2068\u2069": `\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u2067\u2068\u2069`,
		"\xff\u202e": "\ufffd" + `\u202e`,
	} {
		require.Equal(t, want, EscapeBidi(text))
		require.Equal(t, want, ShownText(text))
	}
	raw, err := json.Marshal("x\u202ey")
	require.NoError(t, err)
	var back string
	require.NoError(t, json.Unmarshal([]byte(EscapeBidi(string(raw))), &back))
	require.Equal(t, "x\u202ey", back, "in JSON it is the same value")
}
