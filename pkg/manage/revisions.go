package manage

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"connectrpc.com/connect"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// ListRevisions gives the history of an instance's configuration.
func (s *Service) ListRevisions(ctx context.Context, req *connect.Request[calloutv1.ListRevisionsRequest]) (*connect.Response[calloutv1.ListRevisionsResponse], error) {
	size, err := pageSize(req.Msg.GetPageSize())
	if err != nil {
		return nil, err
	}
	var before uint64
	if token := req.Msg.GetPageToken(); token != "" {
		if before, err = strconv.ParseUint(token, 10, 64); err != nil || before == 0 {
			return nil, badField("page_token", "the page token is not one of an answer before")
		}
	}
	found, err := s.engine(orDefault(req.Msg.GetInstance())).History(ctx, before, size)
	if err != nil {
		return nil, err
	}
	answer := &calloutv1.ListRevisionsResponse{Revisions: revisions(found)}
	if len(found) == size {
		last := found[size-1].Revision
		if more, err := s.engine(orDefault(req.Msg.GetInstance())).History(ctx, last, 1); err != nil {
			return nil, err
		} else if len(more) > 0 {
			answer.NextPageToken = strconv.FormatUint(last, 10)
		}
	}
	return connect.NewResponse(answer), nil
}

// DiffRevisions tells what changed between two revisions.
func (s *Service) DiffRevisions(ctx context.Context, req *connect.Request[calloutv1.DiffRevisionsRequest]) (*connect.Response[calloutv1.DiffRevisionsResponse], error) {
	m, err := s.catalog(ctx, req.Msg.GetInstance(), 0)
	if err != nil {
		return nil, err
	}
	answer := &calloutv1.DiffRevisionsResponse{From: req.Msg.GetFrom(), To: req.Msg.GetTo()}
	if answer.GetTo() == 0 {
		answer.To = m.Revision()
	}
	to, err := s.catalogAt(ctx, m.Instance(), answer.GetTo())
	if err != nil {
		return nil, notFoundAt(err, "to")
	}
	if answer.GetFrom() == 0 {
		made, err := s.engine(m.Instance()).History(ctx, answer.GetTo()+1, 1)
		if err != nil {
			return nil, err
		}
		if len(made) > 0 && made[0].Revision == answer.GetTo() {
			answer.From = made[0].Before
		}
	}
	from, err := s.catalogAt(ctx, m.Instance(), answer.GetFrom())
	if err != nil {
		return nil, notFoundAt(err, "from")
	}
	answer.Changes = changes(from, to)
	return connect.NewResponse(answer), nil
}

// Rollback puts the objects of an earlier revision in force again.
func (s *Service) Rollback(ctx context.Context, req *connect.Request[calloutv1.RollbackRequest]) (*connect.Response[calloutv1.RollbackResponse], error) {
	instance, revision := orDefault(req.Msg.GetInstance()), req.Msg.GetRevision()
	if _, err := s.catalog(ctx, instance, 0); revision == 0 && action.CodeOf(err) != action.CodeUnreadable {
		// Revision 0 is empty, and a way out when nothing can be read.
		return nil, badField("revision", "the revision to go back to is needed")
	}
	old, err := s.engine(instance).CatalogAt(ctx, revision)
	if err != nil {
		return nil, notFoundAt(err, "revision")
	}
	done, err := s.edit(ctx, edit{instance: instance, source: fmt.Sprintf("rollback to %d", revision), request: req.Msg.GetRequestId(),
		dryRun: req.Msg.GetDryRun(), make: func(_ context.Context, current *catalog.Snapshot) (*catalog.Snapshot, error) {
			if err := atRevision(current, req.Msg.GetIfRevision()); err != nil {
				return nil, err
			}
			return &catalog.Snapshot{Instance: instance, Scopes: old.Scopes}, nil
		}})
	if err != nil {
		return nil, err
	}
	found := changes(done.was, done.is)
	return connect.NewResponse(&calloutv1.RollbackResponse{Revision: done.revision, Changed: len(found) > 0, Changes: found}), nil
}

// WatchRevisions tells of each revision that comes into force, until the client
// goes away.
func (s *Service) WatchRevisions(ctx context.Context, req *connect.Request[calloutv1.WatchRevisionsRequest], stream *connect.ServerStream[calloutv1.WatchRevisionsResponse]) error {
	leave, err := s.watches.enter(req.Peer().Addr, orDefault(req.Msg.GetInstance()))
	if err != nil {
		return err
	}
	defer leave()
	err = s.engine(orDefault(req.Msg.GetInstance())).Watch(ctx, 0, func(r action.Revision) error {
		return inTime(ctx, func() error {
			return stream.Send(&calloutv1.WatchRevisionsResponse{Revision: revision(r)})
		})
	})
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil // the client has gone
	}
	return err
}

func revisions(found []action.Revision) []*calloutv1.Revision {
	var out []*calloutv1.Revision
	for _, r := range found {
		out = append(out, revision(r))
	}
	return out
}

func revision(r action.Revision) *calloutv1.Revision {
	return &calloutv1.Revision{Revision: r.Revision, CreateTime: moment(r.Made), Source: r.Source,
		Added: uint32(r.Added), Changed: uint32(r.Changed), Removed: uint32(r.Removed)}
}
