package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/catalog"
)

func (p *Program) checkCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "check -f FILE",
		Short: "Look over a configuration file and tell all its mistakes",
		Long: `Reads a configuration file and tells all mistakes at once, each with its line and
column, what was meant, and the nearest name that is known. Warnings do not make
a file wrong. Nothing is started and nothing is called.

Exit code: 0 without errors, 1 with errors, 2 when the command line is wrong.`,
		Example: "  callout check -f callout.yaml\n  cat callout.yaml | callout check -f -",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			if file == "" {
				return &usageError{fmt.Errorf("-f FILE is missing: which file is to be checked?")}
			}
			return p.check(file)
		},
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "the configuration `FILE`; - reads standard input")
	return cmd
}

func (p *Program) check(file string) error {
	raw, name, err := readConfiguration(file)
	if err != nil {
		return err
	}
	_, problems := catalog.Parse(name, raw)
	wrong := 0
	for _, problem := range problems {
		if problem.Severity == catalog.Error {
			wrong++
		}
		if err := p.say("%s\n", problem); err != nil {
			return err
		}
	}
	warnings := len(problems) - wrong
	if err := p.say("%s: %s, %s\n", name, count(wrong, "error"), count(warnings, "warning")); err != nil {
		return err
	}
	if wrong > 0 {
		return errTold
	}
	return nil
}

func readConfiguration(file string) (raw []byte, name string, err error) {
	if file == "-" {
		raw, err = io.ReadAll(os.Stdin)
		return raw, "stdin", err
	}
	raw, err = os.ReadFile(file)
	return raw, file, unreadable(file, err)
}

// unreadable says of an error of the file system that it is about the
// configuration, and what to do; any other error stays as it is.
func unreadable(file string, err error) error {
	var of *fs.PathError
	if errors.As(err, &of) && of.Path == file {
		return fmt.Errorf("the configuration cannot be read: %w (give another with -f)", err)
	}
	return err
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
