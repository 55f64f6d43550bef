package cli

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

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
core need nothing but the standard library of their language.

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
	if err := writeStart(dir, files); err != nil {
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

// writeStart writes all of the files, or leaves nothing behind. Nothing is ever
// written over.
func writeStart(dir string, files map[string]string) (err error) {
	there, err := os.ReadDir(dir)
	isNew := errors.Is(err, fs.ErrNotExist)
	switch {
	case isNew:
		err = os.MkdirAll(dir, 0o750)
	case err == nil && len(there) > 0:
		err = fmt.Errorf("%s is not empty, it has %s: nothing is written; name another folder", dir, there[0].Name())
	}
	if err != nil {
		return err
	}
	var written []string
	defer func() {
		if err == nil {
			return
		}
		for _, name := range written {
			err = errors.Join(err, os.Remove(name))
		}
		if isNew {
			err = errors.Join(err, os.Remove(dir))
		}
	}()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		at := filepath.Join(dir, name)
		mode := fs.FileMode(0o644)
		if name == keyFile {
			mode = 0o600
		}
		if err := writeNew(at, files[name], mode); err != nil {
			return err
		}
		written = append(written, at)
	}
	return nil
}

// writeNew makes a file that is not there.
func writeNew(name, text string, mode fs.FileMode) (err error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	if _, err = f.WriteString(text); err != nil {
		return errors.Join(err, f.Close(), os.Remove(name))
	}
	return f.Close()
}

// tellStart says what is there now, and the lines to try it.
func (p *Program) tellStart(dir, language string, files map[string]string) error {
	enter := ""
	if dir != "." {
		enter = "cd " + shellWord(dir) + " && "
	}
	names := slices.Sorted(maps.Keys(files))
	return p.say(`%s has %s. Try it, each line in a shell of its own:

  %s%s
  %scallout dev -f callout.yaml
  %s%s

How to go on: docs/targets.md and docs/core.md of Callout.
`, dir, strings.Join(names, ", "), enter, runOf(language, "target"), enter, enter, runOf(language, "core"))
}

// shellWord writes a path so that a shell reads it as one word.
func shellWord(s string) string {
	isPlain := func(c rune) bool {
		return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("/._-+,@", c)
	}
	if s != "" && strings.TrimFunc(s, isPlain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
