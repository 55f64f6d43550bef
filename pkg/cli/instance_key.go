package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/callout-hq/callout/pkg/action"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

func (p *Program) instanceKeyCommand() *cobra.Command {
	cmd := parent(&cobra.Command{
		Use:   "key list|rotate",
		Short: "Look after the keys of the instance itself, which sign JWTs and v1a",
		Long: `An instance has keys of its own: JWTs (payload: jwt or jwe) are signed with them, and
signatures by ed25519 (signature: [standard_v1a]) of targets that have no whsk_ key.
They are made when a target first needs one, and rotated by themselves. Their public
halves are published, for everybody, at

  /v1/instances/INSTANCE/.well-known/jwks.json

The keys of one target are another thing: callout target key, and with which key what
a target is sent is encrypted: callout target public-key.`,
		Example: "  callout key list\n  callout key rotate --algorithm rs256",
	})
	cmd.AddCommand(p.instanceKeyListCommand(), p.instanceKeyRotateCommand())
	return cmd
}

func (p *Program) instanceKeyListCommand() *cobra.Command {
	var server serverFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the keys of the instance that are published",
		Long: `Lists the keys of the instance that are published, the newest first. One that is
coming is published and does not sign yet, so that receivers have it in time; one of
the past is published until nothing that it signed is good any more.`,
		Example: "  callout key list\n  callout key list --json | jq -r .webhookPublicKey",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := server.check(); err != nil {
				return err
			}
			answer, err := ask(cmd.Context(), &server, &calloutv1.ListInstanceKeysRequest{Instance: server.instance}, calloutv1connect.ActionServiceClient.ListInstanceKeys)
			if err != nil {
				return err
			}
			return p.instanceKeyLister(server.output).all(answer.GetKeys())
		},
	}
	server.add(cmd, asTable, asWide, asName, asJSON, asYAML)
	return cmd
}

func (p *Program) instanceKeyLister(form string) *lister[*calloutv1.InstanceKey] {
	t := p.table("ID", "ALGORITHM", "STATE", "SIGNS FROM", "UNTIL", "PUBLISHED UNTIL")
	if form == asWide {
		t = t.wide()
	}
	return &lister[*calloutv1.InstanceKey]{Program: p, form: form, what: "keys", table: t, name: (*calloutv1.InstanceKey).GetId,
		row: func(m *calloutv1.InstanceKey) {
			t.add(m.GetId(), m.GetAlgorithm(), m.GetState(), timeText(m.GetSignTime()), timeText(m.GetEndTime()), timeText(m.GetPublishEndTime()))
		}}
}

func (p *Program) instanceKeyRotateCommand() *cobra.Command {
	var server serverFlags
	var algorithm string
	var lead time.Duration
	cmd := &cobra.Command{
		Use:   "rotate [--algorithm ed25519|rs256]",
		Short: "Give the instance a new key",
		Long: `Makes a new key for the instance. It is published at once, and signs after --lead, as
the dispatcher was told when that is left out: until then receivers fetch it. The key
before is published until nothing that it signed is good any more.

With --lead 0s the new key signs at once, and the others of its algorithm are
published no more: as when somebody else has one. What was signed with them is then
refused by receivers.`,
		Example: "  callout key rotate\n  callout key rotate --algorithm rs256 --lead 1h\n  callout key rotate --lead 0s    # somebody else has the key",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := server.check(); err != nil {
				return err
			}
			if !action.Algorithm(algorithm).Known() {
				return &usageError{fmt.Errorf("--algorithm %q is none: it is ed25519 or rs256", algorithm)}
			}
			question := &calloutv1.RotateInstanceKeyRequest{Instance: server.instance, Algorithm: algorithm}
			if cmd.Flags().Changed("lead") {
				if lead < 0 || lead > action.MaxKeyLead {
					return &usageError{fmt.Errorf("--lead %s: a key is published for 0s to 720h before it signs", lead)}
				}
				question.Lead = durationpb.New(lead)
			}
			answer, err := ask(cmd.Context(), &server, question, calloutv1connect.ActionServiceClient.RotateInstanceKey)
			if err != nil {
				return err
			}
			return p.sayInstanceKey(server.output, answer.GetKey())
		},
	}
	cmd.Flags().StringVar(&algorithm, "algorithm", string(action.Ed25519), "how it signs: "+algorithmList())
	cmd.Flags().DurationVar(&lead, "lead", 0, "how long the new key is published before it signs, 0s to 720h; left out, as the dispatcher was told")
	server.add(cmd, asText, asJSON, asYAML)
	return cmd
}

func (p *Program) sayInstanceKey(form string, k *calloutv1.InstanceKey) error {
	if form != asText {
		return p.print(form, k)
	}
	if k.GetState() == "signs" {
		return p.say("the instance has a new key %s, which signs from now on\n", k.GetId())
	}
	return p.say("the instance has a new key %s, which is published and signs from %s on\n", k.GetId(), timeText(k.GetSignTime()))
}

func algorithmList() string {
	var all []string
	for _, a := range action.Algorithms {
		all = append(all, string(a))
	}
	return strings.Join(all, " or ")
}
