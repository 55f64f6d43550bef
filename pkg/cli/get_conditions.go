package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/action"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

type conditionsFlags struct {
	server serverFlags
	watch  watchFlag
	cores  bool
}

func (p *Program) getConditionsCommand() *cobra.Command {
	var f conditionsFlags
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
			if err := cmp.Or(f.server.check(), f.watch.check(&f.server)); err != nil {
				return err
			}
			request := &calloutv1.ListConditionsRequest{Instance: f.server.instance}
			if len(args) > 0 {
				request.Contains = args[0]
			}
			return p.getConditions(cmd.Context(), &f, request)
		},
	}
	cmd.Flags().BoolVar(&f.cores, "cores", false, "list the cores instead")
	f.watch.add(cmd)
	f.server.add(cmd, asTable, asName, asJSON, asYAML)
	return cmd
}

func (p *Program) getConditions(ctx context.Context, f *conditionsFlags, request *calloutv1.ListConditionsRequest) error {
	fetch := func(ctx context.Context) (*calloutv1.ListConditionsResponse, error) {
		return ask(ctx, &f.server, request, calloutv1connect.ActionServiceClient.ListConditions)
	}
	if f.cores {
		t := p.table("CORE", "DECLARED")
		show := &lister[*calloutv1.Declaration]{Program: p, form: f.server.output, what: "core has declared anything", table: t, name: (*calloutv1.Declaration).GetCore,
			row: func(c *calloutv1.Declaration) { t.add(c.GetCore(), age(c.GetUpdateTime(), time.Now())) },
			json: func(c *calloutv1.Declaration) ([]byte, error) {
				return json.Marshal(shownCore{c.GetCore(), c.GetUpdateTime().AsTime()})
			}}
		return list(ctx, f.watch, show, func(ctx context.Context) ([]*calloutv1.Declaration, error) {
			answer, err := fetch(ctx)
			return answer.GetCores(), err
		})
	}
	t := p.table("KIND", "CONDITION", "PHASES")
	show := &lister[*declared]{Program: p, form: f.server.output, what: "conditions were declared", table: t, name: func(d *declared) string { return d.Condition },
		row:  func(d *declared) { t.add(d.Kind, d.Condition, strings.Join(d.Phases, ", ")) },
		json: func(d *declared) ([]byte, error) { return json.Marshal(d) }}
	return list(ctx, f.watch, show, func(ctx context.Context) ([]*declared, error) {
		answer, err := fetch(ctx)
		return declaredIn(answer), err
	})
}

// declared is one condition that a core has declared.
type declared struct {
	Kind      string   `json:"kind"` // method, service, function or event
	Condition string   `json:"condition"`
	Phases    []string `json:"phases"`
}

// shownCore is a core that has declared something, for programs.
type shownCore struct {
	Core       string    `json:"core"`
	UpdateTime time.Time `json:"updateTime"`
}

func declaredIn(answer *calloutv1.ListConditionsResponse) (all []*declared) {
	calls := []string{string(action.Request), string(action.Response)}
	for _, group := range []struct {
		kind   string
		phases []string
		names  []string
	}{
		{"method", calls, answer.GetMethods()}, {"service", calls, answer.GetServices()},
		{"function", []string{string(action.Function)}, answer.GetFunctions()}, {"event", []string{string(action.OnEvent)}, answer.GetEventTypes()},
	} {
		for _, name := range group.names {
			all = append(all, &declared{group.kind, name, group.phases})
		}
	}
	return all
}
