package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/manage"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

type applyFlags struct {
	server     serverFlags
	files      filesFlag
	dryRun     bool
	prune      bool
	yes        bool
	allowEmpty bool
	diff       bool // the dry run of another command
	keys       keysOut
}

func (p *Program) applyCommand() *cobra.Command {
	var f applyFlags
	cmd := &cobra.Command{
		Use:   "apply (FILE|FOLDER|-)…",
		Short: "Put a configuration in force on a running dispatcher",
		Long: `Sends a configuration to a dispatcher, which puts it in force whole or not at all,
and prints what it changes: + added, ~ changed, - removed, and of each setting that
changes its value before and after. What the configuration does not name stays as
it is; with --prune it is removed. Applying the same twice changes nothing.

Several files, and the *.yaml and *.yml files of a folder, are one configuration:
what one names may stand in another, and nothing may stand in two.

A configuration that names no target and no execution is refused, unless
--allow-empty says that it is meant. When --prune would remove more than half of
what there is, it asks on a terminal, and elsewhere does nothing without --yes.

With --dry-run nothing is changed.

A target that names no signing_key has one made. It is shown this once, on a
terminal alone, or written to the file of --keys-out.

Exit code: 0 when it is in force, 1 when it was refused, 2 when the command line is
wrong, 3 when no dispatcher answers. With --dry-run 0 when there is nothing to
change, 1 when there are differences, 2 when it would be refused.`,
		Example: "  callout apply callout.yaml --dry-run\n  callout apply callout.d/ --prune\n  callout export | sed s/10s/20s/ | callout apply -",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.files.take(args, "applied"); err != nil {
				return err
			}
			if f.dryRun && f.keys.path != "" {
				return &usageError{errors.New("--keys-out goes without --dry-run, which makes no keys")}
			}
			if err := f.server.check(); err != nil {
				return err
			}
			if !p.namesInstance(cmd) {
				f.server.instance = "" // the file says it
			}
			return p.apply(cmd.Context(), &f)
		},
	}
	f.files.add(cmd, "the configuration")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "tell what would change, and change nothing")
	cmd.Flags().BoolVar(&f.prune, "prune", false, "remove what the configuration does not name")
	cmd.Flags().BoolVar(&f.yes, "yes", false, "ask nothing, also when more than half is removed")
	f.addEmpty(cmd)
	f.keys.add(cmd)
	f.server.add(cmd, asTable, asJSON, asYAML)
	return cmd
}

func (f *applyFlags) addEmpty(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.allowEmpty, "allow-empty", false, "take a configuration that names no target and no execution")
}

func (p *Program) apply(ctx context.Context, f *applyFlags) (err error) {
	c, err := p.load(ctx, f.files)
	if err != nil {
		for _, problem := range c.rest(ctx) {
			p.note(problem.String())
		}
		return f.failed(err)
	}
	text, warnings, err := c.text(ctx, f.server.instance)
	if err != nil {
		return f.failed(p.refused(err))
	}
	if err := f.keys.open(p); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.keys.close()) }()
	request := &calloutv1.ApplyRequest{Instance: f.server.instance, Configuration: text, File: c.name, DryRun: f.dryRun, Prune: f.prune, AllowEmpty: f.allowEmpty,
		ReturnMadeKeys: f.keys.wants() && !f.dryRun}
	answer, err := p.applyOnce(ctx, f, request)
	if err != nil {
		return f.failed(p.refused(err))
	}
	if err := f.keys.show(answer.GetMadeKeys().GetKeys()); err != nil {
		return err
	}
	answer.MadeKeys = nil  // what is printed may go anywhere
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

// failed tells a plan that could not be made from one with differences.
func (f *applyFlags) failed(err error) error {
	if f.dryRun {
		return &noPlan{err}
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
