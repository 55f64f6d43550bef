package cli_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// toldTerminal runs a command whose messages go to a terminal, and gives what
// arrives there, and its results, which go to a pipe.
func toldTerminal(t *testing.T, env []string, args ...string) (told, out string) {
	t.Helper()
	outside, inside := terminal(t)
	cmd := command(t.Context(), "callout", env, args...)
	var results bytes.Buffer
	cmd.Stdout, cmd.Stderr = &results, inside
	require.NoError(t, cmd.Start())
	require.NoError(t, inside.Close())
	var text strings.Builder
	_, _ = io.Copy(&text, outside) // a terminal ends with an error when nobody holds its inside
	require.NoError(t, cmd.Wait())
	return text.String(), results.String()
}

// TestKeysOnATerminal: the keys that an apply makes are shown to who reads a
// terminal, once, and are in no result.
func TestKeysOnATerminal(t *testing.T) {
	t.Parallel()
	p, callout := unconfigured(t, "--keys-dir", keysDir(t))
	file := filepath.Join(t.TempDir(), "callout.yaml")
	require.NoError(t, os.WriteFile(file, []byte(keyed), 0o600))
	env := []string{"CALLOUT_SERVER=" + p.ready["http"]}
	told, out := toldTerminal(t, env, "apply", "-f", file, "-o", "json")
	require.Regexp(t, regexp.MustCompile(`signing keys, shown this once:\r\naudit whsec_\S+\r\nacme co:audit whsec_\S+\r\n`), told)
	require.NotContains(t, out, "whsec_")
	told, _ = toldTerminal(t, env, "apply", "-f", file)
	require.NotContains(t, told, "whsec_", "it was made by an apply before")
	require.NotContains(t, callout("", "export").out, "whsec_")
	require.NotContains(t, p.log.String(), "whsec_")
}
