package cli

import (
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

const referenceFile = "../../docs/cli.md"

// TestReference holds docs/cli.md against the commands' own definitions.
func TestReference(t *testing.T) {
	t.Parallel()
	want := reference()
	if flag.Lookup("update").Value.String() == "true" {
		require.NoError(t, os.WriteFile(referenceFile, []byte(want), 0o644))
	}
	got, err := os.ReadFile(referenceFile)
	require.NoError(t, err)
	have := strings.Split(string(got), "\n")
	for i, line := range strings.Split(want, "\n") { // the whole is too long to show
		require.True(t, i < len(have) && have[i] == line, "docs/cli.md, line %d, is to be %q; run: task generate", i+1, line)
	}
	require.Len(t, string(got), len(want), "docs/cli.md has more at its end; run: task generate")
}

// TestEveryCommandIsDescribed: what it does, in a line and at length, and an
// example.
func TestEveryCommandIsDescribed(t *testing.T) {
	t.Parallel()
	for _, root := range roots() {
		for _, cmd := range append([]*cobra.Command{root}, below(root)...) {
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

// below lists the commands below one, in the order of their definition.
func below(cmd *cobra.Command) []*cobra.Command {
	var all []*cobra.Command
	for _, sub := range cmd.Commands() {
		if !sub.Hidden {
			all = append(append(all, sub), below(sub)...)
		}
	}
	return all
}

// common are the flags of every command that asks a server; they are described
// once.
var common = []string{"server", "instance", "token", "context", "json"}

func reference() string {
	var b strings.Builder
	b.WriteString("# Command line\n\nThis file is written from the commands themselves by `task generate`; a test holds it there.\n" +
		"`callout COMMAND --help` shows the same.\n")
	all := roots()
	contents(&b, all[0])
	for _, root := range all {
		section(&b, root)
		for _, cmd := range below(root) {
			section(&b, cmd)
		}
		if root == all[0] {
			askingFlags(&b, root)
		}
	}
	return b.String()
}

func contents(b *strings.Builder, root *cobra.Command) {
	for _, g := range root.Groups() {
		fmt.Fprintf(b, "\n**%s**\n\n", strings.TrimSuffix(g.Title, ":"))
		for _, cmd := range root.Commands() {
			if cmd.GroupID == g.ID {
				fmt.Fprintf(b, "- [%s](#%s): %s\n", cmd.CommandPath(), anchor(cmd), cmd.Short)
			}
		}
	}
}

func anchor(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

func section(b *strings.Builder, cmd *cobra.Command) {
	fmt.Fprintf(b, "\n## %s\n\n", cmd.CommandPath())
	if cmd.Runnable() {
		fmt.Fprintf(b, "```\n%s\n```\n\n", usageOf(cmd))
	}
	b.WriteString(markdown(cmd.Long))
	if len(cmd.Aliases) > 0 {
		fmt.Fprintf(b, "\nAlso: `%s`.\n", strings.Join(cmd.Aliases, "`, `"))
	}
	if subs := cmd.Commands(); cmd.HasParent() && len(subs) > 0 {
		b.WriteString("\n")
		for _, sub := range subs {
			fmt.Fprintf(b, "- [%s](#%s): %s\n", sub.CommandPath(), anchor(sub), sub.Short)
		}
	}
	fmt.Fprintf(b, "\n```sh\n%s\n```\n", dedented(cmd.Example))
	flagTable(b, cmd.LocalFlags(), func(f *pflag.Flag) bool {
		asks := cmd.Flags().Lookup("context") != nil
		return f.Name != "help" && (!asks || !slices.Contains(common, f.Name))
	})
	if cmd.Flags().Lookup("context") != nil {
		b.WriteString("\nAnd [those of every command that asks a server](#the-server).\n")
	}
}

func usageOf(cmd *cobra.Command) string {
	if cmd.HasParent() {
		return cmd.Parent().CommandPath() + " " + cmd.Use
	}
	return cmd.Use
}

// markdown keeps the paragraphs of a help text, and puts its tables into blocks.
func markdown(text string) string {
	var out []string
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		if strings.HasPrefix(paragraph, "  ") || strings.Contains(paragraph, "\n  ") {
			paragraph = "```\n" + dedented(paragraph) + "\n```"
		} else {
			paragraph = strings.NewReplacer("*", `\*`, "<", `\<`, "_", `\_`).Replace(paragraph)
		}
		out = append(out, paragraph)
	}
	return strings.Join(out, "\n\n") + "\n"
}

func dedented(text string) string {
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		lines = append(lines, strings.TrimPrefix(line, "  "))
	}
	return strings.Join(lines, "\n")
}

func flagTable(b *strings.Builder, flags *pflag.FlagSet, shown func(*pflag.Flag) bool) {
	var rows []string
	flags.VisitAll(func(f *pflag.Flag) {
		if !shown(f) {
			return
		}
		value, use := pflag.UnquoteUsage(f)
		name := "`--" + f.Name
		if f.Shorthand != "" {
			name = "`-" + f.Shorthand + "`, " + name
		}
		if value != "" {
			name += " " + value
		}
		usual := ""
		if !slices.Contains([]string{"", "false", "0", "0s", "[]"}, f.DefValue) {
			usual = "`" + f.DefValue + "`"
		}
		rows = append(rows, fmt.Sprintf("| %s` | %s | %s |", name, usual, strings.ReplaceAll(use, "|", `\|`)))
	})
	if len(rows) > 0 {
		fmt.Fprintf(b, "\n| flag | default | |\n|---|---|---|\n%s\n", strings.Join(rows, "\n"))
	}
}

// askingFlags describes the flags that common names.
func askingFlags(b *strings.Builder, root *cobra.Command) {
	b.WriteString("\n## The server\n\nEvery command that asks a server has these flags. What counts is, in this order: the flag, its\n" +
		"variable (`CALLOUT_SERVER` and so on), the [context](#callout-context), the default.\n")
	cmd, _, err := root.Find([]string{"export"})
	if err != nil {
		panic(err) // there is such a command
	}
	flagTable(b, cmd.Flags(), func(f *pflag.Flag) bool { return slices.Contains(common, f.Name) })
}
