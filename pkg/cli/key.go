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

// keyFlags are about the signing key of a target.
type keyFlags struct {
	server   serverFlags
	org      orgFlag
	grace    time.Duration
	showOnce bool
	out      keysOut

	graceFlag string
}

func (f *keyFlags) add(cmd *cobra.Command, grace, show string) {
	f.org.add(cmd, "the `ORG` that defines the target; left out, the instance")
	f.graceFlag = grace
	cmd.Flags().DurationVar(&f.grace, grace, action.DefaultGrace, "how long the key before signs on beside the new one, 0s to 720h")
	cmd.Flags().BoolVar(&f.showOnce, "show-once", false, show)
	f.out.add(cmd)
	f.server.add(cmd, asTable, asJSON, asYAML)
}

// check looks over what was given, and reads the target's name.
func (f *keyFlags) check(text string) (ref, error) {
	if err := f.server.check(); err != nil {
		return ref{}, err
	}
	if f.grace < 0 || f.grace > action.MaxGrace {
		return ref{}, &usageError{fmt.Errorf("--%s %s: a key signs on for 0s to 720h", f.graceFlag, f.grace)}
	}
	if f.showOnce && f.out.path != "" {
		return ref{}, &usageError{errors.New("--show-once prints the new key, --keys-out writes it to a file: give one of them")}
	}
	return f.org.target(text)
}

func (p *Program) targetKeyCommand() *cobra.Command {
	var f keyFlags
	cmd := &cobra.Command{
		Use:   "key list|rotate|revoke [ORG:]NAME",
		Short: "List, rotate and revoke a target's signing keys, or tell where they come from",
		Long: `With the name of a target alone, tells where its signing key comes from. The key
itself is shown nowhere again once it was made: who has lost it makes a new one.`,
		Example:           "  callout target key audit\n  callout target key list audit\n  callout target key rotate audit --overlap 24h --show-once\n  callout target key revoke audit 1f0c6a3be1d2a4c7",
		Args:              oneOf("target"),
		ValidArgsFunction: p.completeTargets(),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := f.check(args[0])
			if err != nil {
				return err
			}
			if f.showOnce || f.out.path != "" {
				return p.rotateKey(cmd.Context(), &f, r)
			}
			return p.targetKey(cmd.Context(), &f, r)
		},
	}
	f.add(cmd, "grace", "make a new key, and print it this once")
	cmd.AddCommand(p.targetKeyListCommand(), p.rotateKeyCommand("rotate", "overlap"), p.targetKeyRevokeCommand())
	return cmd
}

// rotateKeyCommand is "target key rotate", and as it was called before.
func (p *Program) rotateKeyCommand(name, grace string) *cobra.Command {
	var f keyFlags
	cmd := &cobra.Command{
		Use:   name + " [ORG:]NAME",
		Short: "Give a target a new signing key",
		Long: `Makes a new signing key for a target, and prints it this once. For the grace time
the key before signs beside it: a target that knows either one of them can verify
each request. With --` + grace + ` 0s it signs no more, as when somebody else has it.

The key is printed on a terminal; elsewhere say --show-once, or --keys-out FILE. A
key that comes from a file or the environment is rotated there.`,
		Example: map[string]string{
			"rotate":     "  callout target key rotate audit --show-once\n  callout target key rotate acme:crm --overlap 1h --keys-out crm.key",
			"rotate-key": "  callout target rotate-key audit --show-once\n  callout target rotate-key acme:crm --grace 1h --keys-out crm.key",
		}[name],
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
	f.add(cmd, grace, "print the new key, though standard output is no terminal")
	return cmd
}

// targetKey tells of a key without showing it.
func (p *Program) targetKey(ctx context.Context, f *keyFlags, r ref) error {
	answer, err := ask(ctx, &f.server, &calloutv1.GetTargetRequest{Instance: f.server.instance, Org: r.org, Name: r.name}, calloutv1connect.ActionServiceClient.GetTarget)
	if err != nil {
		return err
	}
	from := answer.GetTarget().GetSigningKey()
	if f.server.output != asTable {
		if from == nil {
			from = &calloutv1.KeySource{}
		}
		return p.print(f.server.output, from)
	}
	if from.GetEnv() != "" || from.GetFile() != "" {
		return p.say("the signing key of target %s comes %s: it is read there. To rotate it, put a new one there and apply the configuration again\n", r, keyText(from))
	}
	return p.say("the signing key of target %s was made for it. It was shown once, when it was made, and is shown nowhere again.\n"+
		"Who has lost it makes a new one: callout target rotate-key %q --show-once\n", r, r)
}

func (p *Program) rotateKey(ctx context.Context, f *keyFlags, r ref) (err error) {
	if err := f.out.open(p); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.out.close()) }()
	answer, err := ask(ctx, &f.server, &calloutv1.RotateTargetKeyRequest{Instance: f.server.instance, Org: r.org, Name: r.name, Grace: durationpb.New(f.grace)},
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
	if f.server.output != asTable {
		return p.print(f.server.output, answer)
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
