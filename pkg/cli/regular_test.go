//go:build unix

package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAConfigurationIsOfRegularFiles: what is none, or too much, is told at
// once, in a folder too; a link to a regular file is read.
func TestAConfigurationIsOfRegularFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, folder := range []string{"of pipes", "of devices", "of links", "of too much", "of files"} {
		require.NoError(t, os.Mkdir(at(folder), 0o700))
	}
	require.NoError(t, syscall.Mkfifo(at("of pipes/a.yaml"), 0o600))
	require.NoError(t, os.Symlink("/dev/zero", at("of devices/a.yaml")))
	require.NoError(t, os.Symlink("../of files/a.yaml", at("of links/a.yaml")))
	require.NoError(t, os.WriteFile(at("of files/a.yaml"), nil, 0o600))
	half := []byte("#" + strings.Repeat(" ", 5<<20))
	for _, name := range []string{"a.yaml", "b.yaml"} {
		require.NoError(t, os.WriteFile(at("of too much/"+name), half, 0o600))
	}
	for path, want := range map[string]string{
		"of pipes":          "it is no regular file",
		"of pipes/a.yaml":   "it is no regular file",
		"of devices":        "it is no regular file",
		"of devices/a.yaml": "it is no regular file",
		"of too much":       "have more than 8388608 bytes together",
		"of links":          "",
	} {
		for _, command := range [][]string{{"check"}, {"apply", "--server", "http://127.0.0.1:1"}, {"explain", "request", "/s.S/M"}} {
			got := runWith(t, "callout", runOptions{dir: dir}, append(command, "-f", path)...)
			if want == "" {
				require.NotContains(t, got.err, "cannot be read", "%s %s", command[0], path)
				continue
			}
			require.NotZero(t, got.code, "%s %s", command[0], path)
			require.Contains(t, got.err, want, "%s %s", command[0], path)
		}
	}
}
