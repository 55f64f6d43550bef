package cli

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/conformance"
)

type conformanceFlags struct {
	cases  []string
	keys   []string
	output string
}

func (p *Program) conformanceCommand() *cobra.Command {
	cmd := parent(&cobra.Command{
		Use:   "conformance",
		Short: "Hold a receiver to the contract: any target over HTTP, any verifier over stdio",
		Long: `Holds a receiver to the contract of schemas/conformance/README.md, which Callout's
SDKs keep: what is genuine, which handler runs, what is answered, what is handled
once. A target is driven over HTTP, a verifier line by line. The vectors are in the
program; they are language-neutral files in schemas/conformance.

Exit code: 0 when every case passed, 1 when one did not.`,
		Example: "  callout conformance target -- node target.mjs\n  callout conformance verifier -- python verifier.py",
	})
	cmd.AddCommand(p.conformanceTargetCommand(), p.conformanceVerifierCommand())
	return cmd
}

func (p *Program) conformanceTargetCommand() *cobra.Command {
	var f conformanceFlags
	cmd := &cobra.Command{
		Use:   "target URL | target -- COMMAND…",
		Short: "Drive a target over HTTP with every case of the contract",
		Long: `Drives a target that has the handlers of section 9 of the contract.

With -- COMMAND the target is started, as often as cases need it, with 0 as its last
argument (the port) and its keys in the environment, and stopped again: its first line
on stdout is "listening on URL". COMMAND is sent SIGTERM itself, so that a script
has to exec the program. What it writes to stderr is shown with --log.

With a URL the target listens already, with the kit's keys, which are in
schemas/conformance/keys.json (first, second and public), or with those of --key.
Cases that need a target that is started otherwise are skipped then.

About thirty seconds are waiting, for what the contract bounds by ten.`,
		Example: `  callout conformance target -- node target.mjs
  callout conformance target http://127.0.0.1:9000/hooks --key whsec_…
  callout conformance target --case 7 --case "6.4 a handler" -- python target.py`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkOutput(f.output, conformanceOutputs); err != nil {
				return err
			}
			log, err := cmd.Flags().GetBool("log")
			if err != nil {
				return err
			}
			to, err := p.conformanceTarget(cmd, args, f.keys, log)
			if err != nil {
				return err
			}
			return p.checkTarget(cmd.Context(), &f, to)
		},
	}
	p.conformanceFlags(cmd, &f)
	cmd.Flags().StringArrayVar(&f.keys, "key", nil, "of a URL: a `KEY` that the target has, whsec_… or whsk_…; again for another one")
	return cmd
}

func (p *Program) conformanceVerifierCommand() *cobra.Command {
	var f conformanceFlags
	cmd := &cobra.Command{
		Use:   "verifier -- COMMAND…",
		Short: "Ask a verifier about every vector, a JSON object a line",
		Long: `Starts COMMAND, writes it one JSON object a line and reads one for each, as section
11 of the contract says. So a verifier in any language is tested with fifty lines of
its own.`,
		Example: "  callout conformance verifier -- node verifier.mjs\n  callout conformance verifier --case 2.2 -o json -- ./verifier",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkOutput(f.output, conformanceOutputs); err != nil {
				return err
			}
			if cmd.ArgsLenAtDash() != 0 || len(args) == 0 {
				return &usageError{errors.New("give the program behind --: callout conformance verifier -- COMMAND…")}
			}
			log, err := cmd.Flags().GetBool("log")
			if err != nil {
				return err
			}
			return p.checkVerifier(cmd.Context(), &f, p.conformanceProgram(args, log))
		},
	}
	p.conformanceFlags(cmd, &f)
	return cmd
}

var conformanceOutputs = []string{asTable, asJSON}

func (p *Program) conformanceFlags(cmd *cobra.Command, f *conformanceFlags) {
	cmd.Flags().StringArrayVar(&f.cases, "case", nil, "only cases that begin with this `TEXT`, such as 2.2; again for others")
	cmd.Flags().Bool("log", false, "show what the program writes to stderr")
	outputFlag(cmd, &f.output, conformanceOutputs)
	complete(cmd, "case", completeCases)
}

// completeCases offers the rules.
func completeCases(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var rules []string
	cases, _ := conformance.Cases() // where they cannot be read, none are offered
	for _, c := range cases {
		rules = append(rules, c.Rule)
	}
	vectors, _ := conformance.Vectors()
	for _, v := range vectors {
		rules = append(rules, v.Rule)
	}
	slices.Sort(rules)
	return slices.Compact(rules), cobra.ShellCompDirectiveNoFileComp
}

func (p *Program) conformanceProgram(command []string, log bool) conformance.Program {
	to := conformance.Program{Command: command}
	if log {
		to.Log = p.Err
	}
	return to
}

func (p *Program) conformanceTarget(cmd *cobra.Command, args, keys []string, log bool) (conformance.Target, error) {
	to := conformance.Target{Keys: keys}
	switch {
	case cmd.ArgsLenAtDash() == 0 && len(args) > 0:
		if len(keys) > 0 {
			return to, &usageError{errors.New("--key is for a URL: a program that is started is given the keys of the kit")}
		}
		to.Program = p.conformanceProgram(args, log)
		return to, nil
	case cmd.ArgsLenAtDash() >= 0 || len(args) != 1:
		return to, &usageError{errors.New("give one URL, or the program behind --: callout conformance target -- COMMAND…")}
	}
	at, err := url.Parse(args[0])
	if err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https" {
		return to, &usageError{fmt.Errorf("%q is no URL: it begins with http:// or https://", args[0])}
	}
	to.URL = args[0]
	return to, nil
}

func (p *Program) checkTarget(ctx context.Context, f *conformanceFlags, to conformance.Target) error {
	all, err := conformance.Cases()
	if err != nil {
		return err
	}
	cases := slices.DeleteFunc(all, func(c conformance.Case) bool { return !caseAsked(c.Case, f.cases) })
	names := make([]string, len(cases))
	for i, c := range cases {
		names[i] = c.Case
	}
	s, err := p.newScore(names)
	if err != nil {
		return err
	}
	err = conformance.CheckTarget(ctx, to, cases, s.add)
	return s.end(f.output, err)
}

func (p *Program) checkVerifier(ctx context.Context, f *conformanceFlags, to conformance.Program) error {
	all, err := conformance.Vectors()
	if err != nil {
		return err
	}
	vectors := slices.DeleteFunc(all, func(v conformance.Vector) bool { return !caseAsked(v.Case, f.cases) })
	names := make([]string, len(vectors))
	for i, v := range vectors {
		names[i] = v.Case
	}
	s, err := p.newScore(names)
	if err != nil {
		return err
	}
	verifier, stop, err := to.Verifier(ctx)
	if err != nil {
		return err
	}
	defer stop()
	err = conformance.CheckVerifier(ctx, verifier, vectors, s.add)
	return s.end(f.output, err)
}

func caseAsked(name string, texts []string) bool {
	return len(texts) == 0 || slices.ContainsFunc(texts, func(text string) bool {
		rule, _, _ := strings.Cut(name, " ")
		// 1 names 1.1 and not 10; "2.2 an id" what is written so.
		return strings.HasPrefix(name, text) && (strings.Contains(text, " ") || rule == text || strings.HasPrefix(rule, text+"."))
	})
}
