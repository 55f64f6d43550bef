package cli

import (
	"embed"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/scaffold"
	"github.com/callout-hq/callout/pkg/sign"
)

// startFiles are what init writes: start/any for each language, and its own.
// Go's are texts here, so that they are no package of ours.
//
//go:embed start
var startFiles embed.FS

// startLanguages are the folders below start, and how a file of theirs is run.
var startLanguages = []struct{ name, run, ending string }{
	{"go", "go run", ".go"},
	{"python", "python3", ".py"},
	{"node", "node", ".mjs"},
}

// keyFile is where init puts the signing key, and where its files look for it.
const keyFile = "signing.key"

func (p *Program) initCommand() *cobra.Command {
	var language string
	cmd := &cobra.Command{
		Use:   "init [DIR] [--core go|python|node]",
		Short: "Write a folder to begin with: a configuration, a target and a core",
		Long: `Writes a folder to begin with, and the lines to try it: a configuration, a target
that verifies both signatures, refuses, changes a request and takes events, a small
core that makes a call and publishes an event, and a signing key. The target and the
core need nothing but the standard library of their language: they show what is on the
wire, to be read and tried. A target that is to stay is begun by "callout generate":
over an SDK, which verifies, decodes, keeps to the deadline and drains for you.

DIR is made when it is not there, and must be empty when it is. Left out, it is the
present folder.`,
		Example: "  callout init try\n  callout init try --core python",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return &usageError{fmt.Errorf("%s takes one DIR, not %d", cmd.CommandPath(), len(args))}
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			dir := "."
			if len(args) == 1 {
				dir = args[0]
			}
			return p.init(dir, language)
		},
	}
	cmd.Flags().StringVar(&language, "core", startLanguages[0].name, "the `LANGUAGE` of the core and the target: go, python or node")
	complete(cmd, "core", cobra.FixedCompletions([]string{"go", "python", "node"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (p *Program) init(dir, language string) error {
	files, err := filesToStart(language)
	if err != nil {
		return &usageError{err}
	}
	files[keyFile] = sign.NewKey() + "\n"
	if err := scaffold.WriteNew(dir, files); err != nil {
		return err
	}
	return p.tellStart(dir, language, files)
}

// filesToStart are the files of a language by their names, without the key.
func filesToStart(language string) (map[string]string, error) {
	if runOf(language, "") == "" {
		return nil, fmt.Errorf("--core %q: go, python or node is known", language)
	}
	files := map[string]string{}
	for _, dir := range []string{"any", language} {
		entries, err := startFiles.ReadDir(path.Join("start", dir))
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			text, err := startFiles.ReadFile(path.Join("start", dir, e.Name()))
			if err != nil {
				return nil, err
			}
			files[startName(e.Name())] = string(text)
		}
	}
	return files, nil
}

// startName is how a file of start is called where it is written.
func startName(embedded string) string {
	if embedded == "gitignore" {
		return ".gitignore"
	}
	return strings.TrimSuffix(embedded, ".txt")
}

// runOf is the line that runs a file of a language; empty when it is not known.
func runOf(language, file string) string {
	for _, l := range startLanguages {
		if l.name == language {
			return l.run + " " + file + l.ending
		}
	}
	return ""
}

// tellStart says what is there now, and the lines to try it.
func (p *Program) tellStart(dir, language string, files map[string]string) error {
	enter := ""
	if dir != "." {
		enter = "cd " + scaffold.ShellWord(dir) + " && "
	}
	names := slices.Sorted(maps.Keys(files))
	return p.say(`%s has %s. Try it, each line in a shell of its own:

  %s%s
  %scallout dev -f callout.yaml
  %s%s

How to go on: docs/targets.md and docs/core.md of Callout.
`, dir, strings.Join(names, ", "), enter, runOf(language, "target"), enter, enter, runOf(language, "core"))
}
