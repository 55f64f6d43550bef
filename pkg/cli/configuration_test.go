package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// configuration writes a file of its own for a test.
func configuration(t *testing.T, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "callout.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// replace puts another file in the place of path, in one step as editors do.
func replace(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, swap(path, text))
}

func swap(path, text string) error {
	next := path + ".next"
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(next, path)
}

// dev starts `callout dev` on free ports.
func dev(t *testing.T, tg *target, file string, args ...string) *process {
	t.Helper()
	args = append([]string{"dev", "-f", file, "--listen", "127.0.0.1:0", "--nats-listen", "127.0.0.1:0"}, args...)
	return start(t, "callout", tg.env(), args...)
}

// fill puts the address of a target and the place of its key into a
// configuration, and whatever else is to stand for a word.
func fill(tg *target, text string, more ...string) string {
	return strings.NewReplacer(append(more, "URL", tg.URL, "KEY", "signing_key: {env: "+keyVariable+"}")...).Replace(text)
}
