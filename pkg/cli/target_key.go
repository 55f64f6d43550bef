package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

// ofTarget are the flags of a command about one target.
type ofTarget struct {
	server serverFlags
	org    orgFlag
}

func (f *ofTarget) add(cmd *cobra.Command, forms ...string) {
	f.org.add(cmd, "the `ORG` that defines the target; left out, the instance")
	f.server.add(cmd, forms...)
}

// check reads the target's name.
func (f *ofTarget) check(text string) (ref, error) {
	if err := f.server.check(); err != nil {
		return ref{}, err
	}
	return f.org.target(text)
}

func (p *Program) targetKeyListCommand() *cobra.Command {
	var f ofTarget
	cmd := &cobra.Command{
		Use:   "list [ORG:]NAME",
		Short: "List the keys that sign for a target, without what they are",
		Long: `Lists the keys that sign for a target, the newest first: by fingerprints, which say
nothing of the keys, since when and until when. The form tells what a key signs:
secret is whsec_, base64 the same without that, private is whsk_, and text one of
ZITADEL's. One that is stored anew, as when it is sealed, may have another
fingerprint.`,
		Example:           "  callout target key list audit\n  callout target key list acme:crm --json",
		Args:              oneOf("target"),
		ValidArgsFunction: p.completeTargets(),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := f.check(args[0])
			if err != nil {
				return err
			}
			answer, err := ask(cmd.Context(), &f.server, &calloutv1.ListTargetKeysRequest{Instance: f.server.instance, Org: r.org, Name: r.name}, calloutv1connect.ActionServiceClient.ListTargetKeys)
			if err != nil {
				return err
			}
			return p.targetKeyLister(f.server.output).all(answer.GetKeys())
		},
	}
	f.add(cmd, asTable, asWide, asName, asJSON, asYAML)
	return cmd
}

func (p *Program) targetKeyLister(form string) *lister[*calloutv1.TargetKey] {
	t := p.table("FINGERPRINT", "FORM", "SINCE", "UNTIL", "SEALED")
	if form == asWide {
		t = t.wide()
	}
	return &lister[*calloutv1.TargetKey]{Program: p, form: form, what: "keys", table: t, name: (*calloutv1.TargetKey).GetFingerprint,
		row: func(m *calloutv1.TargetKey) {
			until, sealed := "no end", ""
			if m.GetUntil() != nil {
				until = timeText(m.GetUntil())
			}
			if m.GetSealed() {
				sealed = "yes"
			}
			t.add(m.GetFingerprint(), m.GetForm(), timeText(m.GetSince()), until, sealed)
		}}
}

func (p *Program) targetKeyRevokeCommand() *cobra.Command {
	var f ofTarget
	cmd := &cobra.Command{
		Use:   "revoke [ORG:]NAME FINGERPRINT",
		Short: "Have a key sign no more that another has taken the place of",
		Long: `Ends the overlap of a key at once: it signs no more, and the newer ones go on. The
newest is not revoked, since nothing could be signed then: "callout target key rotate
NAME --overlap 0s" gives another one its place.`,
		Example: "  callout target key revoke audit 1f0c6a3be1d2a4c7",
		Args:    twoOf("takes the NAME of a target and the FINGERPRINT of one of its keys"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := f.check(args[0])
			if err != nil {
				return err
			}
			answer, err := ask(cmd.Context(), &f.server, &calloutv1.RevokeTargetKeyRequest{Instance: f.server.instance, Org: r.org, Name: r.name, Fingerprint: args[1]},
				calloutv1connect.ActionServiceClient.RevokeTargetKey)
			if err != nil {
				return err
			}
			if f.server.output != asText {
				return p.print(f.server.output, answer)
			}
			return p.say("key %s of target %s signs no more; %s\n", args[1], r, count(len(answer.GetKeys()), "key")+" signs on")
		},
	}
	f.add(cmd, asText, asJSON, asYAML)
	return cmd
}

// twoOf takes two arguments.
func twoOf(says string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 2 {
			return nil
		}
		return &usageError{fmt.Errorf("%s %s, not %d arguments", cmd.CommandPath(), says, len(args))}
	}
}
