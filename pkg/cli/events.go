package cli

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

func (p *Program) eventsCommand() *cobra.Command {
	cmd := parent(&cobra.Command{
		Use:     "events publish|tail|replay",
		Short:   "Store events, watch them, or send them again",
		Long:    `Stores events as a core would, shows those that are stored, or sends them again to one subscription.`,
		Example: "  callout events tail --type 'user.*'\n  callout events publish -f events.json",
	})
	cmd.AddCommand(p.publishCommand(), p.tailCommand(), p.replayCommand())
	return cmd
}

type replayFlags struct {
	server serverFlags
	from   uint64
	since  string
}

func (p *Program) replayCommand() *cobra.Command {
	var f replayFlags
	cmd := &cobra.Command{
		Use:   "replay SUBSCRIPTION (--from-sequence N | --since TIME)",
		Short: "Send the events of one subscription again",
		Long: `Sends the stored events of a subscription again, from a sequence of the stream or
from a time on, up to those stored now, with the delivery ids they had and the
header Callout-Replay: true. It does so in a line of its own, which keeps no order
and disturbs no other subscription; "callout get jobs" shows how far it is, and
"callout job cancel" ends it.`,
		Example:           "  callout events replay 'user.*/audit' --since 2h\n  callout events replay user.added/crm --since 2026-11-30T09:00:00Z\n  callout events replay user.added/crm --from-sequence 1",
		Args:              oneOf("subscription"),
		ValidArgsFunction: p.completeSubscriptions(),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.server.check(); err != nil {
				return err
			}
			if (f.from == 0) == (f.since == "") {
				return &usageError{errors.New("one of --from-sequence N, counted from 1, and --since TIME is needed")}
			}
			return p.replay(cmd.Context(), &f, args[0])
		},
	}
	cmd.Flags().Uint64Var(&f.from, "from-sequence", 0, "begin with this message of the stream; \"callout events tail\" shows their numbers")
	cmd.Flags().StringVar(&f.since, "since", "", "begin with what was stored at this `TIME`, or that long ago, such as 2h")
	f.server.add(cmd, asTable, asJSON, asYAML)
	return cmd
}

func (p *Program) replay(ctx context.Context, f *replayFlags, name string) error {
	request := &calloutv1.ReplayEventsRequest{Instance: f.server.instance, Subscription: name,
		From: &calloutv1.ReplayEventsRequest_FromSequence{FromSequence: f.from}}
	if f.since != "" {
		since, err := moment("since", f.since, time.Now())
		if err != nil {
			return err
		}
		request.From = &calloutv1.ReplayEventsRequest_Since{Since: timestamppb.New(since)}
	}
	answer, err := ask(ctx, &f.server, request, calloutv1connect.ActionServiceClient.ReplayEvents)
	if err != nil {
		return err
	}
	if f.server.output != asTable {
		return p.print(f.server.output, answer)
	}
	return p.say("subscription %s: its events are sent again by the line %s, job %s\n", name, answer.GetLine(), answer.GetJob().GetId())
}
