package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

func (p *Program) getSubscriptionsCommand() *cobra.Command {
	var server serverFlags
	cmd := &cobra.Command{
		Use:     "subscriptions [NAME]",
		Aliases: []string{"subscription", "subs"},
		Short:   "Show how the subscriptions stand",
		Long: `Shows how each subscription stands: one line of output for each lane. A
subscription is the pair of an event execution and a target, and is named
[ORG:]CONDITION/TARGET. The numbers are those of its JetStream consumer, which
any NATS tool shows too.

  STATE        running; retrying, stopped or paused, since when and why; paused
               also while its target is; draining, when it is no longer configured; migrating, when its number of
               lanes changes; lost, when its consumer was deleted by somebody else
  WAITING      events not yet handed to a worker; "to scan" counts those too that
               a better match will take
  IN-WORK      handed to a worker; the wait before the next attempt included
  REDELIVERED  of these, those that were handed out before
  OLDEST       age of the oldest event that waits or is in work
  LAST-SUCCESS how long ago the line last went on otherwise than by giving an
               event up
  ATTEMPTS     made for the event that fails
  LAST-ERROR   of the last attempt that failed, and how long ago that was; it
               stays when the line runs again`,
		Example: `  callout get subscriptions
  callout get subscriptions acme:user.added/crm
  callout get subscriptions -o json | jq '.subscriptions[] | select(.state != "running") | .name'`,
		ValidArgsFunction: p.completeSubscriptions(),
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return &usageError{fmt.Errorf("%s takes the NAME of one subscription or none, not %d", cmd.CommandPath(), len(args))}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := server.check(); err != nil {
				return err
			}
			return p.getSubscriptions(cmd.Context(), &server, strings.Join(args, ""))
		},
	}
	server.add(cmd, asTable, asWide, asName, asJSON, asYAML)
	return cmd
}

func (p *Program) getSubscriptions(ctx context.Context, server *serverFlags, name string) error {
	answer, err := ask(ctx, server, &calloutv1.ListSubscriptionsRequest{Instance: server.instance, Name: name},
		calloutv1connect.ActionServiceClient.ListSubscriptions)
	if err != nil {
		return err
	}
	switch server.output {
	case asJSON, asYAML:
		return p.print(server.output, answer)
	case asName:
		return p.subscriptionNames(answer.GetSubscriptions())
	}
	if len(answer.GetSubscriptions()) == 0 {
		return p.say("no subscriptions\n")
	}
	return p.say("%s", subscriptionTable(answer.GetSubscriptions(), time.Now(), server.output == asWide, p.pen()))
}

// subscriptionNames prints the name of each, whatever its lanes.
func (p *Program) subscriptionNames(all []*calloutv1.Subscription) error {
	last := ""
	for _, s := range all {
		if s.GetName() == last {
			continue
		}
		last = s.GetName()
		if err := p.say("%s\n", printable(last)); err != nil {
			return err
		}
	}
	return nil
}

// subscriptionTable shows subscriptions to a person, with ages up to now; a wide
// one with their consumers.
func subscriptionTable(all []*calloutv1.Subscription, now time.Time, wide bool, pen pen) string {
	var b strings.Builder
	t := &table{out: &b, pen: pen, head: []string{"NAME", "STATE", "WAITING", "IN-WORK", "REDELIVERED", "OLDEST", "LAST-SUCCESS", "ATTEMPTS", "LAST-ERROR"}}
	if wide {
		t.head = append(t.head, "CONSUMER")
	}
	for _, s := range all {
		row := []string{laneName(s), stateText(s, now), waitingText(s), fmt.Sprint(s.GetInWork()), fmt.Sprint(s.GetRedelivered()),
			age(s.GetOldest(), now), age(s.GetLastSuccess(), now), fmt.Sprint(s.GetAttempts()), lastFailureText(s, now)}
		if wide {
			row = append(row, s.GetLine())
		}
		t.add(row...)
		t.colour(1, stateColours[s.GetState()])
	}
	_ = t.flush() // a Builder takes everything
	return b.String()
}

func laneName(s *calloutv1.Subscription) string {
	if s.GetLanes() <= 1 {
		return s.GetName()
	}
	return fmt.Sprintf("%s[%d/%d]", s.GetName(), s.GetLane(), s.GetLanes())
}

func stateText(s *calloutv1.Subscription, now time.Time) string {
	since := s.GetStoppedSince()
	if s.GetState() == "retrying" {
		since = s.GetFailingSince()
	}
	text := s.GetState()
	if since != nil {
		text += " since " + age(since, now)
	}
	if s.GetReason() != "" {
		text += " (" + s.GetReason() + ")"
	}
	return text
}

func waitingText(s *calloutv1.Subscription) string {
	if s.GetToScan() && s.GetWaiting() > 0 {
		return fmt.Sprintf("%d to scan", s.GetWaiting())
	}
	return fmt.Sprint(s.GetWaiting())
}

// lastFailureText is how the last attempt failed that did, and when.
func lastFailureText(s *calloutv1.Subscription, now time.Time) string {
	text := lastErrorText(s.GetLastStatus(), s.GetLastError())
	if s.GetLastFailed() == nil {
		return text
	}
	return text + ", " + age(s.GetLastFailed(), now) + " ago"
}

// lastErrorText is the status of an answer, or the code where there was none.
func lastErrorText(status uint32, code string) string {
	switch {
	case status > 0:
		return fmt.Sprintf("status %d", status)
	case code != "":
		return code
	}
	return "-"
}

// age is how long ago something was, in one unit: 12s, 5m, 3h, 2d. The clock of
// the server may be ahead of ours.
func age(t *timestamppb.Timestamp, now time.Time) string {
	if t == nil {
		return "-"
	}
	d := max(now.Sub(t.AsTime()), 0)
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}
