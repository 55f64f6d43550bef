package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

func (p *Program) deadCommand() *cobra.Command {
	cmd := parent(&cobra.Command{
		Use:   "dead list|show|redrive|discard",
		Short: "Look at what could not be delivered, send it again, or let it go",
		Long: `A dead letter is a delivery that was given up: its target refused it, or the last
attempt failed, or somebody skipped it. It is kept whole, for 30 days, until it is
sent again or discarded.`,
		Example: "  callout dead list\n  callout dead redrive --target audit --since 2h",
	})
	cmd.AddCommand(p.deadListCommand(), p.deadShowCommand(), p.deadRedriveCommand(), p.deadDiscardCommand())
	return cmd
}

// deadFlags choose dead letters.
type deadFlags struct {
	server serverFlags
	filter calloutv1.DeadLetterFilter
	since  string
	until  string
	limit  int
	all    bool
	wait   waitFlag
	watch  watchFlag
}

func (f *deadFlags) add(cmd *cobra.Command, limit int, limitText string, outputs ...string) {
	flags := cmd.Flags()
	flags.StringVar(&f.filter.Target, "target", "", "only those for this `TARGET`")
	flags.StringVar(&f.filter.Org, "org", "", "only those of executions of this `ORG`")
	flags.StringVar(&f.filter.Reason, "reason", "", "only those given up for this `CODE`, such as exhausted, status or skipped")
	flags.StringVar(&f.filter.EventType, "type", "", "only those of events of this `TYPE`, or of a group such as user.*")
	flags.StringVar(&f.filter.EventOrg, "event-org", "", "only those of events, or calls, of this `ORG`")
	flags.StringVar(&f.filter.AggregateId, "aggregate", "", "only those of events of this `AGGREGATE`")
	flags.StringVar(&f.since, "since", "", "only those given up since this `TIME`, or that long ago, such as 2h")
	flags.StringVar(&f.until, "until", "", "only those given up before this `TIME`, or longer ago than that")
	flags.IntVar(&f.limit, "limit", limit, limitText)
	f.server.add(cmd, outputs...)
}

// check looks over what was given, and completes the filter.
func (f *deadFlags) check(ids []string, now time.Time) error {
	if err := f.server.check(); err != nil {
		return err
	}
	if f.limit < 0 {
		return &usageError{fmt.Errorf("--limit %d is less than none", f.limit)}
	}
	since, err := moment("since", f.since, now)
	if err != nil {
		return err
	}
	until, err := moment("until", f.until, now)
	if err != nil {
		return err
	}
	if !since.IsZero() {
		f.filter.Since = timestamppb.New(since)
	}
	if !until.IsZero() {
		f.filter.Until = timestamppb.New(until)
	}
	f.filter.DeliveryIds = ids
	return nil
}

// chosen tells whether anything narrows the choice.
func (f *deadFlags) chosen() bool {
	return len(f.filter.GetDeliveryIds()) > 0 || f.filter.GetTarget() != "" || f.filter.GetOrg() != "" || f.filter.GetReason() != "" ||
		f.filter.GetEventType() != "" || f.filter.GetEventOrg() != "" || f.filter.GetAggregateId() != "" || f.since != "" || f.until != ""
}

// pageOf is how many are asked for at once, of those left up to a limit; a
// limit of 0 is none.
func pageOf(limit, have int) uint32 {
	if limit == 0 {
		return deadPage
	}
	return uint32(min(limit-have, deadPage))
}

// deadPage is how many dead letters are asked for at once.
const deadPage = 1000

func (p *Program) deadListCommand() *cobra.Command {
	return p.listDeadCommand(&cobra.Command{Use: "list [ID…]",
		Example: "  callout dead list\n  callout dead list --target audit --reason exhausted --since 2h\n  callout dead list --event-org acme --aggregate u1\n  callout dead list --limit 0 -o name"})
}

func (p *Program) getDeadCommand() *cobra.Command {
	return p.listDeadCommand(&cobra.Command{Use: "dead [ID…]", Example: "  callout get dead --type 'user.*' --since 1d"})
}

// listDeadCommand is one command by two names.
func (p *Program) listDeadCommand(cmd *cobra.Command) *cobra.Command {
	var f deadFlags
	cmd.Short = "List dead letters, the oldest first"
	cmd.Long = `Lists deliveries that were given up, the first to be given up first: the id of the
delivery, its target, the event's type, why it was given up and what status the
target answered last, and how long ago that was. With -o wide the organization and
the aggregate of its event are there too. A reason is a code of docs/errors.md.`
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := cmp.Or(f.check(args, time.Now()), f.watch.check(&f.server)); err != nil {
			return err
		}
		return p.deadList(cmd.Context(), &f)
	}
	f.watch.add(cmd)
	f.add(cmd, 100, "at most so many; 0 lists all", asTable, asWide, asName, asJSON, asYAML)
	return cmd
}

func (p *Program) deadList(ctx context.Context, f *deadFlags) error {
	show := p.deadLister(f.server.output)
	if f.watch.on {
		return watching(ctx, show, func(ctx context.Context) (all []*calloutv1.DeadLetter, err error) {
			_, err = f.each(ctx, func(page []*calloutv1.DeadLetter) error { all = append(all, page...); return nil })
			return all, err
		})
	}
	more, err := f.each(ctx, show.page)
	if err == nil {
		err = show.end()
	}
	if err == nil && more && (f.server.output == asTable || f.server.output == asWide) {
		p.note(fmt.Sprintf("these are the oldest %d, there may be more: --limit 0 lists all", f.limit))
	}
	return err
}

// each hands over dead letters, page by page, and tells whether there may be more
// than were asked for.
func (f *deadFlags) each(ctx context.Context, do func([]*calloutv1.DeadLetter) error) (more bool, err error) {
	have := 0
	err = eachPage(ctx, func(ctx context.Context, token string) ([]*calloutv1.DeadLetter, string, error) {
		answer, err := ask(ctx, &f.server, &calloutv1.ListDeadLettersRequest{
			Instance: f.server.instance, Filter: &f.filter, Limit: pageOf(f.limit, have), PageToken: token,
		}, calloutv1connect.ActionServiceClient.ListDeadLetters)
		have += len(answer.GetDeadLetters())
		next := answer.GetNextPageToken()
		if f.limit > 0 && have >= f.limit {
			more, next = next != "", ""
		}
		return answer.GetDeadLetters(), next, err
	}, do)
	return more, err
}

func (p *Program) deadShowCommand() *cobra.Command {
	var server serverFlags
	var onlyBody bool
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show one dead letter whole",
		Long: `Shows one dead letter with everything that is known of it, what the target's last
answer began with, and its body as it was to be sent. With --body that alone is printed, byte for byte. With -o json, body
is the JSON itself; one that is no JSON is in bodyBase64.`,
		Example: "  callout dead show 01JZ…\n  callout dead show 01JZ… --body | jq .event_payload",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &usageError{fmt.Errorf("%s takes the ID of one dead letter, not %d; \"callout dead list\" shows them", cmd.CommandPath(), len(args))}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := server.check(); err != nil {
				return err
			}
			return p.deadShow(cmd.Context(), &server, args[0], onlyBody)
		},
	}
	cmd.Flags().BoolVar(&onlyBody, "body", false, "print the body alone, byte for byte")
	server.add(cmd, asTable, asJSON, asYAML)
	return cmd
}

func (p *Program) deadShow(ctx context.Context, server *serverFlags, id string, onlyBody bool) error {
	answer, err := ask(ctx, server, &calloutv1.GetDeadLetterRequest{Instance: server.instance, DeliveryId: id}, calloutv1connect.ActionServiceClient.GetDeadLetter)
	if err != nil {
		return err
	}
	letter := answer.GetDeadLetter()
	if onlyBody {
		_, err := p.Out.Write(letter.GetBody())
		return err
	}
	if server.output != asTable {
		body := letter.GetBody()
		letter.Body = nil
		return p.printBody(server.output, letter, body)
	}
	return p.say("%s", deadLetterText(letter))
}

// errEverything asks to say it.
var errEverything = errors.New("which ones? name them by ID, choose them by --target, --org, --reason, --type, --event-org, --aggregate, --since or --until, or give --all")
