package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/action"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

type skipFlags struct {
	server serverFlags
	lane   uint32
	all    bool
	count  uint64
	wait   waitFlag
}

func (p *Program) skipCommand() *cobra.Command {
	var f skipFlags
	cmd := &cobra.Command{
		Use:   "skip NAME",
		Short: "Give up the event that holds a subscription up, or more of them",
		Long: `Gives up the first event of every lane that retries, is stopped or is paused. It
becomes a dead letter with the reason skipped, from where "callout dead redrive"
sends it again, and the lane goes on with the next. With --all everything that
waits there now is given up, with --count so many events of each lane.` + howNamed,
		Example: "  callout subscription skip 'user.*/audit'\n  callout subscription skip acme:user.added/crm --lane 3 --all",
		Args:    oneOf("subscription"), ValidArgsFunction: p.completeSubscriptions(),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.server.check(); err != nil {
				return err
			}
			if f.all && cmd.Flags().Changed("count") {
				return &usageError{errors.New("--all goes without --count")}
			}
			var only *uint32
			if cmd.Flags().Changed("lane") {
				only = &f.lane
			}
			return p.skip(cmd.Context(), &f, args[0], only)
		},
	}
	cmd.Flags().Uint32Var(&f.lane, "lane", 0, "this lane only, counted from 0")
	cmd.Flags().BoolVar(&f.all, "all", false, "everything that waits there now")
	cmd.Flags().Uint64Var(&f.count, "count", 1, "so many events of each lane")
	f.wait.add(cmd)
	f.server.add(cmd, asTable, asJSON, asYAML)
	return cmd
}

func (p *Program) skip(ctx context.Context, f *skipFlags, name string, lane *uint32) error {
	request := &calloutv1.SkipSubscriptionRequest{Instance: f.server.instance, Name: name, Lane: lane, All: f.all, Wait: f.wait.no()}
	if !f.all {
		request.Count = f.count
	}
	answer, err := ask(ctx, &f.server, request, calloutv1connect.ActionServiceClient.SkipSubscription)
	if err != nil {
		return err
	}
	if answer.GetJob() != nil {
		if answer.Job, err = p.awaitJob(ctx, &f.server, f.wait, answer.GetJob()); err != nil {
			return err
		}
	}
	if f.server.output != asTable {
		return p.print(f.server.output, answer)
	}
	what := "has given up its first event, which is a dead letter now; it goes on with the next"
	switch j := answer.GetJob(); {
	case j.GetState() == string(action.JobRunning):
		what = "gives up what waits, by job " + j.GetId()
	case j != nil:
		what = fmt.Sprintf("has given up %s, dead letters now; it goes on with what comes behind", count(int(j.GetDone()), "event"))
	}
	return p.say("subscription %s%s %s\n", name, lanesText(answer.GetLanes()), what)
}
