package cli

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

func (p *Program) rollbackCommand() *cobra.Command {
	var server serverFlags
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "rollback REVISION",
		Short: "Put an earlier revision in force again",
		Long: `Puts the objects of an earlier revision in force again, whole or not at all, as a
new revision, and prints what that changes. Pauses and signing keys stay as they
are. Events are delivered by what was in force when they were stored.

With --dry-run nothing is changed, and the exit code is 0 without differences, 1
with differences, 2 when it would be refused.`,
		Example: "  callout rollback 7 --dry-run\n  callout rollback 7",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &usageError{fmt.Errorf("%s takes one REVISION, not %d; \"callout history\" lists them", cmd.CommandPath(), len(args))}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := server.check(); err != nil {
				return err
			}
			revision, err := strconv.ParseUint(args[0], 10, 64)
			if err != nil || revision == 0 {
				return &usageError{fmt.Errorf("%q is no revision, which is a number from 1 on; \"callout history\" lists them", args[0])}
			}
			return p.rollback(cmd.Context(), &server, revision, dryRun)
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "tell what would change, and change nothing")
	server.add(cmd, asTable, asJSON, asYAML)
	return cmd
}

func (p *Program) rollback(ctx context.Context, server *serverFlags, revision uint64, dryRun bool) error {
	answer, err := ask(ctx, server, &calloutv1.RollbackRequest{Instance: server.instance, Revision: revision, DryRun: dryRun},
		calloutv1connect.ActionServiceClient.Rollback)
	if err = p.refused(err); err != nil && dryRun {
		return &noPlan{err}
	}
	if err != nil {
		return err
	}
	if server.output != asTable {
		err = p.print(server.output, answer)
	} else {
		why := ""
		if dryRun {
			why = whyDryRun
		}
		err = p.plan(&calloutv1.ApplyResponse{Instance: server.instance, Revision: answer.GetRevision(), Changed: answer.GetChanged(),
			Changes: answer.GetChanges()}, why)
	}
	if err == nil && dryRun && answer.GetChanged() {
		return errTold
	}
	return err
}
