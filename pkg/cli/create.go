package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"

	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

type createTargetFlags struct {
	server  serverFlags
	org     orgFlag
	target  calloutv1.Target
	timeout time.Duration
	lanes   uint32
	headers []string
	sources []string
	labels  []string
	dryRun  bool
}

func (p *Program) createCommand() *cobra.Command {
	cmd := parent(&cobra.Command{
		Use:     "create target|instance NAME",
		Short:   "Make a target, or an instance, without a file",
		Long:    `Makes a target, or an instance, from the command line. What a target has beyond the flags here is set by "callout edit target NAME", or in a configuration file.`,
		Example: "  callout create target audit --url https://hooks.example.com/audit\n  callout create instance acme",
	})
	cmd.AddCommand(p.createTargetCommand(), p.createInstanceCommand())
	return cmd
}

func (p *Program) createTargetCommand() *cobra.Command {
	var f createTargetFlags
	cmd := &cobra.Command{
		Use:   "target [ORG:]NAME --url URL",
		Short: "Make a target",
		Long: `Makes a target. Its signing key is made with it, printed here, and shown nowhere
else: give it to whoever runs the target.`,
		Example: `  callout create target audit --url https://hooks.example.com/audit
  callout create target set_display_name --url https://hooks.example.com/name --type call --timeout 1s --interrupt-on-error
  callout create target acme:crm --url https://crm.acme.example/hook --label team=sales --header X-Team=sales
  callout create target billing --url https://billing.example.com/hook --header-from Authorization=secret:billing`,
		Args: oneOf("target"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.server.check(); err != nil {
				return err
			}
			if f.target.GetUrl() == "" {
				return &usageError{errors.New("--url URL is missing: where is the target?")}
			}
			r, err := f.org.target(args[0])
			if err != nil {
				return err
			}
			return p.createTarget(cmd, &f, r)
		},
	}
	f.org.add(cmd, "the `ORG` that defines the target; left out, the instance")
	flags := cmd.Flags()
	flags.StringVar(&f.target.Url, "url", "", "where it is, as `URL`")
	flags.StringVar(&f.target.Type, "type", "webhook", "`TYPE`: webhook, call or async")
	flags.DurationVar(&f.timeout, "timeout", 10*time.Second, "how long an exchange may take, 1ms to 270s")
	flags.BoolVar(&f.target.InterruptOnError, "interrupt-on-error", false, "its error ends the call and fails the caller")
	flags.StringVar(&f.target.Mapping, "mapping", "", "how a call target's answer is applied: merge or replace")
	flags.Uint32Var(&f.lanes, "lanes", 1, "how many of its events may be under way at once: 1, 4, 16 or 64")
	flags.StringArrayVar(&f.headers, "header", nil, "a header that is sent, as `NAME=VALUE`; may be given again; who may read the configuration sees it")
	flags.StringArrayVar(&f.sources, "header-from", nil, "a header whose value is kept secret, as `NAME=FROM`: env:VARIABLE, file:PATH or secret:NAME; may be given again")
	flags.StringSliceVarP(&f.labels, "label", "l", nil, "labels, as `NAME=VALUE`,…")
	flags.BoolVar(&f.dryRun, "dry-run", false, "check only, and change nothing")
	complete(cmd, "type", cobra.FixedCompletions([]string{"webhook", "call", "async"}, cobra.ShellCompDirectiveNoFileComp))
	f.server.add(cmd, asTable, asJSON, asYAML)
	return cmd
}

func (p *Program) createTarget(cmd *cobra.Command, f *createTargetFlags, r ref) (err error) {
	f.target.Org, f.target.Name, f.target.Lanes = r.org, r.name, f.lanes
	if cmd.Flags().Changed("timeout") { // left out, it gets the default of the server
		f.target.Timeout = durationpb.New(f.timeout)
	}
	if f.target.Labels, err = labels(f.labels); err != nil {
		return err
	}
	f.target.Headers = map[string]string{}
	for _, text := range f.headers {
		name, value, found := strings.Cut(text, "=")
		if !found {
			return &usageError{errors.New("a header is given as NAME=VALUE")} // it may be a secret
		}
		f.target.Headers[name] = value
	}
	if f.target.HeaderSources, err = headerSources(f.sources); err != nil {
		return err
	}
	return p.sendTarget(cmd.Context(), f, r)
}

func (p *Program) sendTarget(ctx context.Context, f *createTargetFlags, r ref) error {
	answer, err := ask(ctx, &f.server, &calloutv1.CreateTargetRequest{Instance: f.server.instance, Target: &f.target, DryRun: f.dryRun},
		calloutv1connect.ActionServiceClient.CreateTarget)
	if err != nil {
		return p.refused(err)
	}
	for _, warning := range answer.GetWarnings() {
		p.note("warning: " + printable(warning))
	}
	switch {
	case f.server.output != asTable:
		return p.print(f.server.output, answer)
	case f.dryRun:
		return p.say("target %s can be made (--dry-run)\n", r)
	}
	text := fmt.Sprintf("target %s is made, revision %d is in force\n", r, answer.GetRevision())
	if answer.GetSigningKey() != "" {
		text += "its signing key, which is shown this once: " + answer.GetSigningKey() + "\n"
	}
	return p.say("%s", text)
}
