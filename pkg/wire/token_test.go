package wire_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

func TestToken(t *testing.T) {
	for _, c := range []struct{ id, token string }{
		{"", "="},
		{"=", "=3D"},
		{"default", "default"},
		{"AZaz09_-", "AZaz09_-"},
		{"a.b", "a=2Eb"},
		{".", "=2E"},
		{"*", "=2A"},
		{">", "=3E"},
		{"a*", "a=2A"},
		{"a b", "a=20b"},
		{"$JS", "=24JS"},
		{"a/b:c", "a=2Fb=3Ac"},
		{"=2E", "=3D2E"},
		{"\r\n\x00", "=0D=0A=00"},
		{"ü", "=C3=BC"},
		{"日本", "=E6=97=A5=E6=9C=AC"},
		{"\xff\xfe", "=FF=FE"},
	} {
		require.Equal(t, c.token, wire.Token(c.id), "%q", c.id)
		back, err := wire.ID(c.token)
		require.NoError(t, err, "%q", c.token)
		require.Equal(t, c.id, back)
	}
}

// TestOneIDHasOneToken: another spelling of the same id would pass by the
// filters that were made for it.
func TestOneIDHasOneToken(t *testing.T) {
	for _, token := range []string{
		"", "==", "===", "=2", "a=", "a=2", "=2e", "=c3=bc", "=g0", "=GG", "=2G", "=G2",
		"=61", "=41", "=30", "=5F", "=2D", "a=62c", // letters need no escape
		"a.b", "a*", "*", ">", "a b", "ü", "a\n", "\x00", "=3", "=3D=", "a=2E=",
	} {
		id, err := wire.ID(token)
		require.Equal(t, action.CodeBadField, action.CodeOf(err), "%q", token)
		require.Empty(t, id)
	}
}

func TestTokenIsReversibleAndLegalEverywhere(t *testing.T) {
	ids := rapid.OneOf(
		rapid.String(),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
		rapid.StringMatching(`[.*>= a-f0-9A-F-]{0,12}`),
	)
	rapid.Check(t, func(t *rapid.T) {
		id, other := ids.Draw(t, "id"), ids.Draw(t, "other")
		token := wire.Token(id)
		back, err := wire.ID(token)
		require.NoError(t, err)
		require.Equal(t, id, back)
		require.Equal(t, id == other, token == wire.Token(other))
		require.Regexp(t, `^[-_=a-zA-Z0-9]+$`, token, "one subject token, and a part of a KV key")
		require.LessOrEqual(t, len(token), max(1, 3*len(id)))
	})
}

func TestALegalIDFitsInAToken(t *testing.T) {
	for _, unit := range []string{"a", ".", "ü", "日日", "🙂"} {
		id := strings.Repeat(unit, action.MaxID/len(unit))
		require.NoError(t, action.CheckID(id))
		require.LessOrEqual(t, len(wire.Token(id)), action.MaxToken)
	}
}

func FuzzID(f *testing.F) {
	for _, seed := range []string{"", "=", "==", "=2E", "=2e", "=61", "a=2Eb", "ü", "a.b", "=C3=BC", "=2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		id, err := wire.ID(token)
		if err == nil {
			require.Equal(t, token, wire.Token(id), "read, so written so")
		} else {
			require.Equal(t, action.CodeBadField, action.CodeOf(err))
		}
		back, err := wire.ID(wire.Token(token))
		require.NoError(t, err)
		require.Equal(t, token, back)
	})
}
