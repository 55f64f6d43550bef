package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/catalog/file"
	"github.com/callout-hq/callout/pkg/contract"
	"github.com/callout-hq/callout/pkg/follow"
)

// asGitHub is the form of the annotations of a workflow of GitHub.
const asGitHub = "github"

type checkFlags struct {
	files      filesFlag
	form       string
	strict     bool
	allowEmpty bool
	schema     string
	server     serverFlags // of a schema that is served; it prints no answer
}

// servedSchema stands for the contract that a dispatcher serves.
const servedSchema = "served"

func (p *Program) checkCommand() *cobra.Command {
	var f checkFlags
	outputs := []string{asText, asJSON, asGitHub}
	cmd := &cobra.Command{
		Use:   "check (FILE|FOLDER|-)…",
		Short: "Look over a configuration and tell all its mistakes",
		Long: `Reads a configuration and tells all mistakes at once, each with its file, line and
column, what was meant, and the nearest name that is known. Warnings do not make
it wrong, unless --strict says so. Nothing is started and nothing is called.

Several files, and the *.yaml and *.yml files of a folder, are one configuration.
One that names no target and no execution is an error, unless --allow-empty says
that it is meant.

With --schema it warns too of a pointer in redact or allow that names nothing in what the
target gets, as far as cores have declared that. --schema served asks the dispatcher for
it, of the instance that the configuration names unless a flag or a context names one, and
nothing else does. A FILE is what a dispatcher gives as
/v1/instances/INSTANCE/contract/openapi.json.

With -o json it prints one object: file, errors and warnings, which are counts,
and problems, each with file, line, col, path, severity, code and message. With
-o github each problem is an annotation, as a workflow of GitHub shows them.

Exit code: 0 without errors, 1 with errors, 2 when the command line is wrong, 3 when no
dispatcher answers who is asked for a schema.`,
		Example: "  callout check callout.yaml\n  cat callout.yaml | callout check -\n  callout check callout.yaml --schema served --context staging\n  callout check callout.d/ -o json | jq -r '.problems[].code'",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.files.take(args, "checked"); err != nil {
				return err
			}
			if err := checkOutput(f.form, outputs); err != nil {
				return err
			}
			if f.schema == servedSchema {
				if err := f.server.checkConnection(); err != nil {
					return err
				}
				if !p.namesInstance(cmd) {
					f.server.instance = "" // the file says it
				}
			}
			return p.check(cmd.Context(), &f)
		},
	}
	f.files.add(cmd, "the configuration")
	cmd.Flags().BoolVar(&f.strict, "strict", false, "a warning makes it wrong too")
	cmd.Flags().BoolVar(&f.allowEmpty, "allow-empty", false, "take a configuration that names no target and no execution")
	cmd.Flags().StringVar(&f.schema, "schema", "", "hold pointers against the contract in this `FILE`, or the one that is served")
	f.server.addConnection(cmd)
	outputFlag(cmd, &f.form, outputs)
	return cmd
}

// parse reads a configuration, and holds it against the contract where one is given.
func (f *checkFlags) parse(ctx context.Context, c *configuration) (*catalog.Snapshot, []catalog.Problem, error) {
	switch f.schema {
	case "":
		return c.parse(ctx, time.Now(), "")
	case servedSchema:
		return f.parseServed(ctx, c)
	}
	raw, err := follow.Once(f.schema, maxDocument)
	if err != nil {
		return nil, nil, &usageError{fmt.Errorf("--schema: %w", err)}
	}
	document, err := contract.ReadDocument(raw)
	if err != nil {
		return nil, nil, &usageError{fmt.Errorf("--schema %s: %w", f.schema, err)}
	}
	return file.CheckFiles(ctx, time.Now(), "", c.files, document.Doubts)
}

// parseServed holds a configuration against what the dispatcher serves.
func (f *checkFlags) parseServed(ctx context.Context, c *configuration) (s *catalog.Snapshot, problems []catalog.Problem, err error) {
	var unserved error
	s, problems, err = file.CheckFiles(ctx, time.Now(), "", c.files, func(s *catalog.Snapshot) []catalog.Problem {
		of := f.server
		of.instance = cmp.Or(of.instance, s.Instance)
		var document *contract.Document
		if document, unserved = of.contract(ctx); unserved != nil {
			return nil
		}
		return document.Doubts(s)
	})
	return s, problems, errors.Join(err, unserved)
}

// checked is what check found, for programs.
type checked struct {
	File     string            `json:"file"`
	Errors   int               `json:"errors"`
	Warnings int               `json:"warnings"`
	Problems []catalog.Problem `json:"problems"`
}

func (p *Program) check(ctx context.Context, f *checkFlags) error {
	c, unread := p.load(ctx, f.files)
	var problems []catalog.Problem
	if unread != nil {
		problems = c.rest(ctx)
	} else {
		s, found, err := f.parse(ctx, c)
		if err != nil {
			return p.refused(err)
		}
		if problems = found; s != nil && s.Objects() == 0 && !f.allowEmpty {
			problems = append(problems, file.NoObjects(c.name))
		}
	}
	wrong := errorsIn(problems)
	if c != nil && (unread == nil || len(problems) > 0) {
		found := checked{File: c.name, Errors: wrong, Warnings: len(problems) - wrong, Problems: append([]catalog.Problem{}, problems...)}
		if err := p.tellChecked(f.form, found); err != nil {
			return err
		}
	}
	switch {
	case unread != nil:
		return unread
	case wrong > 0, f.strict && len(problems) > 0:
		return errTold
	}
	return nil
}

func (p *Program) tellChecked(form string, found checked) error {
	if isJSON(form) {
		return p.printValue(found)
	}
	pen := p.pen()
	for _, problem := range found.Problems {
		line := pen.problem(problem)
		if form == asGitHub {
			line = annotation(problem)
		}
		if err := p.say("%s\n", line); err != nil {
			return err
		}
	}
	return p.say("%s: %s, %s\n", found.File, count(found.Errors, "error"), count(found.Warnings, "warning"))
}

// What an annotation of GitHub writes otherwise, in its text and in its
// properties.
var (
	annotationText     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	annotationProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// annotation is a problem as a workflow of GitHub shows it beside the line.
func annotation(problem catalog.Problem) string {
	return fmt.Sprintf("::%s file=%s,line=%d,col=%d,title=%s::%s", problem.Severity, annotationProperty.Replace(problem.File),
		problem.Line, problem.Col, annotationProperty.Replace(problem.Code), annotationText.Replace(problem.Message))
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
