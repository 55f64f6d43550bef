package dispatch

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTypingsAreBounded in number and in bytes: what was asked for last is kept, and an
// instance that asks for many pushes out its own.
func TestTypingsAreBounded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ size, puts int }{
		"by their number": {1, 3 * mostTypes}, "by their bytes": {mostTypeBytes / 16, 64}, "too large alone": {mostTypeBytes/2 + 1, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kept := newTypings()
			quiet := typingOf{"quiet", ""}
			kept.put(quiet, &typing{revision: "1", text: make([]byte, 10)})
			text := make([]byte, c.size)
			core := func(n int) typingOf { return typingOf{"loud", fmt.Sprint("core ", n)} }
			for n := range c.puts {
				kept.put(core(n), &typing{revision: "1", text: text})
				kept.get(core(0), "1")
				require.LessOrEqual(t, len(kept.kept), mostTypes)
				require.LessOrEqual(t, kept.bytes, int64(mostTypeBytes))
			}
			require.NotNil(t, kept.get(quiet, "1"), "another instance's stays")
			fits := c.size <= mostTypeBytes/2
			require.Equal(t, fits, kept.get(core(0), "1") != nil, "it was asked for again and again")
			require.Equal(t, fits, kept.get(core(c.puts-1), "1") != nil, "the last one")
			require.Nil(t, kept.get(core(1), "1"), "it was asked for once")
			require.Nil(t, kept.get(quiet, "2"), "of other declarations")
			kept.put(quiet, &typing{revision: "2", text: make([]byte, 20)})
			require.Nil(t, kept.get(quiet, "1"))
			kept.forget("loud")
			require.Len(t, kept.kept, 1)
			require.EqualValues(t, 20, kept.bytes)
		})
	}
}
