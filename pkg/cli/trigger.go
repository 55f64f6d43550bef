package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/invoke"
	"github.com/callout-hq/callout/pkg/manage"
	"github.com/callout-hq/callout/pkg/wire"
)

type triggerFlags struct {
	url      string
	key      string
	target   string
	org      string
	instance string
	body     string
	output   string
}

func (p *Program) triggerCommand() *cobra.Command {
	var f triggerFlags
	outputs := []string{asText, asJSON}
	cmd := &cobra.Command{
		Use:   "trigger request|response|function|event NAME --url URL [--key KEY]",
		Short: "Send a signed sample to any URL, without a server",
		Long: `Posts a sample to a URL, as a worker would: the body of a call or an event, signed
both ways with the key. It needs no server and no core, so that a target can be
tried while it is written. NAME is a method, a function or a type of event; the
sample is that of "callout target test". The header Callout-Test: true tells the
target. What it answered is shown: its status, the headers that matter, and the
first 4 KiB of the body.

The key is best given by the variable CALLOUT_KEY, which no history holds. Without
one a key is made and printed.

Exit code: 0 when the target took it, 1 when it did not.`,
		Example: `  callout trigger event user.added --url http://127.0.0.1:9000/audit
  callout trigger request /zitadel.user.v2.UserService/AddHumanUser --url http://127.0.0.1:9000/name --key whsec_…
  callout trigger event user.added --url https://hooks.example.com/audit --body event.json -o json`,
		Args:              phaseAndName,
		ValidArgsFunction: cobra.FixedCompletions(phaseWords(), cobra.ShellCompDirectiveNoFileComp),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkOutput(f.output, outputs); err != nil {
				return err
			}
			if f.url == "" {
				return &usageError{errors.New("--url URL is missing: where is it to be sent?")}
			}
			phase := action.Phase(args[0])
			if err := manage.CheckQuestion(phase, args[1], f.org); err != nil {
				return &usageError{fmt.Errorf("%q: %s", args[1], messageOf(err))}
			}
			if err := action.CheckName(f.target); err != nil {
				return &usageError{fmt.Errorf("--target %q: %s", f.target, messageOf(err))}
			}
			return p.trigger(cmd.Context(), &f, phase, args[1])
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.url, "url", "", "post to this `URL`")
	flags.StringVar(&f.key, "key", "", "sign with this `KEY`, whsec_ and 24 to 64 bytes in base64")
	flags.StringVar(&f.target, "target", "url", "the `NAME` that the target is told it has: the header Callout-Target")
	flags.StringVar(&f.org, "org", "", "the `ORG` that the sample is of; left out, "+wire.SampleOrg)
	flags.StringVar(&f.instance, "instance", catalog.DefaultInstance, "`NAME` of the instance that the sample is of")
	flags.StringVar(&f.body, "body", "", "send this `FILE` instead of a sample; - reads standard input")
	outputFlag(cmd, &f.output, outputs)
	return cmd
}

func (p *Program) trigger(ctx context.Context, f *triggerFlags, phase action.Phase, name string) error {
	kind := action.CallOut
	if phase == action.OnEvent {
		kind = action.Webhook
	}
	to, err := newSender("url", f.url, f.key, kind)
	if err != nil {
		return err
	}
	defer to.close()
	to.target.Name = f.target
	body, err := p.readBody(ctx, f.body)
	if err != nil {
		return err
	}
	org := f.org
	if len(body) == 0 {
		org = cmp.Or(org, wire.SampleOrg)
		body = wire.Sample(phase, f.instance, f.org, name, time.Now())
	}
	if f.key == "" {
		p.note("signed with the key " + to.key)
	}
	trial := to.try(ctx, ulid.Make().String(), f.instance, org, body)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := p.tellTriggered(f.output, string(phase)+" "+name, body, trial); err != nil {
		return err
	}
	if trial.Err != nil {
		return errTold
	}
	return nil
}

// triggered is what came of a sample, for programs.
type triggered struct {
	Outcome    string            `json:"outcome"`
	Status     int               `json:"status"`
	Code       string            `json:"code,omitempty"`
	Message    string            `json:"message,omitempty"`
	DurationMS float64           `json:"durationMs"`
	Request    string            `json:"request"`
	Headers    map[string]string `json:"headers,omitempty"` // of the answer, those that matter
	Answer     string            `json:"answer,omitempty"`  // its beginning
}

// maxShownAnswer is how much of an answer is shown, in bytes.
const maxShownAnswer = 4 << 10

// shownHeaders are those of an answer that say what the engine makes of it.
var shownHeaders = []string{"Content-Type", "Retry-After", "Location"}

func (p *Program) tellTriggered(form, what string, body []byte, trial invoke.Trial) error {
	answer := trial.Answer
	shown := trial.Shown[:min(len(trial.Shown), maxShownAnswer)]
	t := triggered{Outcome: outcomeOf(answer), Status: answer.Status, DurationMS: float64(answer.Duration.Microseconds()) / 1000,
		Request: string(body), Headers: map[string]string{}, Answer: string(shown)}
	if answer.Err != nil {
		t.Code, t.Message = string(answer.Err.Code), whatFailed(answer.Err)
	}
	for _, name := range shownHeaders {
		if value := trial.ResponseHeader.Get(name); value != "" {
			t.Headers[name] = value
		}
	}
	if isJSON(form) {
		return p.printValue(t)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", what, p.answerText(answer))
	fmt.Fprintf(&b, "sent      %s\n", bodyText(body))
	for _, name := range shownHeaders {
		if value := t.Headers[name]; value != "" {
			fmt.Fprintf(&b, "answered  %s: %s\n", name, printable(value))
		}
	}
	if len(shown) > 0 {
		fmt.Fprintf(&b, "answered  %s\n", bodyText(shown))
	}
	if len(trial.Shown) > len(shown) {
		fmt.Fprintf(&b, "          (its first %d bytes)\n", maxShownAnswer)
	}
	return p.say("%s", b.String())
}

// answerText is an answer on one line.
func (p *Program) answerText(answer invoke.Answer) string {
	outcome := outcomeOf(answer)
	text := p.pen().paint(map[string]string{"ok": green, "rejected": yellow, "failed": red}[outcome], outcome)
	if answer.Status > 0 {
		text += fmt.Sprintf(", status %d", answer.Status)
	}
	text += fmt.Sprintf(", after %s", answer.Duration.Round(100*time.Microsecond))
	if answer.Err != nil {
		text += ": " + printable(whatFailed(answer.Err)) + " [" + string(answer.Err.Code) + "]"
	}
	return text
}

// whatFailed is an error with its cause: whoever reads it named the URL.
func whatFailed(err *action.Error) string {
	if cause := errors.Unwrap(err); cause != nil {
		return err.Message + " (" + cause.Error() + ")"
	}
	return err.Message
}
