package zitadel

import (
	"context"
	"errors"
	"slices"

	"connectrpc.com/connect"

	"github.com/callout-hq/callout/pkg/action"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

const (
	// maxTurns is how often something is tried again because the configuration
	// was changed meanwhile.
	maxTurns = 20
	// maxPage is what the service gives at once, and how many names or ids one
	// filter of it takes.
	maxPage = 1000
)

// errAgain asks for another turn.
var errAgain = action.NewError(action.CodeConflict, action.StageCatalog, "the configuration is being changed by others; try again")

// inTurns does something again when somebody else changed the configuration
// while it was at it.
func (f *face) inTurns(ctx context.Context, do func() error) error {
	var err error
	for range maxTurns {
		if err = do(); !f.is(err, action.CodeConflict) && !errors.Is(err, errAgain) || ctx.Err() != nil {
			return err
		}
	}
	return err
}

// reading asks the service several questions that are answered from one
// revision; when there is another one meanwhile the error is errAgain.
type reading struct {
	service  lists
	caller   caller
	revision uint64 // of the answers so far; 0 before the first
}

// lists is what is read of the service.
type lists interface {
	ListTargets(context.Context, *connect.Request[calloutv1.ListTargetsRequest]) (*connect.Response[calloutv1.ListTargetsResponse], error)
	ListExecutions(context.Context, *connect.Request[calloutv1.ListExecutionsRequest]) (*connect.Response[calloutv1.ListExecutionsResponse], error)
}

func (f *face) reading(c caller) *reading { return &reading{service: f.service, caller: c} }

func (r *reading) from(revision uint64) error {
	if r.revision == 0 {
		r.revision = revision
	}
	if r.revision != revision {
		return errAgain
	}
	return nil
}

// targets gives the targets of the instance that a filter lets through.
func (r *reading) targets(ctx context.Context, filter *calloutv1.TargetFilter) ([]*calloutv1.Target, error) {
	filter.Org = new(string) // the instance's own
	return everyPage(func(token string) ([]*calloutv1.Target, string, error) {
		answer, err := r.service.ListTargets(ctx, connect.NewRequest(&calloutv1.ListTargetsRequest{
			Instance: r.caller.instance, Filter: filter, PageSize: maxPage, PageToken: token, MinRevision: r.caller.minRevision}))
		if err != nil {
			return nil, "", err
		}
		return answer.Msg.GetTargets(), answer.Msg.GetNextPageToken(), r.from(answer.Msg.GetRevision())
	})
}

// executions gives the executions and lists of the instance that a filter lets
// through.
func (r *reading) executions(ctx context.Context, filter *calloutv1.ExecutionFilter) ([]*calloutv1.Execution, error) {
	filter.Org = new(string)
	return everyPage(func(token string) ([]*calloutv1.Execution, string, error) {
		answer, err := r.service.ListExecutions(ctx, connect.NewRequest(&calloutv1.ListExecutionsRequest{
			Instance: r.caller.instance, Filter: filter, PageSize: maxPage, PageToken: token, MinRevision: r.caller.minRevision}))
		if err != nil {
			return nil, "", err
		}
		return answer.Msg.GetExecutions(), answer.Msg.GetNextPageToken(), r.from(answer.Msg.GetRevision())
	})
}

// byID gives the names of targets, by id. Those that are not there are left
// out.
func (r *reading) byID(ctx context.Context, ids []string) (map[string]string, error) {
	out := map[string]string{}
	for some := range slices.Chunk(distinct(ids), maxPage) {
		found, err := r.targets(ctx, &calloutv1.TargetFilter{Ids: some})
		if err != nil {
			return nil, err
		}
		for _, t := range found {
			out[t.GetId()] = t.GetName()
		}
	}
	return out, nil
}

// byName gives the ids of targets, by name.
func (r *reading) byName(ctx context.Context, names []string) (map[string]string, error) {
	out := map[string]string{}
	for some := range slices.Chunk(distinct(names), maxPage) {
		found, err := r.targets(ctx, &calloutv1.TargetFilter{Names: some})
		if err != nil {
			return nil, err
		}
		for _, t := range found {
			out[t.GetName()] = t.GetId()
		}
	}
	return out, nil
}

func distinct(all []string) []string { return slices.Compact(slices.Sorted(slices.Values(all))) }

// everyPage reads a list to its end, by the token of each page.
func everyPage[T any](read func(token string) (page []T, next string, err error)) ([]T, error) {
	all, token, err := read("")
	for err == nil && token != "" {
		var page []T
		page, token, err = read(token)
		all = append(all, page...)
	}
	return all, err
}
