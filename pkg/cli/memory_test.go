package cli_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// With --data "" nothing is kept: what the broker writes on the way is gone
// after a stop, and after a start that failed.
func TestNothingKept(t *testing.T) {
	t.Parallel()
	tg := newTarget(t, nil)
	tmp, cwd := t.TempDir(), t.TempDir()
	o := runOptions{dir: cwd, env: []string{"TMPDIR=" + tmp}}
	got := runWith(t, "callout", o, "dev", "--data", "", "--listen", taken(t), "--nats-listen", free(t))
	require.Equal(t, 1, got.code, got.err)
	empty(t, tmp, cwd)

	p := start(t, "callout", append(tg.env(), o.env...), "dev", "--data=", "-f", configuration(t, named(tg, "it")),
		"--listen", "127.0.0.1:0", "--nats-listen", "127.0.0.1:0")
	code, took := p.stop(t, terminate)
	require.Zero(t, code)
	require.Less(t, took, stopIn)
	empty(t, tmp, cwd)
}

func empty(t *testing.T, dirs ...string) {
	t.Helper()
	for _, dir := range dirs {
		left, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Empty(t, left)
	}
}
