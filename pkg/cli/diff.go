package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

type diffFlags struct {
	apply    applyFlags
	revision uint64
	to       uint64
}

func (p *Program) diffCommand() *cobra.Command {
	f := diffFlags{apply: applyFlags{dryRun: true, diff: true}}
	cmd := &cobra.Command{
		Use:   "diff ((FILE|FOLDER|-)… | --revision N [--to M])",
		Short: "Tell what differs between a file, or a revision, and what is in force",
		Long: `With a configuration it tells what "callout apply" would change, and changes
nothing. With --revision it tells what changed from that revision to the one in
force, or to the one that --to names: + added, ~ changed, - removed, and of each
setting that differs its value before and after.

Exit code: 0 without differences, 1 with differences, 2 when the configuration or
the command line is wrong, or anything else failed, 3 when no dispatcher answers.`,
		Example: "  callout diff callout.yaml --prune\n  callout diff --revision 7\n  callout diff --revision 7 --to 9 -o json | jq '.changes[].name'",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.apply.files = append(f.apply.files, args...)
			if err := f.apply.server.check(); err != nil {
				return err
			}
			switch of, to := cmd.Flags().Changed("revision"), cmd.Flags().Changed("to"); {
			case (len(f.apply.files) == 0) == !of:
				return &usageError{errors.New("one of FILE and --revision N is needed")}
			case of && f.revision == 0, to && f.to == 0:
				return &usageError{errors.New("revisions are counted from 1")}
			case to && !of:
				return &usageError{errors.New("--to goes with --revision")}
			case of && f.apply.prune:
				return &usageError{errors.New("--prune goes with a FILE")}
			case of:
				return p.diffRevisions(cmd.Context(), &f)
			}
			if err := f.apply.files.check(); err != nil {
				return err
			}
			if !p.namesInstance(cmd) {
				f.apply.server.instance = "" // the file says it
			}
			return p.apply(cmd.Context(), &f.apply)
		},
	}
	f.apply.files.add(cmd, "compare this configuration")
	f.apply.addEmpty(cmd)
	cmd.Flags().BoolVar(&f.apply.prune, "prune", false, "count what the configuration does not name as removed")
	cmd.Flags().Uint64Var(&f.revision, "revision", 0, "compare revision `N`; \"callout history\" lists them")
	cmd.Flags().Uint64Var(&f.to, "to", 0, "with revision `M` instead of the one in force")
	f.apply.server.add(cmd, asTable, asJSON, asYAML)
	return cmd
}

func (p *Program) diffRevisions(ctx context.Context, f *diffFlags) error {
	answer, err := ask(ctx, &f.apply.server, &calloutv1.DiffRevisionsRequest{Instance: f.apply.server.instance, From: f.revision, To: f.to},
		calloutv1connect.ActionServiceClient.DiffRevisions)
	if err != nil {
		return &noPlan{err}
	}
	if f.apply.server.output == asTable {
		err = p.tellDiff(answer)
	} else {
		err = p.print(f.apply.server.output, answer)
	}
	if err == nil && len(answer.GetChanges()) > 0 {
		return errTold
	}
	return err
}

func (p *Program) tellDiff(answer *calloutv1.DiffRevisionsResponse) error {
	if err := p.changes(answer.GetChanges()); err != nil {
		return err
	}
	what := "nothing differs"
	if len(answer.GetChanges()) > 0 {
		what = sum(answer.GetChanges())
	}
	return p.say("%s\n", fmt.Sprintf("from revision %d to %d: %s", answer.GetFrom(), answer.GetTo(), what))
}
