package conformance_test

import (
	"context"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/conformance"
)

// TestTargetsThatDoNotListen are told of in a moment, whatever they do instead, and nothing stays behind.
func TestTargetsThatDoNotListen(t *testing.T) {
	t.Parallel()
	cases, err := conformance.Cases()
	require.NoError(t, err)
	cases = slices.DeleteFunc(cases, func(c conformance.Case) bool { return c.Fresh || c.Steps[0].Refuses })
	for name, c := range map[string]struct{ script, says string }{
		"an empty line, and nothing":             {"echo; exec sleep 600", "the first line of the target is"},
		"no output any more":                     {"exec >&-; exec sleep 600", "the first line of the target is"},
		"a line without an end":                  {"exec cat /dev/zero", "the first line of the target is"},
		"another line, and a child of its own":   {"setsid sleep 60 & echo hello; exec sleep 600", "the first line of the target is"},
		"another line, and SIGTERM is not heard": {"trap '' TERM; echo hello; while :; do sleep 1; done", "the first line of the target is"},
		"an end":                                 {"exit 3", "has ended before it listened"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to := conformance.Target{Program: conformance.Program{Command: []string{"sh", "-c", c.script}}}
			began := time.Now()
			require.NoError(t, conformance.CheckTarget(t.Context(), to, cases[:1], func(r conformance.Result) {
				require.Equal(t, conformance.Failed, r.Result)
				require.Contains(t, r.Why, c.says)
			}))
			require.Less(t, time.Since(began), 40*time.Second)
		})
	}
}

// TestAVerifierThatDoesNotRead holds up nobody: who asks it is told.
func TestAVerifierThatDoesNotRead(t *testing.T) {
	t.Parallel()
	vectors, err := conformance.Vectors()
	require.NoError(t, err)
	in, to := io.Pipe() // nobody reads
	defer in.Close()
	out, from := io.Pipe() // nobody writes
	defer from.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- conformance.CheckVerifier(ctx, conformance.Verifier{In: to, Out: out}, vectors, func(conformance.Result) {})
	}()
	select {
	case err := <-ended:
		require.Error(t, err)
	case <-time.After(30 * time.Second):
		require.Fail(t, "it waits for ever")
	}
}
