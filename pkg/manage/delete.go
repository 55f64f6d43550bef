package manage

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"connectrpc.com/connect"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/jobs"
	"github.com/callout-hq/callout/pkg/catalog"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// DeleteTarget removes a target.
func (s *Service) DeleteTarget(ctx context.Context, req *connect.Request[calloutv1.DeleteTargetRequest]) (*connect.Response[calloutv1.DeleteTargetResponse], error) {
	d := deletion{service: s, instance: orDefault(req.Msg.GetInstance()), waiting: req.Msg.GetWaiting(), dryRun: req.Msg.GetDryRun(), wait: req.Msg.Wait} //nolint:protogetter // whether it is set counts
	revision, err := d.run(ctx, "api DeleteTarget", req.Msg.GetRequestId(), func(ctx context.Context, current *catalog.Snapshot) (*catalog.Snapshot, error) {
		place, err := targetMeant(current, req.Msg, current.FindID)
		if err != nil {
			return nil, err
		}
		t := current.Scopes[place.Org].Targets[place.Name]
		if err := sameEtag(req.Msg.GetEtag(), catalog.Etag(t), "the target", "etag"); err != nil {
			return nil, err
		}
		next := current
		if used := current.UsedBy(place); len(used) > 0 && !req.Msg.GetForce() {
			return nil, stillUsed("target", place, used)
		} else if len(used) > 0 {
			next = current.WithoutUses(place)
		}
		_, paused := s.engine(current.Instance).Paused(place.Org, place.Name)
		d.paused = paused || t.Paused
		return next.WithoutTarget(place.Org, place.Name), d.ask(ctx, "target "+place.Name, catalog.Line{Owner: place.Org, Target: place.Name})
	})
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&calloutv1.DeleteTargetResponse{Revision: revision, Discarded: d.discarded, Job: d.shown()}), nil
}

// DeleteExecution removes an execution, or a list that nothing includes.
func (s *Service) DeleteExecution(ctx context.Context, req *connect.Request[calloutv1.DeleteExecutionRequest]) (*connect.Response[calloutv1.DeleteExecutionResponse], error) {
	d := deletion{service: s, instance: orDefault(req.Msg.GetInstance()), waiting: req.Msg.GetWaiting(), dryRun: req.Msg.GetDryRun(), wait: req.Msg.Wait} //nolint:protogetter // whether it is set counts
	revision, err := d.run(ctx, "api DeleteExecution", req.Msg.GetRequestId(), func(ctx context.Context, current *catalog.Snapshot) (*catalog.Snapshot, error) {
		place, e, err := executionMeant(current, req.Msg)
		if err != nil {
			return nil, err
		}
		what := "execution"
		if e.IsList() {
			what = "list"
		}
		if err := sameEtag(req.Msg.GetEtag(), catalog.Etag(e), "the "+what, "etag"); err != nil {
			return nil, err
		}
		if used := current.UsedBy(place); len(used) > 0 {
			return nil, stillUsed(what, place, used)
		}
		next := current.WithoutExecution(place)
		if place.Phase != action.OnEvent || e.IsList() {
			return next, nil
		}
		return next, d.ask(ctx, "execution "+e.Match, catalog.Line{Org: place.Org, Condition: action.Condition{Phase: place.Phase, Match: e.Match}})
	})
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&calloutv1.DeleteExecutionResponse{Revision: revision, Discarded: d.discarded, Job: d.shown()}), nil
}

// deletion takes something out of the catalog, and looks after what waits for
// it.
type deletion struct {
	service   *Service
	instance  string
	waiting   calloutv1.Waiting
	dryRun    bool
	wait      *bool
	paused    bool     // it is a target that is not called
	repeated  bool     // it was done before
	job       jobs.Job // of what waits for it; without an id there is none
	discarded uint64
}

// run makes the edit, which begins the job of what waits. The same request once
// more waits for the same job.
func (d *deletion) run(ctx context.Context, source, request string, remove func(context.Context, *catalog.Snapshot) (*catalog.Snapshot, error)) (uint64, error) {
	if _, known := calloutv1.Waiting_name[int32(d.waiting)]; !known {
		return 0, badField("waiting", "what waits is drained or discarded, or the delete is refused when anything does")
	}
	if _, err := d.service.catalog(ctx, d.instance, 0); err != nil {
		return 0, err
	}
	done, err := d.service.edit(ctx, edit{instance: d.instance, source: source, request: request, dryRun: d.dryRun, make: remove, job: &d.job})
	if err != nil {
		return 0, err
	}
	if done.repeated { // it was removed then, and is asked of the catalog that had it
		d.repeated = true
		if _, err := remove(ctx, done.was); err != nil {
			return 0, anotherDelete(err)
		}
		if d.job, err = d.jobThen(ctx, done.job); err != nil {
			return 0, err
		}
	}
	if d.job.ID == "" || d.waiting != calloutv1.Waiting_WAITING_DISCARD {
		return done.revision, nil
	}
	d.job, err = d.service.await(ctx, d.instance, d.job, d.wait)
	d.discarded = d.job.Done
	return done.revision, err
}

// jobThen is the job that a request began which was answered before; one that
// ended long ago is not kept.
func (d *deletion) jobThen(ctx context.Context, id string) (jobs.Job, error) {
	if id == "" {
		return jobs.Job{}, nil
	}
	j, err := d.service.jobNow(ctx, d.instance, id)
	if action.CodeOf(err) == action.CodeNotFound {
		return jobs.Job{}, nil
	}
	return j, err
}

// shown is the job as it goes over the wire; nil when there is none.
func (d *deletion) shown() *calloutv1.Job {
	if d.job.ID == "" {
		return nil
	}
	return job(d.job)
}

func anotherDelete(err error) error {
	if action.CodeOf(err) == action.CodeNotFound {
		return badField("request_id", "the request id was used already, and removed something else")
	}
	return err
}

// ask refuses a delete that leaves open what becomes of what waits, when
// anything does. A target that is paused cannot be drained: once it is gone
// nobody can resume it.
func (d *deletion) ask(ctx context.Context, about string, lines catalog.Line) error {
	if place := cmp.Or(lines.Owner, lines.Org); place != "" {
		about += " of " + place
	}
	d.job = jobs.Job{Job: action.Job{About: about}, Gone: lines}
	drains, discards := d.waiting == calloutv1.Waiting_WAITING_DRAIN, d.waiting == calloutv1.Waiting_WAITING_DISCARD
	switch {
	case d.repeated:
		return nil
	case discards && !d.dryRun:
		d.job.Kind = action.JobDiscard
		return nil
	case drains && !d.paused:
		d.job.Kind = action.JobDrain
		return nil
	}
	n, err := d.service.engine(d.instance).Waiting(ctx, lines)
	if err != nil || n == 0 {
		return err
	}
	waits, way := count(n, "event waits", "events wait")+" for it", "let them be delivered (drain), make dead letters of them (discard), or wait until they are delivered"
	switch {
	case discards:
		d.discarded = n
		return nil
	case drains:
		way = "it is paused, so they cannot be delivered: resume it first, or make dead letters of them (discard)"
	}
	return action.NewError(action.CodeEventsWaiting, action.StageCatalog, waits+": "+way).WithField("waiting")
}

func count(n uint64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// maxPlaces is how many places an error names.
const maxPlaces = 10

// stillUsed is the error of a delete of something that is named elsewhere.
func stillUsed(what string, p catalog.Place, used []catalog.Place) error {
	words := texts(used[:min(len(used), maxPlaces)], catalog.Place.String)
	more := ""
	if n := len(used) - maxPlaces; n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	err := action.NewError(action.CodeStillUsed, action.StageCatalog,
		fmt.Sprintf("the %s %q is used in %s: %s%s", what, p.Name, count(uint64(len(used)), "place", "places"), strings.Join(words, ", "), more))
	if p.Phase == "" {
		return err.WithTarget(p.Name)
	}
	return err
}
