package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/manage"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

type setExecutionFlags struct {
	server        serverFlags
	org           orgFlag
	targets       []string
	name          string
	list          bool
	onUnavailable string
	onExhausted   string
	maxStop       time.Duration
	applies       string
	dryRun        bool
}

func (p *Program) setCommand() *cobra.Command {
	cmd := parent(&cobra.Command{
		Use:     "set execution|quota",
		Short:   "Make or change an execution without a file, or say what an instance may have",
		Long:    `Makes an execution or a list from the command line, or changes one; or says how much an instance may have and do.`,
		Example: "  callout set execution event user.added --targets audit,include:everybody\n  callout set quota acme --targets 100",
	})
	cmd.AddCommand(p.setExecutionCommand(), p.setQuotaCommand())
	return cmd
}

func (p *Program) setExecutionCommand() *cobra.Command {
	var f setExecutionFlags
	cmd := &cobra.Command{
		Use:   "execution PHASE CONDITION --targets a,b,include:c",
		Short: "Make or change an execution or a list",
		Long: `Makes an execution, or changes the one with this condition: what is not given
stays. With --list it is a list, which others include, and CONDITION is its name.
The targets are called in the order in which they are given.`,
		Example: `  callout set execution request /zitadel.user.v2.UserService/AddHumanUser --targets set_display_name,include:logging
  callout set execution event 'user.*' --targets audit --on-exhausted stop
  callout set execution request logging --list --targets logger --org acme`,
		ValidArgsFunction: p.completeConditions(),
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return &usageError{fmt.Errorf("%s takes a PHASE and a CONDITION, such as: event user.added", cmd.CommandPath())}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.server.check(); err != nil {
				return err
			}
			r, err := f.org.executionOf(args)
			if err != nil {
				return err
			}
			return p.setExecution(cmd, &f, r)
		},
	}
	f.org.add(cmd, "the `ORG` whose execution it is; left out, the instance")
	flags := cmd.Flags()
	flags.StringSliceVar(&f.targets, "targets", nil, "its targets in their order, as `TARGET`,… where include:NAME includes another execution or a list")
	flags.StringVar(&f.name, "name", "", "the `NAME` by which others include it; left out, its condition")
	flags.BoolVar(&f.list, "list", false, "it is a list: it has no condition")
	flags.StringVar(&f.onUnavailable, "on-unavailable", "", "when no worker is there: fail or continue")
	flags.StringVar(&f.onExhausted, "on-exhausted", "", "after the last attempt for an event: dead_letter or stop")
	flags.DurationVar(&f.maxStop, "max-stop", 0, "how long its lines may stand")
	flags.StringVar(&f.applies, "applies", "", "of the instance's, for which organizations it runs: required (all), default (those without their own) or available (only included)")
	flags.BoolVar(&f.dryRun, "dry-run", false, "check only, and change nothing")
	complete(cmd, "targets", p.completeTargets())
	f.server.add(cmd, asTable, asJSON, asYAML)
	return cmd
}

func (p *Program) setExecution(cmd *cobra.Command, f *setExecutionFlags, r ref) error {
	e, exists, err := f.start(cmd.Context(), r)
	if err != nil {
		return err
	}
	given := cmd.Flags().Changed
	if given("targets") {
		e.Targets = nil
		for _, text := range f.targets {
			e.Targets = append(e.Targets, entryMessage(entryOf(text)))
		}
	} else if !exists {
		return &usageError{errors.New("--targets is missing: there is no such execution yet, which targets is it to have?")}
	}
	if given("name") {
		e.Name = f.name
	}
	if given("on-unavailable") {
		e.OnUnavailable = f.onUnavailable
	}
	if given("on-exhausted") {
		e.OnExhausted = f.onExhausted
	}
	if given("applies") {
		e.Applies = f.applies
	}
	if given("max-stop") {
		e.MaxStop = durationpb.New(f.maxStop)
	}
	return p.sendExecution(cmd.Context(), f, e)
}

// start gives the execution as it is now, with its etag, or a new one.
func (f *setExecutionFlags) start(ctx context.Context, r ref) (e *calloutv1.Execution, exists bool, err error) {
	fresh := &calloutv1.Execution{Phase: manage.PhaseNumber(r.phase), Org: r.org}
	request := &calloutv1.GetExecutionRequest{Instance: f.server.instance, Phase: fresh.GetPhase(), Org: r.org}
	if f.list {
		fresh.Name, request.Name = r.name, r.name
	} else {
		fresh.Condition, request.Condition = r.name, r.name
	}
	answer, err := ask(ctx, &f.server, request, calloutv1connect.ActionServiceClient.GetExecution)
	var by *refusedBy
	switch {
	case errors.As(err, &by) && (by.code == action.CodeNotFound || by.code == action.CodeUnknownInstance):
		return fresh, false, nil
	case err != nil:
		return nil, false, err
	case f.list && answer.GetExecution().GetCondition() != "":
		return nil, false, fmt.Errorf("%q is the name of an execution, whose condition is %q: leave out --list", r.name, answer.GetExecution().GetCondition())
	}
	e = answer.GetExecution()
	e.Id, e.CreateTime, e.UpdateTime, e.File = "", nil, nil, "" // the server gives them
	return e, true, nil
}

// entryOf reads TARGET or include:NAME; no name holds a colon.
func entryOf(text string) action.Entry {
	if name, found := strings.CutPrefix(text, "include:"); found {
		return action.Entry{Include: name}
	}
	return action.Entry{Target: strings.TrimPrefix(text, "target:")}
}

func (p *Program) sendExecution(ctx context.Context, f *setExecutionFlags, e *calloutv1.Execution) error {
	answer, err := ask(ctx, &f.server, &calloutv1.SetExecutionRequest{Instance: f.server.instance, Execution: e, DryRun: f.dryRun},
		calloutv1connect.ActionServiceClient.SetExecution)
	if err != nil {
		return p.refused(err)
	}
	for _, warning := range answer.GetWarnings() {
		p.note("warning: " + printable(warning))
	}
	what := "execution " + refOf(e).String()
	done := map[bool]string{true: "made", false: "changed"}[answer.GetCreated()]
	switch {
	case f.server.output != asTable:
		return p.print(f.server.output, answer)
	case !answer.GetChanged() && !answer.GetCreated():
		return p.say("%s: nothing to change, revision %d is in force\n", what, answer.GetRevision())
	case f.dryRun:
		return p.say("%s would be %s (--dry-run)\n", what, done)
	}
	return p.say("%s is %s, revision %d is in force\n", what, done, answer.GetRevision())
}
