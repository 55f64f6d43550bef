package work

import (
	"context"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/catalog"
)

// definition is how the target of an event is called: in its newest form,
// whatever its name is by now. left is its id if it is no longer configured: what
// waited for it is delivered as it was configured last.
func (w *Worker) definition(ctx context.Context, l *lines.Line, now, then *catalog.Matcher) (t *action.Target, left string, err error) {
	id := idIn(then, l.Owner, l.Target)
	if t = targetIn(now, l.Owner, l.Target); t != nil && idIn(now, l.Owner, l.Target) == id {
		return t, "", nil
	}
	if t = byID(now, l.Owner, id); t != nil {
		return t, "", nil
	}
	last, err := w.lastOf(ctx, l, now)
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

// drained finds the target of an async line when none of its name is configured
// any more: it may have another name by now, or the line drains and it is called
// as it was last. It is nil when there is none.
func (w *Worker) drained(ctx context.Context, l *lines.Line, now *catalog.Matcher) (t *action.Target, left string, err error) {
	last, err := w.lastOf(ctx, l, now)
	if err != nil || last == nil {
		return nil, "", err
	}
	id := idIn(last, l.Owner, l.Target)
	if t = byID(now, l.Owner, id); t != nil {
		return t, "", nil
	}
	return targetIn(last, l.Owner, l.Target), id, nil
}

// lastOf gives the catalog that was in force just before a line began to drain,
// which is the last one that needed it; nil when it does not drain, or when that
// catalog is not kept any more.
func (w *Worker) lastOf(ctx context.Context, l *lines.Line, now *catalog.Matcher) (*catalog.Matcher, error) {
	drainTo, err := w.ends.drainTo(ctx, l, now.Revision())
	if err != nil || drainTo == 0 {
		return nil, err
	}
	m, _, err := w.catalogs.Of(l.Instance).InForce(ctx, l.MadeAt, drainTo-1)
	switch action.CodeOf(err) {
	case action.CodeNotFound, action.CodeUnreadable:
		return nil, nil
	}
	return m, err
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

// redrivesAtOnce is how many dead letters that are sent again are worked on at once: they
// are those of all targets, and their bodies are read when they are in hand.
const redrivesAtOnce = 32

// widthOf is how many deliveries of a line are worked on at once: what its target takes,
// by the newest catalog. More would wait for the target's limit in the place of those of
// others. 0 = no number is said.
func (w *Worker) widthOf(l lines.Line) int {
	if l.Redrive {
		return redrivesAtOnce
	}
	now, err := w.catalogs.Of(l.Instance).AtLeast(context.Background(), 0) // it does not wait for that
	if err != nil {
		return 0 // its deliveries will say so
	}
	if t := targetIn(now, l.Owner, l.Target); t != nil {
		return t.Concurrency
	}
	return 0
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
