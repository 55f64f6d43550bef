package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/callout-hq/callout/pkg/action"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

type subscriptionsFlags struct {
	server serverFlags
	watch  watchFlag
}

func (p *Program) getSubscriptionsCommand() *cobra.Command {
	var f subscriptionsFlags
	cmd := &cobra.Command{
		Use:     "subscriptions [NAME]",
		Aliases: []string{"subscription", "subs", "sub"},
		Short:   "Show how the subscriptions stand",
		Long: `Shows how each subscription stands: one line of output for each lane. A
subscription is the pair of an event execution and a target, and is named
[ORG:]CONDITION/TARGET. The numbers are those of its JetStream consumer, which
any NATS tool shows too. Where lines are packed into shards, NATS tools show how
far the slowest line of a shard is; see docs/operations.md.

  STATE       running; failing, stopped or paused, for how long; paused
              also while its target is; "ends when empty", when it is no longer
              configured; "waits for its old lanes", when its number of lanes
              changes; lost, when its consumer was deleted by somebody else
  WAITING     events not yet handed to a worker; ≤ counts those too that a better
              match will take
  OLDEST      age of the oldest event that waits or is in work
  LAST-ERROR  of the last attempt that failed, and how long ago that was; it
              stays when the line runs again

and with -o wide

  ATTEMPTS      made for the event that fails
  IN-WORK       handed to a worker; the wait before the next attempt included
  REDELIVERED   of these, those that were handed out before
  LAST-SUCCESS  how long ago the line last went on otherwise than by giving an
                event up
  CONSUMER      of JetStream: the line's own, or that of the shard it is in

In JSON the states are running, retrying, stopped, paused, draining, migrating and
lost.`,
		Example: `  callout get subscriptions
  callout get subscriptions acme:user.added/crm
  callout get subscriptions -o json | jq '.items[] | select(.state != "running") | .name'`,
		ValidArgsFunction: p.completeSubscriptions(),
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return &usageError{fmt.Errorf("%s takes the NAME of one subscription or none, not %d", cmd.CommandPath(), len(args))}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := cmp.Or(f.server.check(), f.watch.check(&f.server)); err != nil {
				return err
			}
			return p.getSubscriptions(cmd.Context(), &f, strings.Join(args, ""))
		},
	}
	f.watch.add(cmd)
	f.server.add(cmd, asTable, asWide, asName, asJSON, asYAML)
	return cmd
}

func (p *Program) getSubscriptions(ctx context.Context, f *subscriptionsFlags, name string) error {
	form := f.server.output
	if form == asName { // of each once, whatever its lanes
		f.watch.on = false
	}
	t := p.subscriptionTable(form == asWide)
	show := &lister[*calloutv1.Subscription]{Program: p, form: form, what: "subscriptions", table: t, name: laneName,
		row: func(s *calloutv1.Subscription) { subscriptionRow(t, s, time.Now(), form == asWide) }}
	if form == asName {
		show.name = (*calloutv1.Subscription).GetName
	}
	return list(ctx, f.watch, show, func(ctx context.Context) ([]*calloutv1.Subscription, error) {
		answer, err := ask(ctx, &f.server, &calloutv1.ListSubscriptionsRequest{Instance: f.server.instance, Name: name},
			calloutv1connect.ActionServiceClient.ListSubscriptions)
		all := answer.GetSubscriptions()
		switch {
		case form == asName:
			all = slices.CompactFunc(all, func(a, b *calloutv1.Subscription) bool { return a.GetName() == b.GetName() })
		case form == asTable && name == "":
			all = slices.DeleteFunc(all, idleRedrive)
		}
		return all, err
	})
}

// idleRedrive tells whether it is the line of what is sent again, and nothing is.
func idleRedrive(s *calloutv1.Subscription) bool {
	return s.GetName() == "redrive" && s.GetState() == "running" && s.GetWaiting() == 0 && s.GetInWork() == 0
}

func (p *Program) subscriptionTable(wide bool) *table {
	head := []string{"NAME", "STATE", "WAITING", "OLDEST", "LAST-ERROR"}
	if wide {
		return p.table(append(head, "ATTEMPTS", "IN-WORK", "REDELIVERED", "LAST-SUCCESS", "CONSUMER")...).wide()
	}
	return p.table(head...)
}

// subscriptionRow shows a subscription to a person, with ages up to now.
func subscriptionRow(t *table, s *calloutv1.Subscription, now time.Time, wide bool) {
	row := []string{laneName(s), stateText(s, now), waitingText(s), age(s.GetOldest(), now), lastFailureText(s, now)}
	if wide {
		row = append(row, fmt.Sprint(s.GetAttempts()), fmt.Sprint(s.GetInWork()), fmt.Sprint(s.GetRedelivered()), age(s.GetLastSuccess(), now), consumerOf(s))
	}
	t.add(row...)
	t.colour(1, stateColours[s.GetState()])
}

// consumerOf is the consumer that shows a line to NATS tools.
func consumerOf(s *calloutv1.Subscription) string {
	if s.GetShard() > 0 {
		return fmt.Sprintf("shard-%d", s.GetShard())
	}
	return s.GetLine()
}

// unlessZero is a number that is worth a column only where it is not zero.
func unlessZero[N uint32 | uint64](n N) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

func laneName(s *calloutv1.Subscription) string {
	if s.GetLanes() <= 1 {
		return s.GetName()
	}
	return fmt.Sprintf("%s[%d/%d]", s.GetName(), s.GetLane(), s.GetLanes())
}

// stateText is a state in words that need no page: the word itself is in the
// JSON.
func stateText(s *calloutv1.Subscription, now time.Time) string {
	since := s.GetStoppedSince()
	if s.GetState() == "retrying" {
		since = s.GetFailingSince()
	}
	text := s.GetState()
	if plain := plainStates[text]; plain != "" {
		text = plain
	}
	if since != nil {
		text += " for " + age(since, now)
	}
	if reason := s.GetReason(); reason != "" && s.GetState() == "paused" && reason != string(action.CodePaused) {
		text += ": " + reason
	}
	return text
}

var plainStates = map[string]string{
	"retrying": "failing", "draining": "ends when empty", "migrating": "waits for its old lanes", "lost": "lost, is made again",
}

func waitingText(s *calloutv1.Subscription) string {
	if s.GetToScan() && s.GetWaiting() > 0 {
		return fmt.Sprintf("≤%d", s.GetWaiting())
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
