package manage

import (
	"context"
	"fmt"

	"connectrpc.com/connect"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// Apply puts a configuration in force, or tells what it would change.
func (s *Service) Apply(ctx context.Context, req *connect.Request[calloutv1.ApplyRequest]) (*connect.Response[calloutv1.ApplyResponse], error) {
	text, doubts := catalog.ParseFor(req.Msg.GetInstance(), req.Msg.GetFile(), []byte(req.Msg.GetConfiguration()))
	if text == nil {
		return nil, &badCatalog{problems: doubts}
	}
	answer := &calloutv1.ApplyResponse{Instance: text.Instance, Problems: problems(doubts)}
	edit := func(current *catalog.Snapshot) (*catalog.Snapshot, error) {
		if wanted := req.Msg.GetIfRevision(); wanted != 0 && wanted != current.Revision {
			return nil, action.NewError(action.CodeConflict, action.StageCatalog,
				fmt.Sprintf("the configuration is at revision %d, not %d", current.Revision, wanted)).WithField("if_revision")
		}
		next, err := planned(current, text, req.Msg.GetPrune())
		if err == nil {
			answer.Changes = changes(catalog.Diff(current, next))
		}
		return next, err
	}
	var err error
	if req.Msg.GetDryRun() {
		err = s.dryRun(ctx, answer, edit)
	} else {
		var before uint64
		before, answer.Revision, err = s.engine.Edit(ctx, text.Instance, edit)
		answer.Changed = before != answer.Revision
	}
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(answer), nil
}

// planned is the catalog that a configuration leads to. With prune it is the
// configuration's own; without, what is not named stays, and both together are
// checked again.
func planned(current, text *catalog.Snapshot, prune bool) (*catalog.Snapshot, error) {
	if prune {
		return text, nil
	}
	next := catalog.MergeInto(current, text)
	if found := catalog.Validate(next); catalog.HasErrors(found) {
		return nil, &badCatalog{problems: found}
	}
	return next, nil
}

// dryRun compares with what is in force here. An instance that is not there
// would be made.
func (s *Service) dryRun(ctx context.Context, answer *calloutv1.ApplyResponse, edit func(*catalog.Snapshot) (*catalog.Snapshot, error)) error {
	current := catalog.Empty(answer.GetInstance())
	m, err := s.engine.Catalog(ctx, answer.GetInstance(), 0)
	switch {
	case err == nil:
		current = m.Snapshot()
	case action.CodeOf(err) != action.CodeUnknownInstance:
		return err
	}
	answer.Revision = current.Revision
	if _, err := edit(current); err != nil {
		return err
	}
	answer.Changed = m == nil || len(answer.GetChanges()) > 0
	return nil
}

// Export gives the configuration in force as a text.
func (s *Service) Export(ctx context.Context, req *connect.Request[calloutv1.ExportRequest]) (*connect.Response[calloutv1.ExportResponse], error) {
	m, err := s.catalog(ctx, req.Msg.GetInstance(), req.Msg.GetMinRevision())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&calloutv1.ExportResponse{
		Instance: m.Instance(), Revision: m.Revision(), Configuration: string(catalog.Export(m.Snapshot())),
	}), nil
}

// GetRevision tells the revision in force.
func (s *Service) GetRevision(ctx context.Context, req *connect.Request[calloutv1.GetRevisionRequest]) (*connect.Response[calloutv1.GetRevisionResponse], error) {
	m, err := s.catalog(ctx, req.Msg.GetInstance(), req.Msg.GetMinRevision())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&calloutv1.GetRevisionResponse{Instance: m.Instance(), Revision: m.Revision()}), nil
}
