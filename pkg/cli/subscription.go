package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

// subscriptionAct is something that is done to a subscription by its name.
type subscriptionAct struct {
	verb, short, long, done string
	ask                     func(ctx context.Context, s *serverFlags, name string, lane *uint32) (lanesAnswer, error)
}

// lanesAnswer names the lanes that were acted on.
type lanesAnswer interface {
	proto.Message
	GetLanes() []uint32
}

const howNamed = `

NAME is [ORG:]CONDITION/TARGET, as "callout get subscriptions" shows it: a slash or a
colon in the condition is written %2F or %3A. Without --lane every lane is meant.`

func subscriptionActs() []subscriptionAct {
	return []subscriptionAct{{
		verb: "pause", short: "Let a subscription stand until it is resumed",
		long: `Lets a subscription stand until it is resumed, also over restarts. Its events wait
in their order; what is in work is finished. Other subscriptions go on.`,
		done: "is paused; \"callout subscription resume\" lets it go on",
		ask: func(ctx context.Context, s *serverFlags, name string, lane *uint32) (lanesAnswer, error) {
			return ask(ctx, s, &calloutv1.PauseSubscriptionRequest{Instance: s.instance, Name: name, Lane: lane}, calloutv1connect.ActionServiceClient.PauseSubscription)
		},
	}, {
		verb: "resume", short: "Let a subscription go on that was paused or stopped",
		long: `Lets a subscription go on that was paused, or that stopped because an event was
exhausted: that event gets all its attempts again.`,
		done: "goes on",
		ask: func(ctx context.Context, s *serverFlags, name string, lane *uint32) (lanesAnswer, error) {
			return ask(ctx, s, &calloutv1.ResumeSubscriptionRequest{Instance: s.instance, Name: name, Lane: lane}, calloutv1connect.ActionServiceClient.ResumeSubscription)
		},
	}, {
		verb: "retry-now", short: "Make the next attempt at once",
		long: `Ends the wait of a subscription whose first event failed: the next attempt is made
at once, and counts as one.`,
		done: "makes its next attempt now",
		ask: func(ctx context.Context, s *serverFlags, name string, lane *uint32) (lanesAnswer, error) {
			return ask(ctx, s, &calloutv1.RetrySubscriptionRequest{Instance: s.instance, Name: name, Lane: lane}, calloutv1connect.ActionServiceClient.RetrySubscription)
		},
	}}
}

func (p *Program) subscriptionCommand() *cobra.Command {
	cmd := parent(&cobra.Command{
		Use:     "subscription pause|resume|retry-now|skip NAME",
		Short:   "Pause, resume, retry or skip what a subscription delivers",
		Long:    `Acts on a subscription, the pair of an event execution and a target, or on one lane of it.`,
		Example: "  callout subscription pause 'user.*/audit'\n  callout subscription retry-now 'user.*/audit'",
	})
	for _, act := range subscriptionActs() {
		cmd.AddCommand(p.subscriptionActCommand(act))
	}
	cmd.AddCommand(p.skipCommand())
	return cmd
}

func (p *Program) subscriptionActCommand(act subscriptionAct) *cobra.Command {
	var server serverFlags
	var lane uint32
	cmd := &cobra.Command{
		Use: act.verb + " NAME", Short: act.short, Long: act.long + howNamed,
		Example:           "  callout subscription " + act.verb + " 'user.*/audit'\n  callout subscription " + act.verb + " acme:user.added/crm --lane 3",
		Args:              oneOf("subscription"),
		ValidArgsFunction: p.completeSubscriptions(),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := server.check(); err != nil {
				return err
			}
			var only *uint32
			if cmd.Flags().Changed("lane") {
				only = &lane
			}
			answer, err := act.ask(cmd.Context(), &server, args[0], only)
			if err != nil {
				return err
			}
			if server.output != asTable {
				return p.print(server.output, answer)
			}
			return p.say("subscription %s%s %s\n", args[0], lanesText(answer.GetLanes()), act.done)
		},
	}
	cmd.Flags().Uint32Var(&lane, "lane", 0, "this lane only, counted from 0")
	server.add(cmd, asTable, asJSON, asYAML)
	return cmd
}

// lanesText names the lanes, unless it is the only one.
func lanesText(lanes []uint32) string {
	if len(lanes) == 1 && lanes[0] == 0 {
		return ""
	}
	var numbers []string
	for _, lane := range lanes {
		numbers = append(numbers, fmt.Sprint(lane))
	}
	if len(numbers) == 1 {
		return ", lane " + numbers[0] + ","
	}
	return ", each of the lanes " + strings.Join(numbers, " ") + ","
}
