package catalog

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden holds text against testdata/NAME.golden.
func golden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), text)
}

// matchFile is the configuration that the tests of matching share with others.
func matchFile(t testing.TB) string {
	t.Helper()
	src, err := os.ReadFile(filepath.Join("file", "testdata", "match.yaml"))
	require.NoError(t, err)
	return string(src)
}

func show(problems []Problem) string {
	var b strings.Builder
	for _, p := range problems {
		b.WriteString(p.String() + "\n")
	}
	return b.String()
}

func count(problems []Problem, s Severity) (n int) {
	for _, p := range problems {
		if p.Severity == s {
			n++
		}
	}
	return n
}

// ParseFile is file.Parse. The tests write their catalogs as files, and package
// file, which imports this one, can only be imported from outside of it.
var ParseFile func(name string, src []byte) (*Snapshot, []Problem)

// parsed reads a text that must have no errors.
func parsed(t testing.TB, src string) *Snapshot {
	t.Helper()
	s, problems := ParseFile("test.yaml", []byte(src))
	require.NotNil(t, s, show(problems))
	return s
}

func compiled(t testing.TB, src string) *Matcher {
	t.Helper()
	m, err := Compile(parsed(t, src))
	require.NoError(t, err)
	return m
}
