package cli

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/action"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

// completeIn is how long a shell waits for names: a person is typing.
const completeIn = time.Second

// complete gives a flag its completion.
func complete(cmd *cobra.Command, flag string, names cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, names); err != nil {
		panic(err) // there is no such flag
	}
}

// fromServer completes with what a server has. A server that is away or slow
// completes nothing, silently.
func (p *Program) fromServer(names func(ctx context.Context, s *serverFlags, org *string, typed string) ([]string, error)) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		const nothing = cobra.ShellCompDirectiveNoFileComp
		if p.settle(cmd) != nil {
			return nil, nothing
		}
		flags := cmd.Flags()
		s := &serverFlags{output: asName, outputs: []string{asName}}
		s.url, s.instance, s.token = flagText(cmd, "server"), flagText(cmd, "instance"), flagText(cmd, "token")
		if s.check() != nil {
			return nil, nothing
		}
		var org *string
		if flags.Changed("org") {
			given := flagText(cmd, "org")
			org = &given
		}
		ctx := cmd.Context()
		if ctx == nil {
			ctx = context.Background()
		}
		ctx, cancel := context.WithTimeout(ctx, completeIn)
		defer cancel()
		found, err := names(ctx, s, org, typed)
		if err != nil {
			return nil, nothing
		}
		var fitting []string
		for _, name := range found {
			if strings.HasPrefix(name, typed) {
				fitting = append(fitting, name)
			}
		}
		return fitting, nothing
	}
}

func flagText(cmd *cobra.Command, name string) string {
	if f := cmd.Flags().Lookup(name); f != nil {
		return f.Value.String()
	}
	return ""
}

func (p *Program) completeTargets() cobra.CompletionFunc {
	return p.fromServer(func(ctx context.Context, s *serverFlags, org *string, typed string) (names []string, err error) {
		parts := []string{typed[strings.LastIndexByte(typed, ':')+1:]}
		if !strings.Contains(typed, ":") && typed != "" {
			parts = append(parts, "") // it may begin the name of an organization
		}
		for _, part := range parts {
			answer, err := ask(ctx, s, &calloutv1.ListTargetsRequest{Instance: s.instance, PageSize: pageSize,
				Filter: &calloutv1.TargetFilter{Org: org, NameContains: part}}, calloutv1connect.ActionServiceClient.ListTargets)
			if err != nil {
				return nil, err
			}
			for _, t := range answer.GetTargets() {
				r := ref{name: t.GetName()}
				if org == nil {
					r.org = t.GetOrg()
				}
				names = append(names, r.String())
			}
		}
		slices.Sort(names)
		return slices.Compact(names), nil
	})
}

func (p *Program) completeExecutions() cobra.CompletionFunc {
	return p.fromServer(func(ctx context.Context, s *serverFlags, org *string, typed string) (names []string, err error) {
		filter := &calloutv1.ExecutionFilter{Org: org}
		if phase, name, found := strings.Cut(typed[strings.LastIndexByte(typed, ':')+1:], "/"); found && slices.Contains(phaseWords(), phase) {
			filter.Contains = name
		}
		answer, err := ask(ctx, s, &calloutv1.ListExecutionsRequest{Instance: s.instance, Filter: filter, PageSize: pageSize},
			calloutv1connect.ActionServiceClient.ListExecutions)
		for _, e := range answer.GetExecutions() {
			r := refOf(e)
			if org != nil {
				r.org = ""
			}
			names = append(names, r.String())
		}
		return names, err
	})
}

func (p *Program) completeSubscriptions() cobra.CompletionFunc {
	return p.fromServer(func(ctx context.Context, s *serverFlags, _ *string, _ string) (names []string, err error) {
		answer, err := ask(ctx, s, &calloutv1.ListSubscriptionsRequest{Instance: s.instance}, calloutv1connect.ActionServiceClient.ListSubscriptions)
		for _, line := range answer.GetSubscriptions() {
			if line.GetLane() == 0 {
				names = append(names, line.GetName())
			}
		}
		return names, err
	})
}

// completeJobs completes the ids of jobs, the newest first.
func (p *Program) completeJobs() cobra.CompletionFunc {
	return p.fromServer(func(ctx context.Context, s *serverFlags, _ *string, _ string) (ids []string, err error) {
		answer, err := listJobs(ctx, s)
		for _, j := range answer {
			ids = append(ids, j.GetId())
		}
		return ids, err
	})
}

// completeConditions completes what explain and set execution take: a phase,
// then what the cores have declared for it.
func (p *Program) completeConditions() cobra.CompletionFunc {
	declared := func(phase string) cobra.CompletionFunc {
		return p.fromServer(func(ctx context.Context, s *serverFlags, _ *string, typed string) ([]string, error) {
			answer, err := ask(ctx, s, &calloutv1.ListConditionsRequest{Instance: s.instance, Contains: typed}, calloutv1connect.ActionServiceClient.ListConditions)
			switch action.Phase(phase) {
			case action.Function:
				return answer.GetFunctions(), err
			case action.OnEvent:
				return answer.GetEventTypes(), err
			}
			return append(answer.GetMethods(), answer.GetServices()...), err
		})
	}
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		switch len(args) {
		case 0:
			return phaseWords(), cobra.ShellCompDirectiveNoFileComp
		case 1:
			return declared(args[0])(cmd, nil, typed)
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeContexts completes with the names of contexts.
func (p *Program) completeContexts(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	all, err := p.readContexts()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return all.names(), cobra.ShellCompDirectiveNoFileComp
}
