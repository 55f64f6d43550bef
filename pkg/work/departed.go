package work

import (
	"context"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/catalog"
)

// definition is how the target of an event is called: in its newest form,
// whatever its name is by now. left is its id if it is no longer configured: what
// waited for it is delivered as it was configured last.
func (w *Worker) definition(ctx context.Context, l bus.Line, now, then *catalog.Matcher) (t *action.Target, left string, err error) {
	id := idIn(then, l.Owner, l.Target)
	if t = targetIn(now, l.Owner, l.Target); t != nil && idIn(now, l.Owner, l.Target) == id {
		return t, "", nil
	}
	if t = byID(now, l.Owner, id); t != nil {
		return t, "", nil
	}
	last, err := w.lastOf(ctx, l)
	if err != nil {
		return nil, "", err
	}
	for _, m := range []*catalog.Matcher{last, then} {
		if t = targetIn(m, l.Owner, l.Target); t != nil && idIn(m, l.Owner, l.Target) == id {
			return t, id, nil
		}
	}
	return &action.Target{Name: l.Target}, id, nil // cannot be: the catalog it matched in has it
}

// departed finds the target of a delivery that needs no matching when none of
// its name is configured any more: it may have another name by now, or its line
// drains and it is called as it was last. A dead letter that is sent again has
// no line, and only the first will do. It is nil when there is none.
func (w *Worker) departed(ctx context.Context, d *bus.Delivery, now *catalog.Matcher) (t *action.Target, left string, err error) {
	if again := d.Letter; again != nil {
		if again.Phase != action.OnEvent {
			return nil, "", nil
		}
		then, _, err := w.catalogs.InForce(ctx, d.Line.Instance, again.Sequence)
		if err != nil {
			return nil, "", err
		}
		return byID(now, again.Owner, idIn(then, again.Owner, again.Target)), "", nil
	}
	last, err := w.lastOf(ctx, d.Line)
	if err != nil || last == nil {
		return nil, "", err
	}
	id := idIn(last, d.Line.Owner, d.Line.Target)
	if t = byID(now, d.Line.Owner, id); t != nil {
		return t, "", nil
	}
	return targetIn(last, d.Line.Owner, d.Line.Target), id, nil
}

// lastOf gives the catalog that was in force just before a line began to drain,
// which is the last one that needed it; nil when it does not drain.
func (w *Worker) lastOf(ctx context.Context, l bus.Line) (*catalog.Matcher, error) {
	line, found, err := w.bus.LineNow(ctx, l.Instance, l.Name)
	if err != nil || !found || line.DrainTo == 0 {
		return nil, err
	}
	m, _, err := w.catalogs.InForce(ctx, l.Instance, line.DrainTo-1)
	return m, err
}

// keysOf gives the keys that the requests of a job are signed with. Those of a
// target that has left are kept under its id: another may have its name.
func (w *Worker) keysOf(ctx context.Context, instance string, j *job) ([]string, error) {
	if j.left == "" {
		return w.keys.get(ctx, instance, j.owner, j.target.Name)
	}
	key, err := w.bus.DepartedKey(ctx, instance, j.owner, j.left)
	if err == nil && key == "" {
		err = action.NewError(action.CodeInternal, action.StageInvoke, "the target has left, and its signing key is not kept").WithTarget(j.target.Name)
	}
	return []string{key}, err
}

func targetIn(m *catalog.Matcher, owner, name string) *action.Target {
	if m == nil {
		return nil
	}
	if scope := m.Snapshot().Scopes[owner]; scope != nil {
		if t, ok := scope.Targets[name]; ok {
			return &t
		}
	}
	return nil
}

func idIn(m *catalog.Matcher, owner, name string) string {
	meta, _ := m.Snapshot().MetaOf(owner, catalog.Ref{Name: name})
	return meta.ID
}

// byID finds a target by its id, if it still has that owner.
func byID(m *catalog.Matcher, owner, id string) *action.Target {
	if id == "" {
		return nil
	}
	place, ok := m.FindID(id)
	if !ok || place.Org != owner || place.Phase != "" {
		return nil
	}
	return targetIn(m, owner, place.Name)
}
