package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/callout-hq/callout/pkg/follow"
	"github.com/callout-hq/callout/pkg/sign"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

func (p *Program) publicKeyCommand() *cobra.Command {
	cmd := parent(&cobra.Command{
		Use:   "public-key add|list|activate|deactivate|remove",
		Short: "Say with which key what a target is sent is encrypted",
		Long: `A target with payload: jwe is sent what its private key alone opens. Its public keys
are given here: RSA of 2048 to 8192 bits, or ECDSA on P-256, P-384 or P-521. At most
one is active, and what is sent is encrypted with that one; its id is the kid. They
are state and no part of the configuration: no revision is made, and no file that is
applied later takes them back. They go along with another name of the target.

While none is active, or the active one has expired, calls of the target fail with
no_public_key, and events wait, at most for max_age.`,
		Example: "  openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out target.key\n  openssl pkey -in target.key -pubout -out target.pem\n" +
			"  callout target public-key add audit -f target.pem --activate",
	})
	cmd.AddCommand(p.publicKeyAddCommand(), p.publicKeyListCommand(), p.publicKeyActCommand("activate", "Encrypt with a key from now on", publicKeyActivate),
		p.publicKeyActCommand("deactivate", "Encrypt with a key no more", publicKeyDeactivate), p.publicKeyActCommand("remove", "Remove a key that is not active", publicKeyRemove))
	return cmd
}

func (p *Program) publicKeyAddCommand() *cobra.Command {
	var f ofTarget
	var file, expires string
	var activate bool
	cmd := &cobra.Command{
		Use:   "add [ORG:]NAME -f FILE",
		Short: "Give a target a public key",
		Long: `Gives a target a public key from FILE, or standard input with -f -: one block PUBLIC
KEY in PEM. It is not used until it is activated.`,
		Example:           "  callout target public-key add audit -f target.pem --activate\n  callout target public-key add acme:crm -f crm.pem --expires 90d",
		Args:              oneOf("target"),
		ValidArgsFunction: p.completeTargets(),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := f.check(args[0])
			if err != nil {
				return err
			}
			question := &calloutv1.AddPublicKeyRequest{Instance: f.server.instance, Org: r.org, Name: r.name, Activate: activate}
			if expires != "" {
				end, err := ending(expires, time.Now())
				if err != nil {
					return err
				}
				question.ExpireTime = timestamppb.New(end)
			}
			if question.PublicKey, err = p.publicKeyText(cmd.Context(), file); err != nil {
				return err
			}
			answer, err := ask(cmd.Context(), &f.server, question, calloutv1connect.ActionServiceClient.AddPublicKey)
			if err != nil {
				return err
			}
			return p.sayPublicKey(f.server.output, r, answer.GetPublicKey(), "added")
		},
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "the `FILE` of the public key, in PEM; - is standard input")
	cmd.Flags().StringVar(&expires, "expires", "", "when it ends: a `TIME`, such as 2027-01-31T00:00:00Z, or in how long, such as 12h or 90d; none = never")
	cmd.Flags().BoolVar(&activate, "activate", false, "encrypt with it at once, in the place of the active one")
	f.add(cmd, asText, asJSON, asYAML)
	return cmd
}

// publicKeyText reads the key, and refuses at once what no server would take.
func (p *Program) publicKeyText(ctx context.Context, file string) (string, error) {
	var raw []byte
	var err error
	switch file {
	case "":
		return "", &usageError{errors.New("which key? -f FILE names it")}
	case "-":
		raw, err = p.input(ctx, sign.MaxPEM+1)
	default:
		raw, err = follow.Once(file, sign.MaxPEM)
	}
	if err != nil {
		return "", err
	}
	if _, err := sign.ParsePublicKey(string(raw)); err != nil {
		return "", fmt.Errorf("%s: %s", file, messageOf(err))
	}
	return string(raw), nil
}

func (p *Program) sayPublicKey(form string, r ref, k *calloutv1.PublicKey, done string) error {
	if form != asText {
		return p.print(form, k)
	}
	state := "not active"
	if k.GetActive() {
		state = "active"
	}
	return p.say("public key %s of target %s %s: %s, %s, %s\n", k.GetId(), r, done, k.GetKind(), k.GetFingerprint(), state)
}

func (p *Program) publicKeyListCommand() *cobra.Command {
	var f ofTarget
	cmd := &cobra.Command{
		Use:               "list [ORG:]NAME",
		Short:             "List the public keys of a target",
		Long:              "Lists the public keys of a target, the newest first: the id of each, which is the kid of\nwhat is encrypted with it, what kind of key it is, whether it is active, and until when.",
		Example:           "  callout target public-key list audit\n  callout target public-key list audit --json | jq -r .publicKey",
		Args:              oneOf("target"),
		ValidArgsFunction: p.completeTargets(),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := f.check(args[0])
			if err != nil {
				return err
			}
			answer, err := ask(cmd.Context(), &f.server, &calloutv1.ListPublicKeysRequest{Instance: f.server.instance, Org: r.org, Name: r.name}, calloutv1connect.ActionServiceClient.ListPublicKeys)
			if err != nil {
				return err
			}
			return p.publicKeyLister(f.server.output).all(answer.GetPublicKeys())
		},
	}
	f.add(cmd, asTable, asWide, asName, asJSON, asYAML)
	return cmd
}

func (p *Program) publicKeyLister(form string) *lister[*calloutv1.PublicKey] {
	t := p.table("ID", "STATE", "KIND", "EXPIRES", "FINGERPRINT")
	if form == asWide {
		t = t.wide()
	}
	return &lister[*calloutv1.PublicKey]{Program: p, form: form, what: "public keys", table: t, name: (*calloutv1.PublicKey).GetId,
		row: func(m *calloutv1.PublicKey) {
			state, expires := "", "never"
			if m.GetActive() {
				state = "active"
			}
			if m.GetExpireTime() != nil {
				expires = timeText(m.GetExpireTime())
				if !m.GetExpireTime().AsTime().After(time.Now()) {
					state, expires = "expired", "expired "+expires
				}
			}
			t.add(m.GetId(), state, m.GetKind(), expires, m.GetFingerprint())
		}}
}

// publicKeyAct is what is done with one key of a target; nil = it is gone.
type publicKeyAct func(ctx context.Context, server *serverFlags, r ref, key string) (*calloutv1.PublicKey, error)

func publicKeyActivate(ctx context.Context, server *serverFlags, r ref, key string) (*calloutv1.PublicKey, error) {
	answer, err := ask(ctx, server, &calloutv1.ActivatePublicKeyRequest{Instance: server.instance, Org: r.org, Name: r.name, KeyId: key}, calloutv1connect.ActionServiceClient.ActivatePublicKey)
	return answer.GetPublicKey(), err
}

func publicKeyDeactivate(ctx context.Context, server *serverFlags, r ref, key string) (*calloutv1.PublicKey, error) {
	answer, err := ask(ctx, server, &calloutv1.DeactivatePublicKeyRequest{Instance: server.instance, Org: r.org, Name: r.name, KeyId: key}, calloutv1connect.ActionServiceClient.DeactivatePublicKey)
	return answer.GetPublicKey(), err
}

func publicKeyRemove(ctx context.Context, server *serverFlags, r ref, key string) (*calloutv1.PublicKey, error) {
	_, err := ask(ctx, server, &calloutv1.RemovePublicKeyRequest{Instance: server.instance, Org: r.org, Name: r.name, KeyId: key}, calloutv1connect.ActionServiceClient.RemovePublicKey)
	return nil, err
}

func (p *Program) publicKeyActCommand(verb, short string, do publicKeyAct) *cobra.Command {
	var f ofTarget
	cmd := &cobra.Command{
		Use:     verb + " [ORG:]NAME ID",
		Short:   short,
		Long:    short + `. Its id is that of "callout target public-key list".`,
		Example: "  callout target public-key " + verb + " audit 01JZ8Q2W3E4R5T6Y7U8I9O0P1A",
		Args:    twoOf("takes the NAME of a target and the ID of one of its public keys"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := f.check(args[0])
			if err != nil {
				return err
			}
			k, err := do(cmd.Context(), &f.server, r, args[1])
			if err != nil {
				return err
			}
			if k == nil {
				return p.say("public key %s of target %s removed\n", args[1], r)
			}
			return p.sayPublicKey(f.server.output, r, k, verb+"d")
		},
	}
	if verb == "remove" {
		f.add(cmd, asText)
	} else {
		f.add(cmd, asText, asJSON, asYAML)
	}
	return cmd
}
