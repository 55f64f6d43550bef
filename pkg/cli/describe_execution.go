package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/manage"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

func (p *Program) describeExecutionCommand() *cobra.Command {
	var server serverFlags
	var org orgFlag
	cmd := &cobra.Command{
		Use:     "execution ([ORG:][PHASE/]NAME | PHASE NAME)",
		Aliases: []string{"executions"},
		Short:   "Tell everything that is known of an execution or a list",
		Long: `Tells the settings of an execution or a list, its targets and includes in their
order, what includes it, and, for an event, how its lines stand. NAME is its
condition or its name; the PHASE is needed when several have that.`,
		Example:           "  callout describe execution event/user.added\n  callout describe execution request all_requests",
		Args:              executionArgs,
		ValidArgsFunction: p.completeExecutions(),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := server.check(); err != nil {
				return err
			}
			r, err := org.executionOf(args)
			if err != nil {
				return err
			}
			return p.describeExecution(cmd.Context(), &server, r)
		},
	}
	org.add(cmd, "the `ORG` whose execution it is; left out, the instance")
	server.add(cmd, asTable, asJSON, asYAML)
	return cmd
}

// getExecution finds the one execution that a ref names.
func getExecution(ctx context.Context, server *serverFlags, r ref) (*calloutv1.GetExecutionResponse, error) {
	e, err := findExecution(ctx, server, r)
	if err != nil {
		return nil, err
	}
	request := &calloutv1.GetExecutionRequest{Instance: server.instance, Phase: e.GetPhase(), Org: e.GetOrg(), Condition: e.GetCondition()}
	if e.GetCondition() == "" {
		request.Name = e.GetName()
	}
	return ask(ctx, server, request, calloutv1connect.ActionServiceClient.GetExecution)
}

func findExecution(ctx context.Context, server *serverFlags, r ref) (*calloutv1.Execution, error) {
	r.known = true // without an organization the instance is meant
	filter := &calloutv1.ExecutionFilter{Contains: r.name, Org: &r.org}
	if r.phase != "" {
		filter.Phases = []calloutv1.Phase{manage.PhaseNumber(r.phase)}
	}
	var found []*calloutv1.Execution
	err := eachPage(ctx, func(ctx context.Context, token string) ([]*calloutv1.Execution, string, error) {
		answer, err := ask(ctx, server, &calloutv1.ListExecutionsRequest{Instance: server.instance, Filter: filter, PageSize: pageSize, PageToken: token},
			calloutv1connect.ActionServiceClient.ListExecutions)
		return answer.GetExecutions(), answer.GetNextPageToken(), err
	}, func(page []*calloutv1.Execution) error {
		found = append(found, slices.DeleteFunc(page, func(e *calloutv1.Execution) bool { return !fits(r, e) })...)
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0:
		return nil, fmt.Errorf("no execution or list of the %s is named %q; \"callout get executions\" lists them [not_found]", scopeName(r.org), ref{phase: r.phase, name: r.name})
	case len(found) > 1:
		return nil, ambiguous(r, found)
	}
	return found[0], nil
}

// ambiguous asks which one is meant.
func ambiguous(r ref, found []*calloutv1.Execution) error {
	var names []string
	for _, e := range found {
		names = append(names, refOf(e).String())
	}
	return &usageError{errors.New(fmt.Sprintf("%q is several: ", r.name) + strings.Join(names, ", ") + "; which one?")}
}

func (p *Program) describeExecution(ctx context.Context, server *serverFlags, r ref) error {
	answer, err := getExecution(ctx, server, r)
	if err != nil {
		return err
	}
	if server.output != asTable {
		return p.print(server.output, answer)
	}
	if err := p.say("%s", executionText(answer)); err != nil {
		return err
	}
	e := answer.GetExecution()
	if e.GetPhase() != calloutv1.Phase_PHASE_EVENT || e.GetCondition() == "" {
		return nil
	}
	return p.linesOf(ctx, server, func(s *calloutv1.Subscription) bool {
		return s.GetOrg() == e.GetOrg() && s.GetCondition() == e.GetCondition()
	})
}

func executionText(answer *calloutv1.GetExecutionResponse) string {
	e := answer.GetExecution()
	var f facts
	f.add("phase", string(manage.PhaseWord(e.GetPhase())))
	if e.GetCondition() == "" {
		f.add("condition", "none: it is a list, which others include")
	}
	f.add("condition", e.GetCondition())
	if e.GetName() != e.GetCondition() {
		f.add("name", e.GetName())
	}
	f.add("of", scopeName(e.GetOrg()))
	f.list("targets", entryTexts(e.GetTargets()))
	if len(e.GetTargets()) == 0 {
		f.add("targets", "none")
	}
	f.add("on unavailable", e.GetOnUnavailable())
	f.add("on exhausted", e.GetOnExhausted())
	f.add("applies", e.GetApplies())
	f.add("stands at most", durationText(e.GetMaxStop()))
	f.list("used by", answer.GetUsedBy())
	f.add("belongs to the file", e.GetFile())
	f.add("id", e.GetId())
	f.add("etag", e.GetEtag())
	f.add("created", timeText(e.GetCreateTime()))
	f.add("changed", timeText(e.GetUpdateTime()))
	f.add("revision", fmt.Sprint(answer.GetRevision()))
	return f.String()
}
