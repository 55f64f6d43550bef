package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/action"
)

func (p *Program) contextCommand() *cobra.Command {
	cmd := parent(&cobra.Command{
		Use:   "context list|current|use|set|delete",
		Short: "Give names to the servers you work with",
		Long: `A context is a name for a server, an instance of it and a token. The one in use
stands in for --server, --instance and --token; --context NAME takes another for
one command.

What counts is, in this order: the flag, its variable (CALLOUT_SERVER,
CALLOUT_INSTANCE, CALLOUT_TOKEN), the context, the default. The instance of a
context counts as if it were given: a file for another one is refused.

Contexts are kept in callout/config.yaml below $XDG_CONFIG_HOME, or in the file
that CALLOUT_CONFIG names, readable for you only.`,
		Example: "  callout context set staging --server https://callout.staging.example.com --token -\n  callout context use staging\n  callout get targets --context production",
	})
	cmd.AddCommand(p.contextListCommand(), p.contextCurrentCommand(), p.contextUseCommand(), p.contextSetCommand(), p.contextDeleteCommand())
	return cmd
}

// shownContext is a context as programs see it: without its token.
type shownContext struct {
	Name     string `json:"name"`
	Current  bool   `json:"current"`
	Server   string `json:"server"`
	Instance string `json:"instance"`
	HasToken bool   `json:"hasToken"`
}

func (p *Program) contextListCommand() *cobra.Command {
	var form string
	outputs := []string{asTable, asJSON, asName}
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the contexts",
		Long:    "Lists the contexts, * before the one in use. A token is never shown.",
		Example: "  callout context list\n  callout context list -o name",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := checkOutput(form, outputs); err != nil {
				return err
			}
			all, err := p.readContexts()
			if err != nil {
				return err
			}
			return p.contextList(form, all)
		},
	}
	outputFlag(cmd, &form, outputs)
	return cmd
}

func (p *Program) contextList(form string, all *contexts) error {
	t := p.table("", "NAME", "SERVER", "INSTANCE", "TOKEN")
	show := &lister[shownContext]{Program: p, form: form, what: "contexts", table: t, name: func(c shownContext) string { return c.Name },
		json: func(c shownContext) ([]byte, error) { return json.Marshal(c) },
		row: func(c shownContext) {
			sign, token := " ", ""
			if c.Current {
				sign = "*"
			}
			if c.HasToken {
				token = "yes"
			}
			t.add(sign, c.Name, c.Server, c.Instance, token)
		}}
	var shown []shownContext
	for _, name := range all.names() {
		c := all.Contexts[name]
		shown = append(shown, shownContext{name, name == all.Current, action.ShownURL(c.Server), c.Instance, c.Token != ""})
	}
	return show.all(shown)
}

func (p *Program) contextCurrentCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "current",
		Short:   "Print the name of the context in use",
		Long:    "Prints the name of the context in use; exit code 1 when none is.",
		Example: "  callout context current",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			all, err := p.readContexts()
			switch {
			case err != nil:
				return err
			case all.Current == "":
				return errors.New("no context is in use; choose one with \"callout context use NAME\"")
			}
			return p.say("%s\n", all.Current)
		},
	}
}

func (p *Program) contextUseCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "use NAME",
		Short:             "Choose the context of the commands that follow",
		Long:              "Chooses the context that stands in for --server, --instance and --token from now on.",
		Example:           "  callout context use staging",
		Args:              oneOf("context"),
		ValidArgsFunction: p.completeContexts,
		RunE: func(_ *cobra.Command, args []string) error {
			all, err := p.readContexts()
			if err == nil {
				_, err = all.find(args[0])
			}
			if err != nil {
				return err
			}
			all.Current = args[0]
			if err := p.writeContexts(all); err != nil {
				return err
			}
			return p.say("context %s is in use\n", args[0])
		},
	}
}

func (p *Program) contextDeleteCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "delete NAME",
		Short:             "Forget a context",
		Long:              "Forgets a context and its token. Nothing is changed on its server.",
		Example:           "  callout context delete staging",
		Args:              oneOf("context"),
		ValidArgsFunction: p.completeContexts,
		RunE: func(_ *cobra.Command, args []string) error {
			all, err := p.readContexts()
			if err == nil {
				_, err = all.find(args[0])
			}
			if err != nil {
				return err
			}
			delete(all.Contexts, args[0])
			if all.Current == args[0] {
				all.Current = ""
			}
			if err := p.writeContexts(all); err != nil {
				return err
			}
			return p.say("context %s is gone\n", args[0])
		},
	}
}

func (p *Program) contextSetCommand() *cobra.Command {
	var c connection
	cmd := &cobra.Command{
		Use:   "set NAME [--server URL] [--instance NAME] [--token TOKEN|-]",
		Short: "Make a context, or change one",
		Long: `Makes a context, or changes those parts of one that are given. The first one that
is made is in use from then on.`,
		Example:           "  callout context set staging --server https://callout.staging.example.com\n  callout context set staging --token - < token.txt",
		Args:              oneOf("context"),
		Annotations:       map[string]string{withoutVariables: "yes"},
		ValidArgsFunction: p.completeContexts,
		RunE:              func(cmd *cobra.Command, args []string) error { return p.contextSet(cmd, args[0], c) },
	}
	f := cmd.Flags()
	f.StringVar(&c.Server, "server", "", "`URL` of the dispatcher")
	f.StringVar(&c.Instance, "instance", "", "`NAME` of the instance")
	f.StringVar(&c.Token, "token", "", "the `TOKEN`; - reads it from standard input, so that no history holds it")
	return cmd
}

func (p *Program) contextSet(cmd *cobra.Command, name string, c connection) error {
	if err := action.CheckName(name); err != nil {
		return &usageError{fmt.Errorf("context %q: %w", name, err)}
	}
	if c.Server != "" {
		if err := checkServer(c.Server); err != nil {
			return &usageError{err}
		}
	}
	if c.Token == "-" {
		raw, err := p.input(cmd.Context(), maxToken+1)
		if err != nil {
			return fmt.Errorf("the token cannot be read: %w", err)
		}
		c.Token = strings.TrimSpace(string(raw))
	}
	if err := checkToken(c.Token); err != nil {
		return &usageError{err}
	}
	all, err := p.readContexts()
	if err != nil {
		return err
	}
	before, known := all.Contexts[name]
	all.Contexts[name] = before.with(cmd, c)
	if first := all.Current == "" && !known && len(all.Contexts) == 1; first {
		all.Current = name
	}
	if err := p.writeContexts(all); err != nil {
		return err
	}
	what := map[bool]string{true: "changed", false: "made"}[known]
	if all.Current == name {
		what += " and in use"
	}
	return p.say("context %s is %s\n", name, what)
}

// with takes over what was given, also when it is empty.
func (c connection) with(cmd *cobra.Command, given connection) connection {
	for flag, part := range map[string][2]*string{
		"server": {&c.Server, &given.Server}, "instance": {&c.Instance, &given.Instance}, "token": {&c.Token, &given.Token},
	} {
		if cmd.Flags().Changed(flag) {
			*part[0] = *part[1]
		}
	}
	return c
}
