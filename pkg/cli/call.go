package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/manage"
	"github.com/callout-hq/callout/pkg/wire"
)

type callFlags struct {
	server serverFlags
	org    string
	body   string
}

func (p *Program) callCommand() *cobra.Command {
	var f callFlags
	calls := []string{string(action.Request), string(action.Response), string(action.Function)}
	cmd := &cobra.Command{
		Use:   "call request|response|function NAME [--body FILE]",
		Short: "Make a call, as a core does",
		Long: `Asks the fleet as a core asks it: what is configured for NAME runs for real, and
its targets are called. What came of it is shown: the outcome, each target that was
called, what was warned of, and the object if a target changed it. NAME is a method
or a function. Without --body a sample is sent, that of "callout target test".

Exit code: 0 when the core may go on, 1 when it may not.`,
		Example: `  callout call request /zitadel.user.v2.UserService/AddHumanUser
  callout call function preuserinfo --org acme -o json
  callout call response /zitadel.user.v2.UserService/AddHumanUser --body call.json`,
		Args:              phaseAndName,
		ValidArgsFunction: cobra.FixedCompletions(calls, cobra.ShellCompDirectiveNoFileComp),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.server.check(); err != nil {
				return err
			}
			phase := action.Phase(args[0])
			if phase == action.OnEvent {
				return &usageError{errors.New("an event is no call: callout events publish stores one")}
			}
			if err := manage.CheckQuestion(phase, args[1], f.org); err != nil {
				return &usageError{fmt.Errorf("%q: %s", args[1], messageOf(err))}
			}
			return p.call(cmd.Context(), &f, phase, args[1])
		},
	}
	cmd.Flags().StringVar(&f.org, "org", "", "the `ORG` that the sample is of; left out, "+wire.SampleOrg)
	cmd.Flags().StringVar(&f.body, "body", "", "send this `FILE` instead of a sample; - reads standard input")
	f.server.add(cmd, asTable, asJSON, asYAML)
	return cmd
}

func (p *Program) call(ctx context.Context, f *callFlags, phase action.Phase, name string) error {
	body, err := p.readBody(ctx, f.body)
	if err != nil {
		return err
	}
	switch {
	case len(body) == 0:
		body = wire.Sample(phase, f.server.instance, f.org, name, time.Now())
	case f.org != "":
		return &usageError{errors.New("--org is of the sample: a body says itself what it is of, by orgID")}
	case phase != action.Function:
		if named, err := wire.FullMethod(body); err == nil && named != name {
			return &usageError{fmt.Errorf("the body is of the method %q, and not of %q", named, name)}
		}
	}
	path := "/calls/" + string(phase)
	if phase == action.Function {
		path = "/calls/functions/" + url.PathEscape(name)
	}
	f.server.patience = action.MaxTimeout + askFor // its targets have their own time
	status, raw, err := f.server.post(ctx, path, body)
	if err != nil {
		return err
	}
	var refused published
	if !strings.HasPrefix(status, fmt.Sprint(http.StatusOK)) && json.Unmarshal(raw, &refused) == nil && refused.Error != nil {
		return refused.failure()
	}
	result, err := wire.DecodeReply(raw)
	if err != nil {
		return f.server.strange(status)
	}
	if f.server.output != asTable {
		var line bytes.Buffer
		if err := json.Compact(&line, raw); err != nil {
			return err
		}
		err = p.printJSON(f.server.output, line.Bytes())
	} else {
		err = p.say("%s", p.resultText(result))
	}
	if err == nil && result.Outcome != action.Continue {
		err = errTold
	}
	return err
}

// resultText is what came of a call.
func (p *Program) resultText(r action.Result) string {
	var b strings.Builder
	colour := map[action.Outcome]string{action.Continue: green, action.Rejected: yellow}[r.Outcome]
	if colour == "" {
		colour = red
	}
	fmt.Fprintf(&b, "%s, by revision %d", p.pen().paint(colour, string(r.Outcome)), r.Revision)
	if r.Error != nil {
		fmt.Fprintf(&b, ": %s [%s]", printable(r.Error.Message), r.Error.Code)
		if r.Error.Target != "" {
			fmt.Fprintf(&b, ", target %s", r.Error.Target)
		}
	}
	b.WriteByte('\n')
	if len(r.Steps) == 0 {
		b.WriteString("called    nothing\n")
	}
	for _, s := range r.Steps {
		fmt.Fprintf(&b, "called    %s: %s", s.Target, s.Outcome)
		if s.Status != 0 {
			fmt.Fprintf(&b, ", status %d", s.Status)
		}
		fmt.Fprintf(&b, ", after %s\n", time.Duration(s.DurationMS*float64(time.Millisecond)).Round(100*time.Microsecond))
	}
	for _, w := range r.Warnings {
		fmt.Fprintf(&b, "warning   %s: %s [%s]\n", w.Target, printable(w.Message), w.Code)
	}
	if len(r.Object) > 0 {
		fmt.Fprintf(&b, "changed   %s\n", bodyText(r.Object))
	}
	return b.String()
}
