package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/action"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

func (p *Program) getConditionsCommand() *cobra.Command {
	var server serverFlags
	var cores bool
	cmd := &cobra.Command{
		Use:     "conditions [PART]",
		Aliases: []string{"condition"},
		Short:   "List what the cores can be extended at",
		Long: `Lists what the cores have declared that they can be extended at: methods and their
services, functions, and types of events. With a PART it lists those that contain
it. With --cores it lists who declared something, and when.`,
		Example: "  callout get conditions\n  callout get conditions user -o name\n  callout get conditions --cores",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return &usageError{fmt.Errorf("%s takes one PART of a condition or none, not %d", cmd.CommandPath(), len(args))}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := server.check(); err != nil {
				return err
			}
			request := &calloutv1.ListConditionsRequest{Instance: server.instance}
			if len(args) > 0 {
				request.Contains = args[0]
			}
			return p.getConditions(cmd.Context(), &server, request, cores)
		},
	}
	cmd.Flags().BoolVar(&cores, "cores", false, "list the cores instead")
	server.add(cmd, asTable, asName, asJSON, asYAML)
	return cmd
}

func (p *Program) getConditions(ctx context.Context, server *serverFlags, request *calloutv1.ListConditionsRequest, cores bool) error {
	answer, err := ask(ctx, server, request, calloutv1connect.ActionServiceClient.ListConditions)
	if err != nil {
		return err
	}
	switch {
	case server.output == asJSON || server.output == asYAML:
		return p.print(server.output, answer)
	case cores:
		return p.tellCores(server.output, answer.GetCores())
	}
	return p.tellConditions(server.output, answer)
}

func (p *Program) tellConditions(form string, answer *calloutv1.ListConditionsResponse) error {
	t := p.table("KIND", "CONDITION", "PHASES")
	calls := string(action.Request) + ", " + string(action.Response)
	found := false
	for _, group := range []struct {
		kind, phases string
		names        []string
	}{
		{"method", calls, answer.GetMethods()}, {"service", calls, answer.GetServices()},
		{"function", string(action.Function), answer.GetFunctions()}, {"event", string(action.OnEvent), answer.GetEventTypes()},
	} {
		for _, name := range group.names {
			found = true
			if form == asName {
				if err := p.say("%s\n", printable(name)); err != nil {
					return err
				}
				continue
			}
			t.add(group.kind, name, group.phases)
		}
	}
	if !found && form == asTable {
		return p.say("no conditions were declared\n")
	}
	return t.flush()
}

func (p *Program) tellCores(form string, cores []*calloutv1.Declaration) error {
	if len(cores) == 0 && form == asTable {
		return p.say("no core has declared anything\n")
	}
	t := p.table("CORE", "DECLARED")
	for _, c := range cores {
		if form == asName {
			if err := p.say("%s\n", printable(c.GetCore())); err != nil {
				return err
			}
			continue
		}
		t.add(c.GetCore(), age(c.GetUpdateTime(), time.Now()))
	}
	return t.flush()
}
