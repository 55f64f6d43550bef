package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

type tailFlags struct {
	server    serverFlags
	eventType string
	org       string
	from      uint64
}

func (p *Program) tailCommand() *cobra.Command {
	var f tailFlags
	cmd := &cobra.Command{
		Use:   "tail",
		Short: "Show events as they are stored",
		Long: `Shows the events of an instance in the order in which they are stored, until
Ctrl-C: their number in the stream, when they were stored, organization, type and
body. It only looks: nothing is taken from anybody. With --from it begins with
what is stored already.

With --json each event is one object on one line; body is the event itself, one
that is no JSON is in bodyBase64.

Exit code: 0 when it was ended by Ctrl-C, 3 when the dispatcher goes away.`,
		Example: "  callout events tail --type 'user.*' --org acme\n  callout events tail --from 1 --json | jq .body.event_payload",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.server.check(); err != nil {
				return err
			}
			return p.tail(cmd.Context(), &f)
		},
	}
	cmd.Flags().StringVar(&f.eventType, "type", "*", "only events of this `PATTERN`: a type, or a group such as user.*")
	cmd.Flags().StringVar(&f.org, "org", "", "only events of this `ORG`")
	cmd.Flags().Uint64Var(&f.from, "from", 0, "begin with this message of the stream; 0 begins with the next event")
	f.server.add(cmd, asTable, asJSON, asYAML)
	return cmd
}

func (p *Program) tail(ctx context.Context, f *tailFlags) error {
	return p.follow(ctx, f, "showing the events of", func(e *calloutv1.StoredEvent) error { return p.tellEvent(f.server.output, e) })
}

// follow hands over events as they are stored, until ctx ends.
func (p *Program) follow(ctx context.Context, f *tailFlags, doing string, do func(*calloutv1.StoredEvent) error) error {
	next, err := f.each(ctx, func(from uint64) {
		p.note(fmt.Sprintf("%s instance %s from sequence %d on; Ctrl-C ends", doing, f.server.instance, from))
	}, do)
	var away *serverUnreachable
	if next > 0 && errors.As(err, &away) {
		return &serverUnreachable{url: away.url, err: fmt.Errorf("%w; --from %d goes on behind what was shown", away.err, next)}
	}
	return err
}

// each hands over events as they are stored, until ctx ends. begun is told the
// sequence that it begins with. next is what comes behind what was handed over; 0
// = it did not begin.
func (f *tailFlags) each(ctx context.Context, begun func(from uint64), do func(*calloutv1.StoredEvent) error) (next uint64, err error) {
	client, done := f.server.connect()
	defer done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the stream, so that closing it does not wait for more
	stream, err := client.TailEvents(ctx, connect.NewRequest(&calloutv1.TailEventsRequest{
		Instance: f.server.instance, Type: f.eventType, Org: f.org, FromSequence: f.from,
	}))
	if err != nil {
		return 0, ended(ctx, f.server.failure(err))
	}
	defer func() { _ = stream.Close() }() // what was shown is shown
	for stream.Receive() {
		switch m := stream.Msg().GetMessage().(type) {
		case *calloutv1.TailEventsResponse_Begun:
			next = m.Begun.GetFromSequence()
			begun(next)
		case *calloutv1.TailEventsResponse_Event:
			next = m.Event.GetSequence() + 1
			err = do(m.Event)
		}
		if err != nil {
			cancel()
			return next, err
		}
	}
	cancelled := ctx.Err()
	cancel()
	switch err := stream.Err(); {
	case cancelled != nil:
		return next, nil
	case next == 0 && err != nil:
		return 0, f.server.failure(err)
	case err != nil:
		return next, &serverUnreachable{url: f.server.url, err: err}
	}
	return next, &serverUnreachable{url: f.server.url, err: errEnded}
}

// errEnded is the end of a stream that has none.
var errEnded = errors.New("it ended the answer")

// ended forgives an error of a command that was ended.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (p *Program) tellEvent(form string, e *calloutv1.StoredEvent) error {
	body := e.GetBody()
	if form == asTable {
		return p.say("%d  %s  %s  %s  %s\n", e.GetSequence(), e.GetStoredAt().AsTime().Local().Format(time.RFC3339), orDash(e.GetOrg()), orDash(e.GetType()), bodyText(body))
	}
	e.Body = nil
	if form == asYAML {
		if err := p.say("---\n"); err != nil {
			return err
		}
	}
	return p.printBody(form, e, body)
}
