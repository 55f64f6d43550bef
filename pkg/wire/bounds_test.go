package wire

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

// The grammar of ids, methods and types keeps within these bounds by itself,
// so they can only be reached from inside.
func TestSubjectBounds(t *testing.T) {
	token := func(n int) string { return strings.Repeat("a", n) }
	whole := strings.Repeat(token(511)+".", 5) // 2,560 bytes
	for _, c := range []struct {
		name, subject string
		ok            bool
	}{
		{"a token of 600 bytes", "callout." + token(600), true},
		{"a token of 601 bytes", "callout." + token(601), false},
		{"a token of 601 bytes in front", token(601) + ".x", false},
		{"a subject of 2,560 bytes", whole[:2559] + "a", true},
		{"a subject of 2,561 bytes", whole + "a", false},
	} {
		got, err := checkSubject(c.subject)
		if c.ok {
			require.NoError(t, err, c.name)
			require.Equal(t, c.subject, got, c.name)
			continue
		}
		require.Equal(t, action.CodeBadField, action.CodeOf(err), c.name)
		require.Empty(t, got, c.name)
	}
}
