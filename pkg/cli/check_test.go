package cli_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files anew")

const examples = "../catalog/file/testdata"

// golden holds a text against a file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func TestCheck(t *testing.T) {
	t.Parallel()
	example, err := os.ReadFile(filepath.Join(examples, "epic.yaml"))
	require.NoError(t, err)
	for _, tt := range []struct {
		name   string
		args   []string
		stdin  string
		code   int
		golden string // of stdout
		err    string // stderr
	}{
		{"flawed", []string{"-f", "epic.yaml"}, "", 1, "check-flawed.golden", ""},
		{"mended", []string{"-f", "epic-mended.yaml"}, "", 0, "check-mended.golden", ""},
		{"every key", []string{"--file=callout.yaml"}, "", 0, "check-every-key.golden", ""},
		{"standard input", []string{"-f", "-"}, string(example), 1, "check-stdin.golden", ""},
		{"nothing on standard input", []string{"-f", "-"}, "", 1, "check-empty.golden", ""},
		{"missing file", []string{"-f", "lost.yaml"}, "", 1, "",
			"callout: the configuration cannot be read: open lost.yaml: no such file or directory (give another with -f)\n"},
		{"no file named", nil, "", 2, "",
			"callout: no FILE is given: which is to be checked? - reads standard input\nSee \"callout check --help\".\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := runWith(t, "callout", runOptions{dir: examples, stdin: tt.stdin}, append([]string{"check"}, tt.args...)...)
			require.Equal(t, tt.code, got.code, got.err)
			require.Equal(t, tt.err, got.err)
			if tt.golden == "" {
				require.Empty(t, got.out)
				return
			}
			golden(t, tt.golden, got.out)
		})
	}
}

// What the flawed example is about, in numbers, so that a golden file written
// anew cannot hide a loss.
func TestCheckCounts(t *testing.T) {
	t.Parallel()
	got := runWith(t, "callout", runOptions{dir: examples}, "check", "-f", "epic.yaml")
	require.Equal(t, 10, strings.Count(got.out, ": error: "))
	require.Equal(t, 5, strings.Count(got.out, ": warning: "))
	require.True(t, strings.HasSuffix(got.out, "\nepic.yaml: 10 errors, 5 warnings\n"), got.out)
}
