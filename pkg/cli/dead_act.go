package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

// deadAct does something to one page of dead letters.
type deadAct func(ctx context.Context, f *deadFlags, limit uint32, token string) (ids []string, next string, err error)

func (p *Program) deadRedriveCommand() *cobra.Command {
	return p.deadActCommand(&cobra.Command{
		Use:   "redrive [ID…]",
		Short: "Send dead letters again",
		Long: `Sends dead letters again, in the order in which they were given up, each byte for
byte as it was and with its delivery id. Those of the same aggregate may overtake
each other: what is sent again keeps no order. One that fails again is a dead
letter again.`,
		Example: "  callout dead redrive 01JZ… 01JY…\n  callout dead redrive --target audit --since 2h\n  callout dead redrive --all",
	}, "sent again", func(ids []string, next string) proto.Message {
		return &calloutv1.RedriveDeadLettersResponse{DeliveryIds: ids, NextPageToken: next}
	}, func(ctx context.Context, f *deadFlags, limit uint32, token string) ([]string, string, error) {
		answer, err := ask(ctx, &f.server, &calloutv1.RedriveDeadLettersRequest{
			Instance: f.server.instance, Filter: &f.filter, All: f.all, Limit: limit, PageToken: token,
		}, calloutv1connect.ActionServiceClient.RedriveDeadLetters)
		return answer.GetDeliveryIds(), answer.GetNextPageToken(), err
	})
}

func (p *Program) deadDiscardCommand() *cobra.Command {
	return p.deadActCommand(&cobra.Command{
		Use:   "discard [ID…]",
		Short: "Take dead letters out for good",
		Long: `Takes dead letters out for good, in the order in which they were given up. Nothing
brings them back.`,
		Example: "  callout dead discard 01JZ…\n  callout dead discard --target old --until 7d\n  callout dead discard --all",
	}, "discarded", func(ids []string, next string) proto.Message {
		return &calloutv1.DiscardDeadLettersResponse{DeliveryIds: ids, NextPageToken: next}
	}, func(ctx context.Context, f *deadFlags, limit uint32, token string) ([]string, string, error) {
		answer, err := ask(ctx, &f.server, &calloutv1.DiscardDeadLettersRequest{
			Instance: f.server.instance, Filter: &f.filter, All: f.all, Limit: limit, PageToken: token,
		}, calloutv1connect.ActionServiceClient.DiscardDeadLetters)
		return answer.GetDeliveryIds(), answer.GetNextPageToken(), err
	})
}

func (p *Program) deadActCommand(cmd *cobra.Command, done string, whole func(ids []string, next string) proto.Message, act deadAct) *cobra.Command {
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
		ids, next, err := p.deadEach(cmd.Context(), &f, act)
		if err != nil {
			if len(ids) > 0 {
				p.note(fmt.Sprintf("%s %s before this:", count(len(ids), "dead letter"), done))
			}
			return err
		}
		if f.server.output != asTable {
			return p.print(f.server.output, whole(ids, next))
		}
		return p.say("%s %s\n", count(len(ids), "dead letter"), done)
	}
	f.add(cmd, 0, "at most so many, the oldest; 0 takes all that are chosen", asTable, asJSON, asYAML)
	cmd.Flags().BoolVar(&f.all, "all", false, "every dead letter of the instance")
	return cmd
}

// deadEach acts on one page after the other.
func (p *Program) deadEach(ctx context.Context, f *deadFlags, act deadAct) (ids []string, next string, err error) {
	for {
		some, after, err := act(ctx, f, pageOf(f.limit, len(ids)), next)
		if err != nil {
			return ids, next, err
		}
		ids, next = append(ids, some...), after
		if next == "" || f.limit > 0 && len(ids) >= f.limit {
			return ids, next, nil
		}
	}
}
