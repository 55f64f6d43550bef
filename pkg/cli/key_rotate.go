package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/callout-hq/callout/pkg/action"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

// rotateFlags are about a new signing key of a target.
type rotateFlags struct {
	of       ofTarget
	overlap  time.Duration
	showOnce bool
	out      keysOut
}

func (f *rotateFlags) add(cmd *cobra.Command) {
	cmd.Flags().DurationVar(&f.overlap, "overlap", action.DefaultGrace, "how long the key before signs on beside the new one, 0s to 720h")
	cmd.Flags().BoolVar(&f.showOnce, "show-once", false, "print the new key, though standard output is no terminal")
	f.out.add(cmd)
	f.of.add(cmd, asTable, asJSON, asYAML)
}

// check looks over what was given, and reads the target's name.
func (f *rotateFlags) check(text string) (ref, error) {
	r, err := f.of.check(text)
	if err != nil {
		return ref{}, err
	}
	if f.overlap < 0 || f.overlap > action.MaxGrace {
		return ref{}, &usageError{fmt.Errorf("--overlap %s: a key signs on for 0s to 720h", f.overlap)}
	}
	if f.showOnce && f.out.path != "" {
		return ref{}, &usageError{errors.New("--show-once prints the new key, --keys-out writes it to a file: give one of them")}
	}
	return r, nil
}

func (p *Program) targetKeyRotateCommand() *cobra.Command {
	var f rotateFlags
	cmd := &cobra.Command{
		Use:        "rotate [ORG:]NAME",
		SuggestFor: []string{"rotate-key"},
		Short:      "Give a target a new signing key",
		Long: `Makes a new signing key for a target, and prints it this once. For the overlap the
key before signs beside it: a target that knows either one of them can verify each
request. With --overlap 0s it signs no more, as when somebody else has it.

The key is printed on a terminal; elsewhere say --show-once, or --keys-out FILE. A
key that comes from a file or the environment is rotated there.`,
		Example:           "  callout target key rotate audit --show-once\n  callout target key rotate acme:crm --overlap 1h --keys-out crm.key",
		Args:              oneOf("target"),
		ValidArgsFunction: p.completeTargets(),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := f.check(args[0])
			if err != nil {
				return err
			}
			if !f.showOnce && f.out.path == "" && !isTerminal(p.Out) { // before there is a key that nobody has
				return &usageError{errors.New("where shall the new key go? --show-once prints it, --keys-out FILE writes it to a file")}
			}
			return p.rotateKey(cmd.Context(), &f, r)
		},
	}
	f.add(cmd)
	return cmd
}

func (p *Program) rotateKey(ctx context.Context, f *rotateFlags, r ref) (err error) {
	if err := f.out.open(p); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.out.close()) }()
	answer, err := ask(ctx, &f.of.server, &calloutv1.RotateTargetKeyRequest{Instance: f.of.server.instance, Org: r.org, Name: r.name, Grace: durationpb.New(f.overlap)},
		calloutv1connect.ActionServiceClient.RotateTargetKey)
	if err != nil {
		return err
	}
	if f.out.file != nil {
		if err := f.out.show([]*calloutv1.MadeKey{{Org: r.org, Target: r.name, SigningKey: answer.GetSigningKey()}}); err != nil {
			return err
		}
		answer.SigningKey = ""
	}
	if f.of.server.output != asTable {
		return p.print(f.of.server.output, answer)
	}
	text := fmt.Sprintf("target %s has a new signing key, which is shown this once: %s\n", r, answer.GetSigningKey())
	if answer.GetSigningKey() == "" {
		text = fmt.Sprintf("target %s has a new signing key; it is in %s\n", r, f.out.path)
	}
	for _, until := range answer.GetEarlierUntil() {
		text += fmt.Sprintf("one before it signs on beside it until %s\n", timeText(until))
	}
	if len(answer.GetEarlierUntil()) == 0 {
		text += "no other key signs any more\n"
	}
	return p.say("%s", text)
}
