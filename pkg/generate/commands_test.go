package generate

import (
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

// program has a command that asks a server, one that does not, a hidden one, and
// one below another.
func program() *cobra.Command {
	run := func(*cobra.Command, []string) {}
	root := &cobra.Command{Use: "tool", Short: "Do things", Long: "Does <things>.\n\n  a  first\n  b  second", Example: "  tool export\n  tool --help"}
	root.AddGroup(&cobra.Group{ID: "all", Title: "Everything:"})
	export := &cobra.Command{Use: "export [FILE]", Short: "Write a file", Long: "Writes a_file.", Example: "  tool export", Aliases: []string{"write"}, GroupID: "all", Run: run}
	export.Flags().StringP("format", "f", "yaml", "`FORM` of it: a|b")
	export.Flags().String("server", "", "`URL` of the server")
	export.Flags().String("context", "", "`NAME` of the context")
	get := &cobra.Command{Use: "get", Short: "Show", Long: "Shows.", Example: "  tool get one", GroupID: "all"}
	get.AddCommand(&cobra.Command{Use: "one", Short: "Show one", Long: "Shows one.", Example: "  tool get one", Run: run})
	root.AddCommand(export, get, &cobra.Command{Use: "secret", Hidden: true, Run: run})
	return root
}

func TestBelow(t *testing.T) {
	var paths []string
	for _, cmd := range Below(program()) {
		paths = append(paths, cmd.CommandPath())
	}
	require.Equal(t, []string{"tool export", "tool get", "tool get one"}, paths)
}

func TestCommands(t *testing.T) {
	require.Equal(t, `# Command line

This file is written from the commands themselves by `+"`task generate`"+`; a test holds it there.
`+"`callout COMMAND --help`"+` shows the same.

**Everything**

- [tool export](#tool-export): Write a file
- [tool get](#tool-get): Show

## tool

Does \<things>.

`+"```\na  first\nb  second\n```"+`

`+"```sh\ntool export\ntool --help\n```"+`

## tool export

`+"```\ntool export [FILE]\n```"+`

Writes a\_file.

Also: `+"`write`"+`.

`+"```sh\ntool export\n```"+`

| flag | default | |
|---|---|---|
| `+"`-f`, `--format FORM` | `yaml`"+` | FORM of it: a\|b |

And [those of every command that asks a server](#the-server).

## tool get

Shows.

- [tool get one](#tool-get-one): Show one

`+"```sh\ntool get one\n```"+`

## tool get one

`+"```\ntool get one\n```"+`

Shows one.

`+"```sh\ntool get one\n```"+`

## The server

Every command that asks a server has these flags. What counts is, in this order: the flag, its
variable (`+"`CALLOUT_SERVER`"+` and so on), the [context](#callout-context), the default.

| flag | default | |
|---|---|---|
| `+"`--context NAME`"+` |  | NAME of the context |
| `+"`--server URL`"+` |  | URL of the server |
`, Commands([]*cobra.Command{program()}))
}
