package manage

import (
	"context"
	"errors"
	"fmt"

	"connectrpc.com/connect"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/catalog"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// CreateTarget makes a target, and shows its signing key this once.
func (s *Service) CreateTarget(ctx context.Context, req *connect.Request[calloutv1.CreateTargetRequest]) (*connect.Response[calloutv1.CreateTargetResponse], error) {
	wanted := req.Msg.GetTarget()
	if wanted == nil {
		return nil, missing("target", "a target is needed")
	}
	place := targetAt(wanted.GetOrg(), wanted.GetName())
	t, reading := readTarget(place.Org, place.Name, wanted)
	about := &subject{place: place, field: "target", reading: reading}
	answer := &calloutv1.CreateTargetResponse{}
	var made []bus.NewSecret
	done, err := s.edit(ctx, edit{instance: orDefault(req.Msg.GetInstance()), source: "api CreateTarget", request: req.Msg.GetRequestId(),
		dryRun: req.Msg.GetDryRun(), about: about, made: &made, make: func(_ context.Context, current *catalog.Snapshot) (*catalog.Snapshot, error) {
			if hasTarget(current, place) {
				return nil, action.NewError(action.CodeAlreadyExists, action.StageCatalog, fmt.Sprintf("there is a target %q already", place.Name)).
					WithField("target.name").WithTarget(place.Name)
			}
			next := current.WithTarget(place.Org, t)
			doubts, err := about.check(next)
			answer.Warnings = warnings(doubts)
			return next, err
		}})
	if err != nil {
		return nil, err
	}
	if done.repeated && (!hasTarget(done.is, place) || hasTarget(done.was, place)) {
		return nil, anotherRequest(done, place)
	}
	answer.Target, answer.Revision = s.target(done.is, place), done.revision
	switch {
	case req.Msg.GetDryRun() || t.SigningKey != (action.KeySource{}):
	case len(made) > 0:
		answer.SigningKey = made[0].Key
	default:
		var sealed bool
		if answer.SigningKey, sealed, err = s.madeKey(ctx, done.is, place); sealed {
			answer.Warnings = append(answer.Warnings, "target.signing_key: it was shown in the answer to this request before, and nobody can read it again; RotateTargetKey makes another one")
		}
	}
	return connect.NewResponse(answer), err
}

// madeKey gives the signing key of a target that was made by this request before,
// whatever its name is by now; none when it is gone, or its key is sealed.
func (s *Service) madeKey(ctx context.Context, made *catalog.Snapshot, p catalog.Place) (key string, sealed bool, err error) {
	meta, _ := made.MetaOf(p.Org, p.Ref)
	m, err := s.catalog(ctx, made.Instance, made.Revision)
	if err != nil {
		return "", false, err
	}
	now, there := m.FindID(meta.ID)
	if !there {
		return "", false, nil
	}
	key, err = s.engine(made.Instance).SigningKey(ctx, now.Org, now.Name)
	return key, err == nil && key == "", err
}

// GetTarget gives one target and says what names it.
func (s *Service) GetTarget(ctx context.Context, req *connect.Request[calloutv1.GetTargetRequest]) (*connect.Response[calloutv1.GetTargetResponse], error) {
	m, err := s.catalog(ctx, req.Msg.GetInstance(), req.Msg.GetMinRevision())
	if err != nil {
		return nil, err
	}
	place, err := targetMeant(m.Snapshot(), req.Msg, m.FindID)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&calloutv1.GetTargetResponse{
		Target: s.target(m.Snapshot(), place), Revision: m.Revision(), UsedBy: texts(m.Snapshot().UsedBy(place), catalog.Place.String),
	}), nil
}

// UpdateTarget changes a target, or some fields of it.
func (s *Service) UpdateTarget(ctx context.Context, req *connect.Request[calloutv1.UpdateTargetRequest]) (*connect.Response[calloutv1.UpdateTargetResponse], error) {
	change, err := newTargetChange(req.Msg)
	if err != nil {
		return nil, err
	}
	answer := &calloutv1.UpdateTargetResponse{}
	e := edit{instance: orDefault(req.Msg.GetInstance()), source: "api UpdateTarget", request: req.Msg.GetRequestId(),
		dryRun: req.Msg.GetDryRun(), about: &change.subject, make: change.make}
	if _, err := s.catalog(ctx, e.instance, 0); err != nil {
		return nil, err
	}
	done, err := s.edit(ctx, e)
	if err != nil {
		return nil, err
	}
	if done.repeated {
		if change.place, err = targetMeant(done.is, change, done.is.FindID); err != nil {
			return nil, anotherRequest(done, targetAt(change.GetOrg(), change.GetName()))
		}
	}
	answer.Target, answer.Revision = s.target(done.is, change.place), done.revision
	answer.Changed, answer.Warnings = done.repeated || done.is != done.was, warnings(change.doubts)
	return connect.NewResponse(answer), nil
}

// whichTarget says which target is meant.
type whichTarget interface {
	GetOrg() string
	GetName() string
	GetId() string
}

// targetMeant finds the target that a request means, by one of name and id.
func targetMeant(c *catalog.Snapshot, which whichTarget, byID func(id string) (catalog.Place, bool)) (catalog.Place, error) {
	switch id := which.GetId(); {
	case id != "" && which.GetName() != "":
		return catalog.Place{}, badField("id", "one of name and id says which target is meant, not both")
	case id == "":
		_, err := c.FindTarget(which.GetOrg(), which.GetName())
		return targetAt(which.GetOrg(), which.GetName()), notFoundAt(err, "name")
	default:
		place, ok := byID(id)
		if !ok || place.Phase != "" || place.Org != which.GetOrg() {
			hint := ""
			if ok && place.Phase == "" && which.GetOrg() == "" { // an organization is told of no other
				hint = "; another scope has it"
			}
			return place, action.NewError(action.CodeNotFound, action.StageCatalog, fmt.Sprintf("no target has the id %q%s", id, hint)).WithField("id")
		}
		return place, nil
	}
}

func targetAt(org, name string) catalog.Place {
	return catalog.Place{Org: org, Ref: catalog.Ref{Name: name}}
}

func hasTarget(c *catalog.Snapshot, p catalog.Place) bool {
	sc := c.Scopes[p.Org]
	if sc == nil {
		return false
	}
	_, ok := sc.Targets[p.Name]
	return ok
}

// notFoundAt names the field of what was not found.
func notFoundAt(err error, field string) error {
	var of *action.Error
	if errors.As(err, &of) && of.Code == action.CodeNotFound {
		return of.WithField(field)
	}
	return err
}

// within puts the field of an error into a field of the request.
func within(field string, err error) error {
	var of *action.Error
	if errors.As(err, &of) && of.Field != "" {
		return of.WithField(field + "." + of.Field)
	}
	return err
}

func warnings(doubts []catalog.Problem) []string {
	return texts(doubts, func(p catalog.Problem) string { return p.Path + ": " + p.Message })
}

// sameEtag tells whether an etag that was given, if any, is the one in force.
func sameEtag(given, inForce, what, field string) error {
	if given == "" || given == inForce {
		return nil
	}
	return action.NewError(action.CodeConflict, action.StageCatalog,
		fmt.Sprintf("%s was changed: its etag is %s, not %q", what, inForce, given)).WithField(field)
}
