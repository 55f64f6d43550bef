package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/action"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

type trialFlags struct {
	server serverFlags
	org    orgFlag
	body   string
	sample string
}

func (p *Program) targetTestCommand() *cobra.Command {
	var f trialFlags
	cmd := &cobra.Command{
		Use:   "test [ORG:]NAME",
		Short: "Send a sample to a target, and show the exchange",
		Long: `Sends a sample to a target, once, from a worker, with its signature and its
headers, and shows what was sent, what came back, and what a call would make of it.
Signatures and the values of its own headers are masked. Nothing is stored, and no
limit counts it.

Exit code: 0 when a call would go on, 1 when it would not.`,
		Example:           "  callout target test audit\n  callout target test audit --sample event\n  callout target test set_display_name --body request.json",
		Args:              oneOf("target"),
		ValidArgsFunction: p.completeTargets(),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.server.check(); err != nil {
				return err
			}
			if f.body != "" && f.sample != "" {
				return &usageError{errors.New("--body says what is sent, --sample has it made: give one of them")}
			}
			r, err := f.org.target(args[0])
			if err != nil {
				return err
			}
			return p.testTarget(cmd.Context(), &f, r)
		},
	}
	f.org.add(cmd, "the `ORG` that defines the target; left out, the instance")
	cmd.Flags().StringVar(&f.body, "body", "", "send this `FILE`, a JSON object; - reads standard input")
	cmd.Flags().StringVar(&f.sample, "sample", "", "what `KIND` of sample: request, response, function or event; left out, what fits the target")
	complete(cmd, "sample", cobra.FixedCompletions(phaseWords(), cobra.ShellCompDirectiveNoFileComp))
	f.server.add(cmd, asTable, asJSON, asYAML)
	return cmd
}

func (p *Program) testTarget(ctx context.Context, f *trialFlags, r ref) error {
	body, err := p.readBody(ctx, f.body)
	if err != nil {
		return err
	}
	f.server.patience = action.MaxTimeout + askFor // the target has its own time
	answer, err := ask(ctx, &f.server, &calloutv1.TestTargetRequest{Instance: f.server.instance, Org: r.org, Name: r.name, Body: body, Sample: f.sample},
		calloutv1connect.ActionServiceClient.TestTarget)
	if err != nil {
		return p.refused(err)
	}
	if f.server.output == asTable {
		err = p.tellExchange(r, answer)
	} else {
		err = p.print(f.server.output, answer)
	}
	if err == nil && answer.GetOutcome() != "ok" && answer.GetOutcome() != "changed" {
		return errTold
	}
	return err
}

// readBody reads a body of the user's; without a file there is none.
func (p *Program) readBody(ctx context.Context, file string) (raw []byte, err error) {
	switch file {
	case "":
		return nil, nil
	case "-":
		raw, err = p.input(ctx, action.CeilingObject+1)
	default:
		from, failed := os.Open(file)
		if failed != nil {
			return nil, fmt.Errorf("the body cannot be read: %w", failed)
		}
		defer func() { _ = from.Close() }() // it was only read
		raw, err = io.ReadAll(io.LimitReader(from, action.CeilingObject+1))
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("the body cannot be read: %w", err)
	case len(raw) > action.CeilingObject:
		return nil, fmt.Errorf("the body has more than %d bytes [%s]", action.CeilingObject, action.CodeTooLarge)
	}
	return raw, nil
}

func (p *Program) tellExchange(r ref, answer *calloutv1.TestTargetResponse) error {
	var b strings.Builder
	pen := p.pen()
	outcome := pen.paint(map[string]string{"ok": green, "changed": green, "rejected": yellow, "failed": red}[answer.GetOutcome()], answer.GetOutcome())
	fmt.Fprintf(&b, "target %s: %s", r, outcome)
	if answer.GetStatus() > 0 {
		fmt.Fprintf(&b, ", status %d", answer.GetStatus())
	}
	if answer.GetDuration() != nil {
		fmt.Fprintf(&b, ", after %s", answer.GetDuration().AsDuration().Round(100_000)) // to a tenth of a millisecond
	}
	b.WriteString("\n")
	if answer.GetCode() != "" {
		fmt.Fprintf(&b, "%s [%s]\n", printable(answer.GetMessage()), answer.GetCode())
	}
	writeMessage(&b, pen.paint(faint, ">"), "sent", answer.GetRequestHeaders(), answer.GetRequestBody())
	if answer.GetStatus() > 0 {
		writeMessage(&b, pen.paint(faint, "<"), "answered", answer.GetResponseHeaders(), answer.GetResponseBody())
	}
	if len(answer.GetObject()) > 0 {
		fmt.Fprintf(&b, "\nthe object then\n  %s\n", bodyText(answer.GetObject()))
	}
	return p.say("%s", b.String())
}

func writeMessage(b *strings.Builder, sign, title string, headers []*calloutv1.Header, body []byte) {
	fmt.Fprintf(b, "\n%s\n", title)
	for _, h := range headers {
		fmt.Fprintf(b, "%s %s: %s\n", sign, printable(h.GetName()), printable(h.GetValue()))
	}
	if len(body) > 0 {
		fmt.Fprintf(b, "%s\n%s %s\n", sign, sign, bodyText(body))
	}
}
