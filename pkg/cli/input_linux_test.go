package cli_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestInterruptWhileReadingATerminal: who types is told what is waited for, and
// the first Ctrl-C ends the command.
func TestInterruptWhileReadingATerminal(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"apply": {"apply", "-f", "-"}, "check": {"check", "-f", "-"}, "explain": {"explain", "event", "user.added", "-f", "-"},
		"publish": {"events", "publish"}, "trigger": {"trigger", "event", "user.added", "--url", "http://127.0.0.1:1", "--body", "-"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, inside := terminal(t)
			p := newProcess("callout", nil, args...)
			p.cmd.Stdin = inside
			require.NoError(t, p.start(t))
			p.log.await(t, "reading from the terminal; end with Ctrl-D\n")
			code, took := p.stop(t, interrupt)
			require.Equal(t, 1, code)
			require.Less(t, took, bound/2)
		})
	}
	outside, inside := terminal(t)
	p := newProcess("callout", nil, "check", "-f", "-", "--allow-empty")
	p.cmd.Stdin = inside
	require.NoError(t, p.start(t))
	p.log.await(t, "end with Ctrl-D")
	_, err := outside.Write([]byte("version: 1\n\x04"))
	require.NoError(t, err)
	select {
	case <-p.done:
		require.Zero(t, p.cmd.ProcessState.ExitCode(), p.log)
	case <-time.After(bound):
		t.Fatal("Ctrl-D does not end the input")
	}
	require.True(t, bytes.Contains([]byte(p.out.String()), []byte("stdin: 0 errors")), p.out)
}
