package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

// deliveryFlags choose deliveries.
type deliveryFlags struct {
	server serverFlags
	filter calloutv1.DeliveryFilter
	event  string
	since  string
	until  string
	limit  int
	watch  watchFlag
}

func (p *Program) getDeliveriesCommand() *cobra.Command {
	var f deliveryFlags
	cmd := &cobra.Command{
		Use:     "deliveries [ID]",
		Aliases: []string{"delivery"},
		Short:   "Show what was delivered to whom, when, and what it answered",
		Long: `Shows deliveries of events and of async targets, and turns of calls, by their last
attempt, the newest first. They are read from the log of attempts, which is bounded
in age and size (--attempts-age and --max-attempts of the dispatcher): what is older
is not shown. "callout describe delivery" shows each attempt.

  LAST   the HTTP status of the last attempt, or the code of docs/errors.md where
         there was no answer; #3 behind it: it was the third
  AGE    how long ago that was
  STATE  delivered; waiting, with when it is made again; dead letter; paused, its
         target; stopped, its line; stored, for an async target. Of a turn in a call
         continue, rejected or failed

--event takes the number of an event in its stream, or its id; an id of digits alone
is written id:42.`,
		Example: `  callout get deliveries --event 42
  callout get deliveries --target audit --state waiting -w
  callout get deliveries --type 'user.*' --org acme --since 2h --json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return &usageError{fmt.Errorf("%s takes the ID of one delivery or none, not %d", cmd.CommandPath(), len(args))}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(args, time.Now()); err != nil {
				return err
			}
			if f.watch.on {
				return p.watchDeliveries(cmd.Context(), &f)
			}
			return p.getDeliveries(cmd.Context(), &f)
		},
	}
	f.add(cmd)
	return cmd
}

func (f *deliveryFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.event, "event", "", "only those of the event with this `SEQ|ID`")
	flags.StringVar(&f.filter.Target, "target", "", "only those to this `TARGET`")
	flags.StringVar(&f.filter.Org, "org", "", "only those of events and calls of this `ORG`")
	flags.StringVar(&f.filter.AggregateId, "aggregate", "", "only those of events of the aggregate with this `ID`")
	flags.StringVar(&f.filter.EventType, "type", "", "only those of events of this `TYPE`, or of a group such as user.*")
	flags.StringVar(&f.filter.State, "state", "", "only those in this `STATE`, such as delivered, waiting or \"dead letter\"")
	flags.StringVar(&f.since, "since", "", "only those last attempted since this `TIME`, or that long ago, such as 2h")
	flags.StringVar(&f.until, "until", "", "as things stood at this `TIME`, or that long ago")
	flags.IntVar(&f.limit, "limit", 100, "at most so many; 0 shows all")
	f.watch.add(cmd)
	f.server.add(cmd, asTable, asWide, asName, asJSON, asYAML)
}

// check looks over what was given, and completes the filter.
func (f *deliveryFlags) check(args []string, now time.Time) error {
	if err := f.server.check(); err != nil {
		return err
	}
	if f.limit < 0 {
		return &usageError{fmt.Errorf("--limit %d is less than none", f.limit)}
	}
	if err := f.watch.check(&f.server); err != nil {
		return err
	}
	if f.watch.on && f.until != "" {
		return &usageError{errors.New("--watch goes without --until: it shows what is attempted from now on")}
	}
	f.filter.DeliveryId = strings.Join(args, "")
	f.filter.State = stateOf(f.filter.GetState())
	if sequence, err := strconv.ParseUint(f.event, 10, 64); err == nil && sequence > 0 {
		f.filter.EventSequence = sequence
	} else {
		f.filter.EventId = strings.TrimPrefix(f.event, "id:")
	}
	for name, into := range map[string]**timestamppb.Timestamp{"since": &f.filter.Since, "until": &f.filter.Until} {
		at, err := moment(name, map[string]string{"since": f.since, "until": f.until}[name], now)
		if err != nil {
			return err
		}
		if !at.IsZero() {
			*into = timestamppb.New(at)
		}
	}
	return nil
}

// stateOf is a state as the server names it.
func stateOf(text string) string {
	state := strings.NewReplacer(" ", "_", "-", "_").Replace(strings.ToLower(strings.TrimSpace(text)))
	if state == "dead" {
		return "dead_letter"
	}
	return state
}

// deliveries reads pages until there are as many as asked for. What is on two pages
// is shown once.
func (f *deliveryFlags) deliveries(ctx context.Context, limit int) (*calloutv1.ListDeliveriesResponse, error) {
	whole, met := &calloutv1.ListDeliveriesResponse{}, map[string]bool{}
	for token := ""; ; token = whole.GetNextPageToken() {
		answer, err := ask(ctx, &f.server, &calloutv1.ListDeliveriesRequest{
			Instance: f.server.instance, Filter: &f.filter, PageSize: pageOf(limit, len(whole.GetDeliveries())), PageToken: token,
		}, calloutv1connect.ActionServiceClient.ListDeliveries)
		if err != nil {
			return nil, err
		}
		for _, d := range answer.GetDeliveries() {
			if !met[d.GetDeliveryId()] {
				whole.Deliveries = append(whole.Deliveries, d)
			}
			met[d.GetDeliveryId()] = true
		}
		whole.NextPageToken, whole.Unreadable = answer.GetNextPageToken(), whole.GetUnreadable()+answer.GetUnreadable()
		whole.Unrecorded = max(whole.GetUnrecorded(), answer.GetUnrecorded())
		if whole.GetNextPageToken() == "" || limit > 0 && len(whole.GetDeliveries()) >= limit {
			return whole, nil
		}
	}
}

func (p *Program) getDeliveries(ctx context.Context, f *deliveryFlags) error {
	whole, err := f.deliveries(ctx, f.limit)
	if err != nil {
		return err
	}
	p.noteUnrecorded(whole.GetUnrecorded(), whole.GetUnreadable())
	if err := p.deliveryLister(f.server.output).all(whole.GetDeliveries()); err != nil {
		return err
	}
	if whole.GetNextPageToken() != "" && (f.server.output == asTable || f.server.output == asWide) {
		p.note(fmt.Sprintf("these are the newest %d, there may be more: --limit 0 shows all", len(whole.GetDeliveries())))
	}
	return nil
}

// noteUnrecorded says what the log of attempts does not hold.
func (p *Program) noteUnrecorded(unrecorded uint64, unreadable uint32) {
	if unrecorded > 0 {
		p.note(fmt.Sprintf("not recorded: %s; their log did not keep up, or was not there", count(int(unrecorded), "attempt")))
	}
	if unreadable > 0 {
		p.note(fmt.Sprintf("unreadable in the log of attempts, and left out: %d", unreadable))
	}
}

// watchDeliveries shows what is attempted from now on, each time that a delivery
// stands differently. A server that is away is waited for.
func (p *Program) watchDeliveries(ctx context.Context, f *deliveryFlags) error {
	show, shown, begun := p.deliveryLister(f.server.output), map[string]string{}, false
	if f.filter.Since == nil {
		f.filter.Since = timestamppb.Now()
	}
	return p.retrying(ctx, func(there func()) error {
		whole, err := f.deliveries(ctx, 0)
		if err != nil {
			return err
		}
		there()
		if !begun {
			begun = true
			p.note(fmt.Sprintf("showing the deliveries of instance %s as they are attempted; Ctrl-C ends", f.server.instance))
		}
		return show.page(f.changed(whole.GetDeliveries(), shown))
	})
}

// watchedFor is how long what was shown is remembered: a log may be written later
// than its clock says.
const watchedFor = time.Minute

// changed are those that stand differently from when they were shown, the oldest
// first. What is older is not asked for any more.
func (f *deliveryFlags) changed(all []*calloutv1.Delivery, shown map[string]string) (changed []*calloutv1.Delivery) {
	now := map[string]string{}
	for n := len(all) - 1; n >= 0; n-- {
		d := all[n]
		now[d.GetDeliveryId()] = d.GetLastTime().AsTime().String()
		if shown[d.GetDeliveryId()] != now[d.GetDeliveryId()] {
			changed = append(changed, d)
		}
	}
	clear(shown)
	for id, at := range now {
		shown[id] = at
	}
	if n := len(all); n > 0 {
		if since := all[0].GetLastTime().AsTime().Add(-watchedFor); since.After(f.filter.GetSince().AsTime()) {
			f.filter.Since = timestamppb.New(since)
		}
	}
	return changed
}
