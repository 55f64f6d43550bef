package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/action"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

// deadAct begins to do something to dead letters.
type deadAct func(ctx context.Context, f *deadFlags) (*calloutv1.Job, error)

func (p *Program) deadRedriveCommand() *cobra.Command {
	return p.deadActCommand(&cobra.Command{
		Use:   "redrive [ID…]",
		Short: "Send dead letters again",
		Long: `Sends dead letters again, in the order in which they were given up, each byte for
byte as it was and with its delivery id. Those of the same aggregate may overtake
each other: what is sent again keeps no order. One that fails again is a dead
letter again.

The command waits until all are on their way; what ends it does not end that. When
it is cancelled by "callout job cancel", the same command goes on with the rest.`,
		Example: "  callout dead redrive 01JZ… 01JY…\n  callout dead redrive --target audit --since 2h\n  callout dead redrive --all",
	}, "sent again", func(ctx context.Context, f *deadFlags) (*calloutv1.Job, error) {
		answer, err := ask(ctx, &f.server, &calloutv1.RedriveDeadLettersRequest{
			Instance: f.server.instance, Filter: &f.filter, All: f.all, Limit: uint32(f.limit), Wait: f.wait.no(),
		}, calloutv1connect.ActionServiceClient.RedriveDeadLetters)
		return answer.GetJob(), err
	})
}

func (p *Program) deadDiscardCommand() *cobra.Command {
	return p.deadActCommand(&cobra.Command{
		Use:   "discard [ID…]",
		Short: "Take dead letters out for good",
		Long: `Takes dead letters out for good, in the order in which they were given up. Nothing
brings them back.`,
		Example: "  callout dead discard 01JZ…\n  callout dead discard --target old --until 7d\n  callout dead discard --all",
	}, "discarded", func(ctx context.Context, f *deadFlags) (*calloutv1.Job, error) {
		answer, err := ask(ctx, &f.server, &calloutv1.DiscardDeadLettersRequest{
			Instance: f.server.instance, Filter: &f.filter, All: f.all, Limit: uint32(f.limit), Wait: f.wait.no(),
		}, calloutv1connect.ActionServiceClient.DiscardDeadLetters)
		return answer.GetJob(), err
	})
}

func (p *Program) deadActCommand(cmd *cobra.Command, done string, act deadAct) *cobra.Command {
	var f deadFlags
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := f.check(args, time.Now()); err != nil {
			return err
		}
		switch {
		case !f.chosen() && !f.all:
			return &usageError{errEverything}
		case f.chosen() && f.all:
			return &usageError{errors.New("--all goes without an ID and without a filter")}
		}
		return p.deadAct(cmd.Context(), &f, done, act)
	}
	f.add(cmd, 0, "at most so many, the oldest; 0 takes all that are chosen", asTable, asJSON, asYAML)
	f.wait.add(cmd)
	cmd.Flags().BoolVar(&f.all, "all", false, "every dead letter of the instance")
	return cmd
}

func (p *Program) deadAct(ctx context.Context, f *deadFlags, done string, act deadAct) error {
	j, err := act(ctx, f)
	if err == nil {
		j, err = p.awaitJob(ctx, &f.server, f.wait, j)
	}
	if err != nil {
		if n := j.GetDone(); n > 0 {
			p.note(fmt.Sprintf("%s %s before this:", count(int(n), "dead letter"), done))
		}
		return err
	}
	if missing := j.GetMissingIds(); len(missing) > 0 {
		text := fmt.Sprintf("there is no dead letter %q; %d %s", missing[0], j.GetDone(), done)
		if len(missing) > 1 {
			text = fmt.Sprintf("%d of the dead letters are not there, %q first; %d %s", len(missing), missing[0], j.GetDone(), done)
		}
		return &refusedBy{text, action.CodeNotFound}
	}
	switch {
	case f.server.output != asTable:
		return p.print(f.server.output, j)
	case j.GetState() == string(action.JobRunning):
		return p.say("dead letters are %s, by job %s\n", done, j.GetId())
	}
	return p.say("%s %s\n", count(int(j.GetDone()), "dead letter"), done)
}
