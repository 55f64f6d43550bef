package house

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fakeGo downloads two modules, takes until somebody lets it go on, and fails when
// it is told to.
const fakeGo = `#!/bin/sh
echo "go: downloading example.com/a v1.0.0" >&2
echo "go: downloading example.com/b v1.0.0" >&2
while [ ! -e "$GO_ON" ]; do sleep 0.01; done
exit "$(cat "$GO_ON")"
`

// install runs what `task test` does first, with a Go command that is ours. It gives
// each line that is printed to look.
func install(t *testing.T, ends string, look func(line string)) (printed []string, said string, err error) {
	t.Helper()
	dir := t.TempDir()
	goOn := filepath.Join(dir, "go-on")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go"), []byte(fakeGo), 0o700))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", filepath.Join(root, "deploy/tools/install.sh"), "tests", "./pkg/x")
	cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "GO_ON="+goOn, "CALLOUT_HEARTBEAT=1")
	var log bytes.Buffer
	cmd.Stderr = &log
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	for lines := bufio.NewScanner(out); lines.Scan(); {
		printed = append(printed, lines.Text())
		if len(printed) == 3 { // it has said that it goes on
			require.NoError(t, os.WriteFile(goOn, []byte(ends), 0o600))
		}
		look(lines.Text())
	}
	return printed, log.String(), cmd.Wait()
}

// TestInstallIsNotSilent while it takes long, and shows nothing of what the Go
// command downloads but how much it is.
func TestInstallIsNotSilent(t *testing.T) {
	t.Parallel()
	printed, said, err := install(t, "0", func(line string) { require.NotContains(t, line, "go: downloading") })
	require.NoError(t, err, said)
	require.Empty(t, said)
	require.Equal(t, []string{"Compiling the tests, which takes minutes the first time:", "  ./pkg/x", "    still at it: 1 s, 2 modules downloaded"}, printed[:3])
}

// TestInstallTellsWhyItFailed with all that the step said.
func TestInstallTellsWhyItFailed(t *testing.T) {
	t.Parallel()
	_, said, err := install(t, "3", func(string) {})
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 3, exit.ExitCode())
	require.Contains(t, said, "go: downloading example.com/b v1.0.0")
}
