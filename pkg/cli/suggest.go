package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/callout-hq/callout/pkg/catalog"
)

// unknownCommand is the error of a word where a command is to stand, with the
// nearest one.
func unknownCommand(cmd *cobra.Command, word string) error {
	var names []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			names = append(append(names, sub.Name()), sub.Aliases...)
		}
	}
	near := calledBefore(cmd, word)
	if near == "" {
		near = catalog.Nearest(word, names)
	}
	return &usageError{fmt.Errorf("unknown command %q for %q%s", word, cmd.CommandPath(), meant(near))}
}

// calledBefore gives the words, behind cmd, of a command below it that had the name word.
func calledBefore(cmd *cobra.Command, word string) string {
	for _, sub := range cmd.Commands() {
		if slices.Contains(sub.SuggestFor, word) {
			return sub.Name()
		}
		if below := calledBefore(sub, word); below != "" {
			return sub.Name() + " " + below
		}
	}
	return ""
}

func meant(name string) string {
	if name == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", name)
}

// wrongFlags says what is wrong with the flags of a command, with the nearest one.
// Where a command is misspelled, its flags are none of the one before it: the word
// is what is wrong.
func wrongFlags(cmd *cobra.Command, err error) error {
	if words := cmd.Flags().Args(); cmd.HasAvailableSubCommands() && len(words) > 0 {
		return unknownCommand(cmd, words[0])
	}
	var none *pflag.NotExistError
	if !errors.As(err, &none) || len(none.GetSpecifiedName()) < 2 {
		return &usageError{err}
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, "--"+f.Name)
		}
	})
	return &usageError{fmt.Errorf("%w%s", err, meant(catalog.Nearest("--"+none.GetSpecifiedName(), names)))}
}

// nounsApart reads a thing that is written in one word, as in "get target/audit":
// the noun of a command, and the name behind it.
func nounsApart(root *cobra.Command, args []string) []string {
	if len(args) < 2 {
		return args
	}
	noun, name, found := strings.Cut(args[1], "/")
	if !found || name == "" {
		return args
	}
	for _, verb := range root.Commands() {
		if verb.Name() != args[0] {
			continue
		}
		for _, sub := range verb.Commands() {
			if sub.Name() == noun || slices.Contains(sub.Aliases, noun) {
				return append([]string{args[0], noun, name}, args[2:]...)
			}
		}
	}
	return args
}
