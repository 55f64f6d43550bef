package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/follow"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

func (p *Program) secretCommand() *cobra.Command {
	cmd := parent(&cobra.Command{
		Use:   "secret set|list|delete",
		Short: "Keep secrets that targets name: headers, and keys of client certificates",
		Long: `Keeps secrets by their names, for an instance or for one organization of it. A
header of a target, or its TLS, names one instead of holding it:

  targets:
    crm:
      type: webhook
      url: https://crm.example.com/hook
      headers: {Authorization: {secret: crm}}
      tls: {key: {secret: crm-client}}

A target of an organization names the organization's own secrets, one of the
instance those of the instance. What is set anew counts from the next attempt on,
without an edit. The value is shown nowhere again.`,
		Example: "  callout secret set crm --from-file crm.token\n  callout secret list\n  callout secret delete crm",
	})
	cmd.AddCommand(p.secretSetCommand(), p.secretListCommand(), p.secretDeleteCommand())
	return cmd
}

func (p *Program) secretSetCommand() *cobra.Command {
	var server serverFlags
	var org orgFlag
	var file string
	cmd := &cobra.Command{
		Use:   "set [ORG:]NAME",
		Short: "Set a secret, from a file or standard input",
		Long: `Sets a secret: what stands in --from-file, or comes on standard input; on a terminal
it is asked for and not shown. It is one line of at most 4096 bytes; spaces and line
ends around it are cut off. It is no argument, since every user of a machine sees
those. Of a header such as Authorization it is the whole value, as "Bearer abc".

For the tls.key of a target it is a private key in PEM without a passphrase, of at
most 32 KiB, and best its certificate in front of it: then both are renewed at once,
by setting the secret again. A certificate that is over is refused.`,
		Example: "  callout secret set crm --from-file crm.token\n  cat client.crt client.key | callout secret set crm-client\n  printf 'Bearer %s' \"$TOKEN\" | callout secret set acme:crm",
		Args:    oneOf("name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := server.check(); err != nil {
				return err
			}
			r, err := org.target(args[0])
			if err != nil {
				return err
			}
			value, err := p.secretValue(cmd.Context(), file)
			if err != nil {
				return err
			}
			return p.secretSet(cmd.Context(), &server, r, value)
		},
	}
	org.add(cmd, "whose targets may use it: those of this `ORG`; left out, those of the instance")
	cmd.Flags().StringVar(&file, "from-file", "", "read it from `FILE`; left out, from standard input")
	server.add(cmd, asText, asJSON, asYAML)
	return cmd
}

// secretValue reads a secret. No error shows anything of it.
func (p *Program) secretValue(ctx context.Context, file string) (string, error) {
	var raw []byte
	var err error
	switch {
	case file != "":
		raw, err = follow.Once(file, action.MaxSecret)
		var of *fs.PathError
		if errors.As(err, &of) {
			err = of.Err
		}
		if err != nil {
			return "", &usageError{fmt.Errorf("--from-file %s: %w", file, err)}
		}
	case isTerminal(os.Stdin):
		raw, err = p.hiddenInput(ctx)
	default:
		raw, err = p.input(ctx, action.MaxSecret+1)
	}
	if err != nil {
		return "", err
	}
	if value := strings.TrimSpace(string(raw)); value != "" {
		return value, nil
	}
	return "", &usageError{errors.New("there is no secret: give it by --from-file FILE or on standard input")}
}

// hiddenInput asks for a line of the terminal without showing it: nothing is shown from
// before it asks. Ctrl-C, or the end of ctx, ends that, and leaves the terminal as it was.
func (p *Program) hiddenInput(ctx context.Context) (text []byte, err error) {
	in := int(os.Stdin.Fd())
	before, err := term.MakeRaw(in)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, term.Restore(in, before)) }()
	type read struct {
		text string
		err  error
	}
	done := make(chan read, 1)
	go func() {
		text, err := term.NewTerminal(struct {
			io.Reader
			io.Writer
		}{os.Stdin, p.Err}, "").ReadPassword("the secret, which is not shown: ")
		done <- read{text, err}
	}()
	select {
	case r := <-done:
		if errors.Is(r.err, io.EOF) { // Ctrl-C or Ctrl-D
			return nil, &usageError{errors.New("nothing is set")}
		}
		return []byte(r.text), r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *Program) secretSet(ctx context.Context, server *serverFlags, r ref, value string) error {
	answer, err := ask(ctx, server, &calloutv1.SetSecretRequest{Instance: server.instance, Org: r.org, Name: r.name, Value: value},
		calloutv1connect.ActionServiceClient.SetSecret)
	if err != nil {
		return p.refused(err)
	}
	if server.output != asText {
		return p.print(server.output, answer)
	}
	how := "is set"
	if answer.GetReplaced() {
		how = "is replaced"
	}
	if users := answer.GetSecret().GetUsedBy(); len(users) > 0 {
		how += ", for the targets " + printable(strings.Join(users, ", "))
	}
	return p.say("secret %s %s\n", r, how)
}

func (p *Program) secretListCommand() *cobra.Command {
	var server serverFlags
	var org string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the secrets, without their values",
		Long: `Lists the secrets of --instance and its organizations, or of one organization. The
fingerprint is another one each time a secret is set. It is made up: nothing of the
value can be told by it.`,
		Example: "  callout secret list\n  callout secret list --org acme --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := server.check(); err != nil {
				return err
			}
			answer, err := ask(cmd.Context(), &server, &calloutv1.ListSecretsRequest{Instance: server.instance, Org: org}, calloutv1connect.ActionServiceClient.ListSecrets)
			if err != nil {
				return err
			}
			return p.secretLister(server.output).all(answer.GetSecrets())
		},
	}
	cmd.Flags().StringVar(&org, "org", "", "of this `ORGANIZATION` of the instance alone")
	server.add(cmd, asTable, asWide, asName, asJSON, asYAML)
	return cmd
}

func secretRef(m *calloutv1.Secret) ref { return ref{org: m.GetOrg(), name: m.GetName()} }

func (p *Program) secretLister(form string) *lister[*calloutv1.Secret] {
	t := p.table("NAME", "KIND", "SET", "BY", "FINGERPRINT", "USED BY")
	if form == asWide {
		t = t.wide()
	}
	return &lister[*calloutv1.Secret]{Program: p, form: form, what: "secrets", table: t, name: func(m *calloutv1.Secret) string { return secretRef(m).String() },
		row: func(m *calloutv1.Secret) {
			t.add(secretRef(m).String(), secretKind(m), age(m.GetSetTime(), time.Now())+" ago", m.GetSetBy(), m.GetFingerprint(), strings.Join(m.GetUsedBy(), ","))
		}}
}

// secretKind tells what a secret is, and when the certificate in it ends.
func secretKind(m *calloutv1.Secret) string {
	switch {
	case m.GetNotAfter() != nil:
		return "certificate until " + m.GetNotAfter().AsTime().Format(time.DateOnly)
	case m.GetPem():
		return "key"
	}
	return "text"
}

func (p *Program) secretDeleteCommand() *cobra.Command {
	var server serverFlags
	var org orgFlag
	cmd := &cobra.Command{
		Use:     "delete [ORG:]NAME…",
		Short:   "Delete secrets that no target uses",
		Long:    "Deletes secrets. One that a target names is not deleted: take it out of the target's definition first.",
		Example: "  callout secret delete crm\n  callout secret delete acme:crm",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := server.check(); err != nil {
				return err
			}
			for _, text := range args {
				r, err := org.target(text)
				if err != nil {
					return err
				}
				if _, err := ask(cmd.Context(), &server, &calloutv1.DeleteSecretRequest{Instance: server.instance, Org: r.org, Name: r.name},
					calloutv1connect.ActionServiceClient.DeleteSecret); err != nil {
					return fmt.Errorf("secret %s: %w", r, err)
				}
				if err := p.say("secret %s is deleted\n", r); err != nil {
					return err
				}
			}
			return nil
		},
	}
	org.add(cmd, "whose they are: of this `ORG`; left out, of the instance")
	server.add(cmd, asText)
	return cmd
}
