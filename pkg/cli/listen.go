package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/invoke"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

type listenFlags struct {
	tail   tailFlags
	to     string
	events []string
	key    string
	as     string
}

func (p *Program) listenCommand() *cobra.Command {
	var f listenFlags
	cmd := &cobra.Command{
		Use:   "listen --forward-to URL [--events a,b]",
		Short: "Have real events posted to a URL on your own machine",
		Long: `Posts the events of an instance to a URL that only this machine reaches, as they
are stored: a target on a laptop gets real deliveries without a public address.

They are signed with the key that is given; otherwise with that of the context in
use, which is made once and kept ("callout context"), or else with one that is made
and printed. With --as they come as they come to a target that is configured: of the
conditions that reach it, with its headers, its timeout and its signatures, but
signed with that key: the target's own is shown to nobody.

It only looks on, beside the subscriptions: nothing is taken from anybody, and
nothing is configured. So an event is sent once at most: one that fails is not sent
again, and what is stored while nobody listens is not sent, unless --from begins
there.

Exit code: 0 when it was ended by Ctrl-C, 3 when the dispatcher goes away.`,
		Example: "  callout listen --forward-to http://127.0.0.1:9000/hook --events 'user.*,org.added'\n  callout listen --forward-to http://127.0.0.1:9000/hook --from 1 --json\n  callout listen --as audit --forward-to http://127.0.0.1:9000/hook",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.tail.server.check(); err != nil {
				return err
			}
			return p.listen(cmd.Context(), &f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.to, "forward-to", "", "post to this `URL`")
	flags.StringSliceVar(&f.events, "events", nil, "only events of these types or groups, as `PATTERN`,… left out, all")
	flags.StringVar(&f.tail.org, "org", "", "only events of this `ORG`")
	flags.StringVar(&f.as, "as", "", "send what this `TARGET` is sent, as it is sent it, such as audit or acme:crm")
	flags.StringVar(&f.key, "key", "", "sign with this `KEY`; left out, that of the context in use, or one is made and printed")
	flags.Uint64Var(&f.tail.from, "from", 0, "begin with this message of the stream; 0 begins with the next event")
	f.tail.server.add(cmd, asText, asJSON)
	return cmd
}

func (p *Program) listen(ctx context.Context, f *listenFlags) error {
	if f.to == "" {
		return &usageError{errors.New("--forward-to URL is missing: where are events to be posted?")}
	}
	for _, pattern := range f.events {
		if _, err := action.ParseCondition(action.OnEvent, pattern); err != nil {
			return &usageError{fmt.Errorf("--events %q: %w", pattern, err)}
		}
	}
	key := f.key
	var err error
	if key == "" {
		if key, err = p.listenKey(&f.tail.server); err != nil {
			return err
		}
	}
	to, err := newSender("forward-to", f.to, key, action.Webhook)
	if err != nil {
		return err
	}
	defer to.close()
	if f.as != "" {
		if err := f.takePlace(ctx, to); err != nil {
			return err
		}
	}
	f.tail.eventType = "*"
	if len(f.events) == 1 { // the server need not send the others
		f.tail.eventType = f.events[0]
	}
	if f.key == "" {
		p.note("signed with the key " + to.key)
	}
	return p.follow(ctx, &f.tail, "forwarding the events of", func(e *calloutv1.StoredEvent) error {
		if !wanted(f.events, e.GetType()) {
			return nil
		}
		id := fmt.Sprintf("listen-%d", e.GetSequence())
		answer := to.deliver(ctx, id, f.tail.server.instance, e)
		if ctx.Err() != nil {
			return nil
		}
		return p.tellForwarded(f.tail.server.output, e, answer)
	})
}

// wanted tells whether a type of event is one of some patterns; none are all.
func wanted(patterns []string, eventType string) bool {
	return len(patterns) == 0 || slices.ContainsFunc(patterns, func(pattern string) bool {
		group, isGroup := strings.CutSuffix(pattern, "*")
		return pattern == eventType || isGroup && strings.HasPrefix(eventType, group)
	})
}

// forwarded is one event that was posted, for programs.
type forwarded struct {
	Sequence uint64 `json:"sequence"`
	Type     string `json:"type"`
	Org      string `json:"org,omitempty"`
	Outcome  string `json:"outcome"`
	Status   int    `json:"status"`
	Code     string `json:"code,omitempty"`
}

func (p *Program) tellForwarded(form string, e *calloutv1.StoredEvent, answer invoke.Answer) error {
	if isJSON(form) {
		f := forwarded{Sequence: e.GetSequence(), Type: e.GetType(), Org: e.GetOrg(), Outcome: outcomeOf(answer), Status: answer.Status}
		if answer.Err != nil {
			f.Code = string(answer.Err.Code)
		}
		return p.printValue(f)
	}
	return p.say("%d  %s  %s  %s\n", e.GetSequence(), orDash(e.GetOrg()), orDash(e.GetType()), p.answerText(answer))
}
