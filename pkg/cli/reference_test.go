package cli

import (
	"flag"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/generate"
)

const referenceFile = "../../docs/cli.md"

// TestReference holds docs/cli.md against the commands' own definitions.
func TestReference(t *testing.T) {
	t.Parallel()
	want := generate.Commands(roots())
	if flag.Lookup("update").Value.String() == "true" {
		require.NoError(t, os.WriteFile(referenceFile, []byte(want), 0o644))
	}
	have, err := os.ReadFile(referenceFile)
	require.NoError(t, err)
	require.NoError(t, generate.Drift(string(have), want), "docs/cli.md")
}

// TestEveryCommandIsDescribed: what it does, in a line and at length, and an
// example.
func TestEveryCommandIsDescribed(t *testing.T) {
	t.Parallel()
	for _, root := range roots() {
		for _, cmd := range append([]*cobra.Command{root}, generate.Below(root)...) {
			require.NotEmpty(t, cmd.Short, cmd.CommandPath())
			require.NotEmpty(t, cmd.Long, cmd.CommandPath())
			require.Contains(t, cmd.Example, "  "+root.Name(), cmd.CommandPath())
			require.NotContains(t, cmd.Short, ".", "%s: a heading, not a sentence", cmd.CommandPath())
			for line := range strings.Lines(cmd.Long) {
				require.LessOrEqual(t, len([]rune(strings.TrimRight(line, "\n"))), 160, "%s: %s", cmd.CommandPath(), line)
			}
			if cmd.HasParent() && !cmd.Parent().HasParent() {
				require.NotEmpty(t, cmd.GroupID, "%s stands in no group of the help", cmd.CommandPath())
			}
			cmd.Flags().VisitAll(func(f *pflag.Flag) { require.NotEmpty(t, f.Usage, "%s --%s", cmd.CommandPath(), f.Name) })
		}
	}
}

// roots are the programs.
func roots() []*cobra.Command {
	p := &Program{Out: io.Discard, Err: io.Discard, Getenv: func(string) string { return "" }}
	return []*cobra.Command{p.calloutCommand(), p.dispatcherCommand(), p.workerCommand()}
}
