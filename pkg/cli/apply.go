package cli

import (
	"context"
	"errors"
	"strconv"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/manage"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

type applyFlags struct {
	server serverFlags
	file   string
	dryRun bool
	prune  bool
}

func (p *Program) applyCommand() *cobra.Command {
	var f applyFlags
	cmd := &cobra.Command{
		Use:   "apply -f FILE|-",
		Short: "Put a configuration in force on a running dispatcher",
		Long: `Sends a configuration file to a dispatcher, which puts it in force whole or not at
all, and prints what it changes: + added, ~ changed, - removed. What the file does
not name stays as it is; with --prune it is removed.

With --dry-run nothing is changed.

Exit code: 0 when it is in force, with --dry-run when there is nothing to change;
1 when it was refused, with --dry-run also when there are differences; 2 when the
command line is wrong; 3 when no dispatcher answers.`,
		Example: "  callout apply -f callout.yaml --dry-run\n  callout apply -f callout.yaml --prune\n  callout export | sed s/10s/20s/ | callout apply -f -",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.file == "" {
				return &usageError{errors.New("-f FILE is missing: which file is to be applied? - reads standard input")}
			}
			if err := f.server.check(); err != nil {
				return err
			}
			if !cmd.Flags().Changed("instance") {
				f.server.instance = "" // the file says it
			}
			return p.apply(cmd.Context(), &f)
		},
	}
	cmd.Flags().StringVarP(&f.file, "file", "f", "", "the configuration `FILE`; - reads standard input")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "tell what would change, and change nothing")
	cmd.Flags().BoolVar(&f.prune, "prune", false, "remove what the file does not name")
	f.server.add(cmd, asTable, asJSON, asYAML)
	return cmd
}

func (p *Program) apply(ctx context.Context, f *applyFlags) error {
	raw, name, err := readConfiguration(f.file)
	if err != nil {
		return err
	}
	if !utf8.Valid(raw) { // it could not be sent
		_, problems := catalog.Parse(name, raw)
		return p.refused(&flawed{problems})
	}
	answer, err := ask(ctx, &f.server, &calloutv1.ApplyRequest{
		Instance: f.server.instance, Configuration: string(raw), File: name, DryRun: f.dryRun, Prune: f.prune,
	}, calloutv1connect.ActionServiceClient.Apply)
	if err != nil {
		return p.refused(err)
	}
	for _, problem := range answer.GetProblems() {
		p.note(manage.Problem(problem).String())
	}
	if f.server.output == asTable {
		err = p.plan(answer, f.dryRun)
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

func (p *Program) plan(answer *calloutv1.ApplyResponse, dryRun bool) error {
	counts := map[calloutv1.Change_Action]int{}
	for _, c := range answer.GetChanges() {
		counts[c.GetAction()]++
		if err := p.say("%s\n", manage.Change(c)); err != nil {
			return err
		}
	}
	sum := func() string {
		return count(counts[calloutv1.Change_ACTION_ADDED], "object") + " added, " +
			strconv.Itoa(counts[calloutv1.Change_ACTION_CHANGED]) + " changed, " + strconv.Itoa(counts[calloutv1.Change_ACTION_REMOVED]) + " removed"
	}
	at := "instance " + answer.GetInstance()
	switch {
	case !answer.GetChanged():
		return p.say("%s: nothing to change, revision %d is in force\n", at, answer.GetRevision())
	case dryRun:
		return p.say("%s: %s; nothing was changed yet (--dry-run)\n", at, sum())
	}
	return p.say("%s: %s; revision %d is in force\n", at, sum(), answer.GetRevision())
}
