package cli

import (
	"context"

	"github.com/spf13/cobra"

	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

// pauseFlags name a target.
type pauseFlags struct {
	server serverFlags
	org    string
	reason string
}

func (f *pauseFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.org, "org", "", "the `ORG` that defines the target; left out, the instance")
	f.server.add(cmd, asTable, asJSON, asYAML)
}

func (p *Program) targetCommand() *cobra.Command {
	cmd := parent(&cobra.Command{
		Use:     "target test|pause|resume|key|public-key NAME",
		Short:   "Try a target, pause it, let it run again, or look after its keys",
		Long:    `Acts on a target. None of it changes the configuration.`,
		Example: "  callout target test audit\n  callout target pause audit --reason 'moving house'\n  callout target resume audit",
	})
	cmd.AddCommand(p.targetTestCommand(), p.pauseCommand(), p.resumeCommand(), p.targetKeyCommand(), p.publicKeyCommand())
	return cmd
}

func (p *Program) pauseCommand() *cobra.Command {
	var f pauseFlags
	cmd := &cobra.Command{
		Use:   "pause NAME",
		Short: "Keep a target from being called",
		Long: `Keeps a target from being called until it is resumed: its events wait in their
order, and its turns in calls fail. It is state and not part of the configuration:
no revision is made, and no file that is applied later takes it back.`,
		Example:           "  callout target pause audit --reason 'moving house'\n  callout target pause crm --org acme",
		Args:              oneOf("target"),
		ValidArgsFunction: p.completeTargets(),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.server.check(); err != nil {
				return err
			}
			return p.pause(cmd.Context(), &f, args[0])
		},
	}
	cmd.Flags().StringVar(&f.reason, "reason", "", "why, for people")
	f.add(cmd)
	return cmd
}

func (p *Program) pause(ctx context.Context, f *pauseFlags, name string) error {
	answer, err := ask(ctx, &f.server, &calloutv1.PauseTargetRequest{Instance: f.server.instance, Org: f.org, Target: name, Reason: f.reason},
		calloutv1connect.ActionServiceClient.PauseTarget)
	if err != nil {
		return err
	}
	if f.server.output != asTable {
		return p.print(f.server.output, answer)
	}
	return p.say("target %s is paused; \"callout target resume\" lets it run again\n", name)
}

func (p *Program) resumeCommand() *cobra.Command {
	var f pauseFlags
	cmd := &cobra.Command{
		Use:   "resume NAME",
		Short: "Let a paused target be called again",
		Long: `Takes back a pause, also that of a target which answered that it is gone (410).
A target with "paused: true" in the configuration stays paused until that is
taken out.`,
		Example:           "  callout target resume audit",
		Args:              oneOf("target"),
		ValidArgsFunction: p.completeTargets(),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.server.check(); err != nil {
				return err
			}
			return p.resume(cmd.Context(), &f, args[0])
		},
	}
	f.add(cmd)
	return cmd
}

func (p *Program) resume(ctx context.Context, f *pauseFlags, name string) error {
	answer, err := ask(ctx, &f.server, &calloutv1.ResumeTargetRequest{Instance: f.server.instance, Org: f.org, Target: name},
		calloutv1connect.ActionServiceClient.ResumeTarget)
	if err != nil {
		return err
	}
	if f.server.output != asTable {
		return p.print(f.server.output, answer)
	}
	if answer.GetPausedByConfiguration() {
		return p.say("target %s stays paused: the configuration says \"paused: true\"; take that out\n", name)
	}
	return p.say("target %s runs again\n", name)
}
