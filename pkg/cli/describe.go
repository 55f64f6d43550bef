package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

func (p *Program) describeCommand() *cobra.Command {
	cmd := parent(&cobra.Command{
		Use:   "describe target|execution|subscription|delivery|job|instance NAME",
		Short: "Tell everything that is known of one thing",
		Long: `Tells everything that is known of a target, an execution or a subscription: its
settings, what names it, whether it is paused and why, the file that it belongs to,
and how its lines stand; or of a delivery and its attempts, of a job, or of an instance.`,
		Example: "  callout describe target audit\n  callout describe execution event/user.added\n  callout describe subscription 'user.*/audit'",
	})
	cmd.AddCommand(p.describeTargetCommand(), p.describeExecutionCommand(), p.describeSubscriptionCommand(), p.describeDeliveryCommand(), p.describeJobCommand(), p.describeInstanceCommand())
	return cmd
}

func (p *Program) describeSubscriptionCommand() *cobra.Command {
	var server serverFlags
	cmd := &cobra.Command{
		Use:               "subscription [ORG:]CONDITION/TARGET",
		Short:             "Tell everything that is known of a subscription",
		Long:              `Tells how each lane of a subscription stands, and what "callout get subscriptions" leaves out.`,
		Example:           "  callout describe subscription 'user.*/audit'",
		Args:              oneOf("subscription"),
		ValidArgsFunction: p.completeSubscriptions(),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := server.check(); err != nil {
				return err
			}
			return p.describeSubscription(cmd.Context(), &server, args[0])
		},
	}
	server.add(cmd, asTable, asJSON, asYAML)
	return cmd
}

func (p *Program) describeSubscription(ctx context.Context, server *serverFlags, name string) error {
	answer, err := ask(ctx, server, &calloutv1.ListSubscriptionsRequest{Instance: server.instance, Name: name},
		calloutv1connect.ActionServiceClient.ListSubscriptions)
	if err != nil {
		return err
	}
	if server.output != asTable {
		return p.print(server.output, answer)
	}
	for i, s := range answer.GetSubscriptions() {
		if i > 0 {
			if err := p.say("\n"); err != nil {
				return err
			}
		}
		if err := p.say("%s", subscriptionText(s, time.Now())); err != nil {
			return err
		}
	}
	return nil
}

func subscriptionText(s *calloutv1.Subscription, now time.Time) string {
	var f facts
	f.add("name", s.GetName())
	if s.GetLanes() > 1 {
		f.add("lane", fmt.Sprintf("%d of %d, counted from 0", s.GetLane(), s.GetLanes()))
	}
	f.add("condition", s.GetCondition())
	f.add("target", s.GetTarget())
	f.add("execution of", scopeName(s.GetOrg()))
	if s.GetShard() > 0 {
		f.add("line", s.GetLine())
	}
	f.add("consumer", consumerOf(s))
	f.add("state", stateText(s, now))
	f.add("because of", s.GetReason())
	f.add("waiting", waitingText(s))
	f.add("in work", fmt.Sprint(s.GetInWork()))
	f.add("redelivered", fmt.Sprint(s.GetRedelivered()))
	f.add("oldest stored", timeText(s.GetOldest()))
	f.add("last went on", timeText(s.GetLastAck()))
	f.add("last success", timeText(s.GetLastSuccess()))
	if s.GetAttempts() > 0 {
		f.add("attempts", fmt.Sprint(s.GetAttempts()))
	}
	f.add("failing since", timeText(s.GetFailingSince()))
	f.add("next attempt", timeText(s.GetNextTry()))
	if s.GetLastStatus() > 0 || s.GetLastError() != "" {
		f.add("last error", lastErrorText(s.GetLastStatus(), s.GetLastError()))
		f.add("failed last", timeText(s.GetLastFailed()))
	}
	return f.String()
}

// linesOf shows how lines stand below a description; none is said too.
func (p *Program) linesOf(ctx context.Context, server *serverFlags, mine func(*calloutv1.Subscription) bool) error {
	answer, err := ask(ctx, server, &calloutv1.ListSubscriptionsRequest{Instance: server.instance}, calloutv1connect.ActionServiceClient.ListSubscriptions)
	if err != nil {
		return err
	}
	var lines []*calloutv1.Subscription
	for _, s := range answer.GetSubscriptions() {
		if mine(s) {
			lines = append(lines, s)
		}
	}
	if len(lines) == 0 {
		return p.say("\nno lines\n")
	}
	t := p.subscriptionTable(false)
	for _, s := range lines {
		subscriptionRow(t, s, time.Now(), false)
	}
	if err := p.say("\n"); err != nil {
		return err
	}
	return t.flush()
}
