package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

type getEventsFlags struct {
	server    serverFlags
	watch     watchFlag
	eventType string
	org       string
	aggregate string
	since     string
	limit     int
}

func (p *Program) getEventsCommand() *cobra.Command {
	var f getEventsFlags
	cmd := &cobra.Command{
		Use:     "events",
		Aliases: []string{"event"},
		Short:   "Show stored events, the newest first",
		Long: `Shows the events that are stored, the newest first: their number in the stream,
when they were stored, organization, type, aggregate, and with -o wide the body.

With --watch it shows each event from now on as it is stored, until Ctrl-C.
"callout events tail" shows them in their order from an earlier one on.`,
		Example: "  callout get events --type 'user.*' --since 2h\n  callout get events --aggregate u1 -o wide\n  callout get events --limit 0 --json | jq .body.event_payload",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := cmp.Or(f.server.check(), f.watch.check(&f.server)); err != nil {
				return err
			}
			if f.limit < 0 {
				return &usageError{fmt.Errorf("--limit %d is less than none", f.limit)}
			}
			since, err := moment("since", f.since, time.Now())
			if err != nil {
				return err
			}
			if f.watch.on {
				if f.since != "" {
					return &usageError{errors.New("--watch shows what is stored from now on: it goes without --since")}
				}
				return p.watchEvents(cmd.Context(), &f)
			}
			return p.getEvents(cmd.Context(), &f, since)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.eventType, "type", "*", "only events of this `PATTERN`: a type, or a group such as user.*")
	flags.StringVar(&f.org, "org", "", "only events of this `ORG`")
	flags.StringVar(&f.aggregate, "aggregate", "", "only events of the aggregate with this `ID`")
	flags.StringVar(&f.since, "since", "", "only those stored since this `TIME`, or that long ago, such as 2h")
	flags.IntVar(&f.limit, "limit", 100, "at most so many; 0 shows all")
	f.watch.add(cmd)
	f.server.add(cmd, asTable, asWide, asName, asJSON, asYAML)
	return cmd
}

func (p *Program) getEvents(ctx context.Context, f *getEventsFlags, since time.Time) error {
	filter := &calloutv1.EventFilter{Type: f.eventType, Org: f.org, AggregateId: f.aggregate}
	if !since.IsZero() {
		filter.Since = timestamppb.New(since)
	}
	show, have, more := p.eventLister(f.server.output), 0, false
	err := eachPage(ctx, func(ctx context.Context, token string) ([]*calloutv1.StoredEvent, string, error) {
		answer, err := ask(ctx, &f.server, &calloutv1.ListEventsRequest{Instance: f.server.instance, Filter: filter, PageSize: pageOf(f.limit, have), PageToken: token},
			calloutv1connect.ActionServiceClient.ListEvents)
		have += len(answer.GetEvents())
		next := answer.GetNextPageToken()
		if f.limit > 0 && have >= f.limit {
			more, next = next != "", ""
		}
		return answer.GetEvents(), next, err
	}, show.page)
	if err == nil {
		err = show.end()
	}
	if err == nil && more && (f.server.output == asTable || f.server.output == asWide) {
		p.note(fmt.Sprintf("these are the newest %d, there may be more: --limit 0 shows all", f.limit))
	}
	return err
}

func (p *Program) eventLister(form string) *lister[*calloutv1.StoredEvent] {
	head := []string{"SEQUENCE", "STORED", "ORG", "TYPE", "AGGREGATE"}
	t := p.table(head...)
	if form == asWide {
		t = p.table(append(head, "BODY")...).wide()
	}
	return &lister[*calloutv1.StoredEvent]{Program: p, form: form, what: "events", table: t,
		name: func(e *calloutv1.StoredEvent) string { return fmt.Sprint(e.GetSequence()) },
		json: func(e *calloutv1.StoredEvent) ([]byte, error) {
			without := proto.CloneOf(e)
			without.Body = nil
			return withBody(without, e.GetBody())
		},
		row: func(e *calloutv1.StoredEvent) {
			row := []string{fmt.Sprint(e.GetSequence()), secondText(e.GetStoredAt().AsTime()), e.GetOrg(), e.GetType(), e.GetAggregateId()}
			if form == asWide {
				row = append(row, bodyText(e.GetBody()))
			}
			t.add(row...)
		}}
}

// watchEvents shows events as they are stored. When the server goes away it goes
// on, when it is back, behind what was shown.
func (p *Program) watchEvents(ctx context.Context, f *getEventsFlags) error {
	show := p.eventLister(f.server.output)
	tail := tailFlags{server: f.server, eventType: f.eventType, org: f.org}
	said := false
	return p.retrying(ctx, func(there func()) error {
		next, err := tail.each(ctx, func(uint64) {
			if there(); !said {
				said = true
				p.note(fmt.Sprintf("showing the events of instance %s as they are stored; Ctrl-C ends", f.server.instance))
			}
		}, func(e *calloutv1.StoredEvent) error {
			if f.aggregate != "" && e.GetAggregateId() != f.aggregate {
				return nil
			}
			return show.page([]*calloutv1.StoredEvent{e})
		})
		if next > 0 {
			tail.from = next
		}
		return err
	})
}
