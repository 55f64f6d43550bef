package cli

import (
	"context"

	"github.com/spf13/cobra"

	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

func (p *Program) targetKeyCommand() *cobra.Command {
	var f ofTarget
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
			return p.targetKey(cmd.Context(), &f, r)
		},
	}
	f.add(cmd, asTable, asJSON, asYAML)
	cmd.AddCommand(p.targetKeyListCommand(), p.targetKeyRotateCommand(), p.targetKeyRevokeCommand())
	return cmd
}

// targetKey tells of a key without showing it.
func (p *Program) targetKey(ctx context.Context, f *ofTarget, r ref) error {
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
		"Who has lost it makes a new one: callout target key rotate %q --show-once\n", r, r)
}
