package cli_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPruneAsksOnATerminal before it removes more than half of what there is, in
// whatever instance: what is no yes is a no.
func TestPruneAsksOnATerminal(t *testing.T) {
	t.Parallel()
	p, callout := unconfigured(t)
	kept, other := configuration(t, edited), configuration(t, "targets: {one: {type: webhook, url: https://a.example/one}}\n")
	ask := func(instance, answer string) (code int, said string) {
		outside, inside := terminal(t)
		_, err := outside.WriteString(answer)
		require.NoError(t, err)
		cmd := command(t.Context(), "callout", []string{"CALLOUT_SERVER=" + p.ready["http"]}, "apply", other, "--prune", "--instance", instance)
		var err2 bytes.Buffer
		cmd.Stdin, cmd.Stderr = inside, &err2
		_ = cmd.Run() // the exit code tells
		require.NoError(t, inside.Close())
		return cmd.ProcessState.ExitCode(), err2.String()
	}
	for _, instance := range []string{"default", "acme"} {
		require.Zero(t, callout("", "apply", kept, "--instance", instance).code)
		before := callout("", "export", "--instance", instance).out
		for _, no := range []string{"\n", "n\n", "yesterday\n", "\x04"} {
			code, said := ask(instance, no)
			require.Equal(t, 1, code, "%q", no)
			require.Contains(t, said, "- target audit\n- target new\n- execution request *\n- execution event user_added (user.added)\n"+
				"--prune removes 4 of the 4 objects of instance "+instance+". Go on? [y/N] ")
			require.Contains(t, said, "callout: nothing was changed\n")
			require.Equal(t, before, callout("", "export", "--instance", instance).out)
		}
		code, said := ask(instance, "y\n")
		require.Zero(t, code, said)
		require.Contains(t, callout("", "export", "--instance", instance).out, "https://a.example/one")
	}
}
