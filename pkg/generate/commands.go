package generate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// common are the flags of every command that asks a server; they are described
// once.
var common = []string{"server", "instance", "token", "context", "json"}

// Commands writes docs/cli.md, the reference of the command line, from the
// programs' own definitions. The first program has the commands that ask a
// server, export among them.
func Commands(programs []*cobra.Command) string {
	var b strings.Builder
	b.WriteString("# Command line\n\nThis file is written from the commands themselves by `task generate`; a test holds it there.\n" +
		"`callout COMMAND --help` shows the same.\n")
	contents(&b, programs[0])
	for _, root := range programs {
		section(&b, root)
		for _, cmd := range Below(root) {
			section(&b, cmd)
		}
		if root == programs[0] {
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
				fmt.Fprintf(b, "- [%s](#%s): %s\n", cmd.CommandPath(), commandAnchor(cmd), cmd.Short)
			}
		}
	}
}

func commandAnchor(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

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
			fmt.Fprintf(b, "- [%s](#%s): %s\n", sub.CommandPath(), commandAnchor(sub), sub.Short)
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

// Below lists the commands below one, in the order of their definition.
func Below(cmd *cobra.Command) []*cobra.Command {
	var all []*cobra.Command
	for _, sub := range cmd.Commands() {
		if !sub.Hidden {
			all = append(append(all, sub), Below(sub)...)
		}
	}
	return all
}
