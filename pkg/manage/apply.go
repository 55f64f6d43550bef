package manage

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"connectrpc.com/connect"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/catalog/file"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// Apply puts a configuration in force, or tells what it would change.
func (s *Service) Apply(ctx context.Context, req *connect.Request[calloutv1.ApplyRequest]) (*connect.Response[calloutv1.ApplyResponse], error) {
	text, err := file.ReadText(ctx, req.Msg.GetInstance(), []file.File{{Name: req.Msg.GetFile(), Text: []byte(req.Msg.GetConfiguration())}})
	if err != nil {
		return nil, err
	}
	if err := mayApply(ctx, text); err != nil {
		return nil, err
	}
	if text.Objects() == 0 && !req.Msg.GetAllowEmpty() && !text.Flawed() {
		return nil, &badCatalog{problems: []catalog.Problem{file.NoObjects(req.Msg.GetFile())}}
	}
	answer := &calloutv1.ApplyResponse{Instance: text.Instance()}
	e := edit{instance: text.Instance(), source: "apply", request: req.Msg.GetRequestId(), dryRun: req.Msg.GetDryRun() || text.Flawed(), text: text.Named()}
	var made []bus.NewSecret
	if req.Msg.GetReturnMadeKeys() {
		e.made = &made
	}
	e.make = func(ctx context.Context, current *catalog.Snapshot) (*catalog.Snapshot, error) {
		if err := atRevision(current, req.Msg.GetIfRevision()); err != nil && !text.Flawed() {
			return nil, err
		}
		next, found := planned(current, text, req.Msg.GetPrune())
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if next == nil {
			return nil, &badCatalog{problems: found}
		}
		undeclared, err := s.undeclared(ctx, current, next)
		if err != nil {
			return next, err
		}
		answer.Problems = problems(slices.Concat(found, undeclared))
		if !e.dryRun { // who makes the edit of a text recalls
			return next, nil
		}
		return s.engine(text.Instance()).Recall(ctx, current, next)
	}
	_, unknown := s.catalog(ctx, e.instance, 0)
	done, err := s.edit(ctx, e)
	if err != nil {
		return nil, err
	}
	if done.repeated {
		_, found := planned(done.was, text, req.Msg.GetPrune())
		answer.Problems = problems(found)
	}
	if req.Msg.GetReturnMadeKeys() {
		answer.MadeKeys = &calloutv1.MadeKeys{Keys: madeKeys(made)}
	}
	answer.Revision, answer.Changes, answer.Objects = done.revision, changes(done.was, done.is), uint32(objectsOf(done.was, text.Org()))
	answer.Changed = len(answer.GetChanges()) > 0 || unknown != nil // which makes the instance
	return connect.NewResponse(answer), nil
}

// objectsOf counts the objects of a catalog, or of one organization in it.
func objectsOf(c *catalog.Snapshot, org string) int {
	if org == "" {
		return c.Objects()
	}
	count := 0
	if sc := c.Scopes[org]; sc != nil {
		sc.Each(func(catalog.Ref) { count++ })
	}
	return count
}

// planned is the catalog that a configuration leads to, nil when it has errors.
// With prune it is the configuration's own, of one organization all that this has;
// without, what is not named stays, and may be named.
func planned(current *catalog.Snapshot, text *file.Text, prune bool) (*catalog.Snapshot, []catalog.Problem) {
	switch org := text.Org(); {
	case prune && org != "":
		others := *current
		others.Scopes = maps.Clone(current.Scopes)
		delete(others.Scopes, org)
		return text.Over(&others, time.Now())
	case prune:
		return text.Alone(time.Now())
	}
	return text.Over(current, time.Now())
}

// mayApply refuses a text for an instance or an organization that who asks has nothing
// to say in: the text itself names them.
func mayApply(ctx context.Context, text *file.Text) error {
	p, err := access.From(ctx)
	if err != nil {
		return err
	}
	if at := (access.Scope{Instance: text.Instance(), Org: text.Org()}); !p.May(access.Apply, at) {
		return access.Forbidden(access.Apply, at)
	}
	return nil
}

// atRevision tells whether a revision that was given, if any, is the one in
// force.
func atRevision(current *catalog.Snapshot, wanted uint64) error {
	if wanted == 0 || wanted == current.Revision {
		return nil
	}
	return action.NewError(action.CodeConflict, action.StageCatalog,
		fmt.Sprintf("the configuration is at revision %d, not %d", current.Revision, wanted)).WithField("if_revision")
}

// Export gives a configuration as a text: the one in force, or that of an
// earlier revision.
func (s *Service) Export(ctx context.Context, req *connect.Request[calloutv1.ExportRequest]) (*connect.Response[calloutv1.ExportResponse], error) {
	m, err := s.catalog(ctx, req.Msg.GetInstance(), req.Msg.GetMinRevision())
	if err != nil {
		return nil, err
	}
	c := m.Snapshot()
	if revision := req.Msg.GetRevision(); revision != 0 {
		if c, err = s.catalogAt(ctx, m.Instance(), revision); err != nil {
			return nil, notFoundAt(err, "revision")
		}
	}
	text := file.Export(c)
	if org := req.Msg.GetOrg(); org != "" {
		text = file.ExportOrg(c, org)
	}
	return connect.NewResponse(&calloutv1.ExportResponse{Instance: c.Instance, Revision: c.Revision, Configuration: string(text)}), nil
}

// GetRevision tells the revision in force.
func (s *Service) GetRevision(ctx context.Context, req *connect.Request[calloutv1.GetRevisionRequest]) (*connect.Response[calloutv1.GetRevisionResponse], error) {
	m, err := s.catalog(ctx, req.Msg.GetInstance(), req.Msg.GetMinRevision())
	if err != nil {
		return nil, err
	}
	followed, err := s.engine(m.Instance()).Followed(ctx)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&calloutv1.GetRevisionResponse{Instance: m.Instance(), Revision: m.Revision(), FileFollowed: followed}), nil
}
