package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/manage"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

type applyFlags struct {
	server serverFlags
	file   string
	dryRun bool
	prune  bool
	diff   bool // the dry run of another command
}

// fileFlag adds the flag that names a configuration.
func fileFlag(cmd *cobra.Command, file *string, use string) {
	cmd.Flags().StringVarP(file, "file", "f", "", use+" `FILE`; a folder stands for its *.yaml and *.yml, - for standard input")
}

func (p *Program) applyCommand() *cobra.Command {
	var f applyFlags
	cmd := &cobra.Command{
		Use:   "apply -f FILE|FOLDER|-",
		Short: "Put a configuration in force on a running dispatcher",
		Long: `Sends a configuration file to a dispatcher, which puts it in force whole or not at
all, and prints what it changes: + added, ~ changed, - removed. What the file does
not name stays as it is; with --prune it is removed. Applying the same twice
changes nothing.

The *.yaml and *.yml files of a folder are one configuration: what one names may
stand in another, and nothing may stand in two.

With --dry-run nothing is changed.

Exit code: 0 when it is in force, with --dry-run when there is nothing to change;
1 when it was refused, with --dry-run also when there are differences; 2 when the
command line is wrong; 3 when no dispatcher answers.`,
		Example: "  callout apply -f callout.yaml --dry-run\n  callout apply -f callout.d/ --prune\n  callout export | sed s/10s/20s/ | callout apply -f -",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.file == "" {
				return &usageError{errors.New("-f FILE is missing: which file is to be applied? - reads standard input")}
			}
			if err := f.server.check(); err != nil {
				return err
			}
			if !p.given(cmd, "instance") {
				f.server.instance = "" // the file says it
			}
			return p.apply(cmd.Context(), &f)
		},
	}
	fileFlag(cmd, &f.file, "the configuration")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "tell what would change, and change nothing")
	cmd.Flags().BoolVar(&f.prune, "prune", false, "remove what the file does not name")
	f.server.add(cmd, asTable, asJSON, asYAML)
	return cmd
}

func (p *Program) apply(ctx context.Context, f *applyFlags) error {
	c, err := load(f.file)
	if err != nil {
		return err
	}
	text, warnings, err := c.text(f.server.instance)
	if err != nil {
		return p.refused(err)
	}
	answer, err := ask(ctx, &f.server, &calloutv1.ApplyRequest{
		Instance: f.server.instance, Configuration: text, File: c.name, DryRun: f.dryRun, Prune: f.prune,
	}, calloutv1connect.ActionServiceClient.Apply)
	if err != nil {
		return p.refused(err)
	}
	if len(c.files) == 1 { // of several, the server knows no places
		for _, problem := range answer.GetProblems() {
			warnings = append(warnings, manage.Problem(problem))
		}
	}
	for _, problem := range warnings {
		p.note(problem.String())
	}
	if f.server.output == asTable {
		err = p.plan(answer, f.why())
	} else {
		err = p.print(f.server.output, answer)
	}
	if err == nil && f.dryRun && answer.GetChanged() {
		return errTold
	}
	return err
}

// refused tells the problems of a refused configuration one by one.
func (p *Program) refused(err error) error {
	var bad *flawed
	if errors.As(err, &bad) {
		for _, problem := range bad.problems {
			p.note(problem.String())
		}
	}
	return err
}

// why says why nothing was changed; empty when it was.
func (f *applyFlags) why() string {
	switch {
	case f.diff:
		return "nothing was changed"
	case f.dryRun:
		return whyDryRun
	}
	return ""
}

const whyDryRun = "nothing was changed yet (--dry-run)"

func (p *Program) plan(answer *calloutv1.ApplyResponse, unchanged string) error {
	if err := p.changes(answer.GetChanges()); err != nil {
		return err
	}
	at := "instance " + answer.GetInstance()
	switch {
	case !answer.GetChanged():
		return p.say("%s: nothing to change, revision %d is in force\n", at, answer.GetRevision())
	case unchanged != "":
		return p.say("%s: %s; %s\n", at, sum(answer.GetChanges()), unchanged)
	}
	return p.say("%s: %s; revision %d is in force\n", at, sum(answer.GetChanges()), answer.GetRevision())
}
