package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

func (p *Program) describeDeliveryCommand() *cobra.Command {
	var server serverFlags
	cmd := &cobra.Command{
		Use:   "delivery ID",
		Short: "Tell everything that is known of a delivery and its attempts",
		Long: `Tells of a delivery, or of a target's turn in a call, and of each attempt that the
log of attempts holds: when, the status or the code, how long it took, what was made
of it, and how the answer began when it failed. Cookies and what else may be a secret
are ***.`,
		Example: "  callout describe delivery dlv_9f2c1c5f0e7d4c3b8a6f5e4d3c2b1a09\n  callout describe delivery dlv_9f2c… -o json | jq '.attempts[].status'",
		Args:    oneOf("delivery"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := server.check(); err != nil {
				return err
			}
			return p.describeDelivery(cmd.Context(), &server, args[0])
		},
	}
	server.add(cmd, asTable, asJSON, asYAML)
	return cmd
}

func (p *Program) describeDelivery(ctx context.Context, server *serverFlags, id string) error {
	whole := &calloutv1.GetDeliveryResponse{}
	for token := ""; ; {
		answer, err := ask(ctx, server, &calloutv1.GetDeliveryRequest{Instance: server.instance, DeliveryId: id, PageToken: token}, calloutv1connect.ActionServiceClient.GetDelivery)
		if err != nil {
			return err
		}
		join(whole, answer)
		if token = answer.GetNextPageToken(); token == "" {
			break
		}
	}
	p.noteUnrecorded(whole.GetUnrecorded(), whole.GetUnreadable())
	if server.output != asTable {
		return p.print(server.output, whole)
	}
	text := deliveryFacts(whole.GetDelivery(), whole.GetDeadLetter(), time.Now()) + "\n"
	for _, a := range whole.GetAttempts() {
		text += attemptText(a)
	}
	return p.say("%s", text)
}

// join adds the next part of a delivery to what came before.
func join(whole, next *calloutv1.GetDeliveryResponse) {
	whole.Attempts, whole.DeadLetter = append(whole.Attempts, next.GetAttempts()...), next.GetDeadLetter()
	whole.Unrecorded, whole.Unreadable = max(whole.GetUnrecorded(), next.GetUnrecorded()), whole.GetUnreadable()+next.GetUnreadable()
	switch d := next.GetDelivery(); {
	case d == nil:
	case whole.GetDelivery() == nil:
		whole.Delivery = d
	default:
		whole.Delivery.State, whole.Delivery.LastTime, whole.Delivery.Last = d.GetState(), d.GetLastTime(), d.GetLast()
		whole.Delivery.Attempts = max(whole.GetDelivery().GetAttempts(), d.GetAttempts())
	}
}
