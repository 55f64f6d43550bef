package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/catalog"
)

func (p *Program) checkCommand() *cobra.Command {
	var file, form string
	outputs := []string{asText, asJSON}
	cmd := &cobra.Command{
		Use:   "check -f FILE|FOLDER|-",
		Short: "Look over a configuration file and tell all its mistakes",
		Long: `Reads a configuration file and tells all mistakes at once, each with its line and
column, what was meant, and the nearest name that is known. Warnings do not make
a file wrong. Nothing is started and nothing is called.

With -o json it prints one object: file, errors and warnings, which are counts,
and problems, each with file, line, col, path, severity, code and message.

Exit code: 0 without errors, 1 with errors, 2 when the command line is wrong.`,
		Example: "  callout check -f callout.yaml\n  cat callout.yaml | callout check -f -\n  callout check -f callout.d/ -o json | jq -r '.problems[].code'",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			if file == "" {
				return &usageError{errors.New("-f FILE is missing: which file is to be checked?")}
			}
			if err := checkOutput(form, outputs); err != nil {
				return err
			}
			return p.check(file, form)
		},
	}
	fileFlag(cmd, &file, "the configuration")
	outputFlag(cmd, &form, outputs)
	return cmd
}

// checked is what check found, for programs.
type checked struct {
	File     string            `json:"file"`
	Errors   int               `json:"errors"`
	Warnings int               `json:"warnings"`
	Problems []catalog.Problem `json:"problems"`
}

func (p *Program) check(file, form string) error {
	c, err := load(file)
	if err != nil {
		return err
	}
	_, problems := c.parse("")
	wrong := errorsIn(problems)
	found := checked{File: c.name, Errors: wrong, Warnings: len(problems) - wrong, Problems: append([]catalog.Problem{}, problems...)}
	if form == asJSON {
		err = p.printValue(found)
	} else {
		err = p.tellChecked(found)
	}
	if err == nil && wrong > 0 {
		return errTold
	}
	return err
}

func (p *Program) tellChecked(found checked) error {
	pen := p.pen()
	for _, problem := range found.Problems {
		if err := p.say("%s\n", pen.problem(problem)); err != nil {
			return err
		}
	}
	return p.say("%s: %s, %s\n", found.File, count(found.Errors, "error"), count(found.Warnings, "warning"))
}

// problem paints the word that says how grave a problem is.
func (on pen) problem(problem catalog.Problem) string {
	colour := map[catalog.Severity]string{catalog.Error: red, catalog.Warning: yellow}[problem.Severity]
	word := string(problem.Severity)
	return strings.Replace(problem.String(), " "+word+": ", " "+on.paint(colour, word)+": ", 1)
}

func errorsIn(problems []catalog.Problem) int {
	wrong := 0
	for _, problem := range problems {
		if problem.Severity == catalog.Error {
			wrong++
		}
	}
	return wrong
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
