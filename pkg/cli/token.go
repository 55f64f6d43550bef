package cli

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/callout-hq/callout/pkg/access"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

func (p *Program) tokenCommand() *cobra.Command {
	cmd := parent(&cobra.Command{
		Use:   "token create|list|revoke",
		Short: "Say who may do what over HTTP",
		Long: `A token says who asks, and what he may do. It is for the installation, an instance,
or one organization of an instance, and for some of these verbs:

  observe   see how it goes: states, figures, lag; no bodies
  read      see what is configured, stored and answered; never a key
  write     change what is configured, and who may do so
  operate   pause, retry, skip, redrive, discard, replay
  call      ask for the execution of requests, responses and functions (a core)
  publish   store events, and declare what can be extended (a core)

It is sent as Authorization: Bearer, by --token, CALLOUT_TOKEN or a context. What
is kept of it is its hash. Nobody makes a token for more than he may do himself.
A dispatcher asks for tokens when it is started with --token-file.`,
		Example: "  callout token create core --instance acme --verbs call,publish\n  callout token list\n  callout token revoke fixzcvw5kmy2a",
	})
	cmd.AddCommand(p.tokenCreateCommand(), p.tokenListCommand(), p.tokenRevokeCommand())
	return cmd
}

// tokenScope says what a token is for.
type tokenScope struct {
	installation bool
	org          string
}

func (s *tokenScope) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&s.installation, "installation", false, "of the whole installation, not of --instance")
	cmd.Flags().StringVar(&s.org, "org", "", "of this `ORGANIZATION` of the instance alone")
}

// of gives the instance and organization, both empty for the installation.
func (s *tokenScope) of(server *serverFlags) (instance, org string, err error) {
	switch {
	case s.installation && s.org != "":
		return "", "", &usageError{fmt.Errorf("--org is one of an instance, --installation is all of them: give one")}
	case s.installation:
		return "", "", nil
	}
	return server.instance, s.org, nil
}

func (p *Program) tokenCreateCommand() *cobra.Command {
	var server serverFlags
	var scope tokenScope
	var verbs, expires string
	cmd := &cobra.Command{
		Use:   "create NAME --verbs VERB,…",
		Short: "Make a token, which is shown this once",
		Long: `Makes a token for --instance, for one organization of it, or for the installation.
The token alone is on standard output, so that it can go where it is needed; it is
shown this once.`,
		Example: "  callout token create core --instance acme --verbs call,publish > core.token\n" +
			"  callout token create acme-admins --instance shop --org acme --verbs read,write,operate --expires 90d\n" +
			"  callout token create grafana --installation --verbs observe",
		Args: oneOf("name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := server.check(); err != nil {
				return err
			}
			return p.tokenCreate(cmd.Context(), &server, scope, args[0], verbs, expires)
		},
	}
	cmd.Flags().StringVar(&verbs, "verbs", "", "what it may do, as `VERB`,…: "+verbList()+", or all")
	cmd.Flags().StringVar(&expires, "expires", "", "when it ends: a `TIME`, such as 2027-01-31T00:00:00Z, or in how long, such as 12h or 90d; none = never")
	scope.add(cmd)
	server.add(cmd, asText, asJSON, asYAML)
	return cmd
}

func verbList() string {
	var all []string
	for _, v := range access.Verbs {
		all = append(all, string(v))
	}
	return strings.Join(all, ", ")
}

func (p *Program) tokenCreate(ctx context.Context, server *serverFlags, scope tokenScope, name, verbs, expires string) error {
	if verbs == "" {
		return &usageError{fmt.Errorf("--verbs says what the token may do: %s, or all", verbList())}
	}
	if _, err := access.ParseVerbs(verbs); err != nil {
		return &usageError{fmt.Errorf("--verbs: %w", err)}
	}
	instance, org, err := scope.of(server)
	if err != nil {
		return err
	}
	question := &calloutv1.CreateTokenRequest{Instance: instance, Org: org, Name: name, Verbs: strings.Split(verbs, ",")}
	if expires != "" {
		end, err := ending(expires, time.Now())
		if err != nil {
			return err
		}
		question.ExpireTime = timestamppb.New(end)
	}
	answer, err := ask(ctx, server, question, calloutv1connect.ActionServiceClient.CreateToken)
	if err != nil {
		return err
	}
	if server.output != asText {
		return p.print(server.output, answer)
	}
	p.note("token " + answer.GetToken().GetId() + " for " + printable(tokenScopeText(answer.GetToken())) + ", shown this once:")
	return p.say("%s\n", answer.GetText())
}

// ending reads when something ends: a time, or in how long.
func ending(text string, now time.Time) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	if in, ok := ago(text); ok && in > 0 {
		return now.Add(in), nil
	}
	return time.Time{}, &usageError{fmt.Errorf("--expires %q is no time: write 2027-01-31T00:00:00Z, or in how long, such as 12h or 90d", text)}
}

func tokenScopeText(t *calloutv1.Token) string {
	switch {
	case t.GetInstance() == "":
		return "the installation"
	case t.GetOrg() == "":
		return t.GetInstance()
	}
	return t.GetInstance() + "/" + t.GetOrg()
}

func (p *Program) tokenListCommand() *cobra.Command {
	var server serverFlags
	var scope tokenScope
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the tokens, without what they are",
		Long: `Lists the tokens of --instance and its organizations, of one organization, or with
--installation all there are. That of --token-file is not among them.`,
		Example: "  callout token list --installation\n  callout token list --json | jq -r 'select(.lastUsedTime == null) | .id'",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			instance, org, err := scope.of(&server)
			if err = cmp.Or(server.check(), err); err != nil {
				return err
			}
			answer, err := ask(cmd.Context(), &server, &calloutv1.ListTokensRequest{Instance: instance, Org: org}, calloutv1connect.ActionServiceClient.ListTokens)
			if err != nil {
				return err
			}
			return p.tokenLister(server.output).all(answer.GetTokens())
		},
	}
	scope.add(cmd)
	server.add(cmd, asTable, asWide, asName, asJSON, asYAML)
	return cmd
}

func (p *Program) tokenLister(form string) *lister[*calloutv1.Token] {
	t := p.table("ID", "NAME", "FOR", "VERBS", "ENDS", "USED")
	if form == asWide {
		t = t.wide()
	}
	return &lister[*calloutv1.Token]{Program: p, form: form, what: "tokens", table: t, name: (*calloutv1.Token).GetId,
		row: func(m *calloutv1.Token) {
			now := time.Now()
			ends, used := "never", "never"
			if m.GetExpireTime() != nil {
				ends = m.GetExpireTime().AsTime().Format(time.DateOnly)
				if !m.GetExpireTime().AsTime().After(now) {
					ends = "ended"
				}
			}
			if m.GetLastUsedTime() != nil {
				used = age(m.GetLastUsedTime(), now) + " ago"
			}
			t.add(m.GetId(), m.GetName(), tokenScopeText(m), strings.Join(m.GetVerbs(), ","), ends, used)
		}}
}

func (p *Program) tokenRevokeCommand() *cobra.Command {
	var server serverFlags
	cmd := &cobra.Command{
		Use:     "revoke ID…",
		Short:   "Have tokens count no more",
		Long:    "Has tokens count no more, at any dispatcher within a second. Their ids are those of \"callout token list\".",
		Example: "  callout token revoke fixzcvw5kmy2a",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := server.check(); err != nil {
				return err
			}
			for _, id := range args {
				if _, err := ask(cmd.Context(), &server, &calloutv1.RevokeTokenRequest{Id: id}, calloutv1connect.ActionServiceClient.RevokeToken); err != nil {
					return fmt.Errorf("token %s: %w", id, err)
				}
				if err := p.say("token %s counts no more\n", id); err != nil {
					return err
				}
			}
			return nil
		},
	}
	server.add(cmd, asText)
	return cmd
}
