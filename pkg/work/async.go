package work

import (
	"context"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
)

// asyncJob is the job of a delivery that needs no matching: one for an async
// target of a call, or a dead letter that is sent again. A target that has
// left the catalog makes it a dead letter.
func (w *Worker) asyncJob(ctx context.Context, d *bus.Delivery) (*job, error) {
	now, err := w.catalogs.AtLeast(ctx, d.Line.Instance, 0)
	if err != nil {
		return nil, err
	}
	j := &job{id: d.AsyncID, owner: d.Line.Owner, phase: action.Phase(d.Phase), name: d.Phase,
		sequence: d.Sequence, revision: now.Revision()}
	target := d.Line.Target
	if again := d.Letter; again != nil {
		j.id, j.owner, j.phase, j.name, j.sequence = again.DeliveryID, again.Owner, again.Phase, again.EventType, again.Sequence
		j.match, target = again.Match, again.Target
	}
	if j.target = targetIn(now, j.owner, target); j.target != nil {
		return j, nil
	}
	if j.target, j.left, err = w.departed(ctx, d, now); err != nil || j.target != nil {
		return j, err
	}
	j.target = &action.Target{Name: target}
	j.refused = action.NewError(action.CodeNoTarget, action.StageCatalog, "").WithTarget(target)
	return j, nil
}
