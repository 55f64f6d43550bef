package dispatch

import (
	"context"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
)

// Usage tells what there is of the instance, in numbers. One whose catalog cannot be
// read has no targets and executions here, and says why. What is missing in NATS
// counts nothing.
func (i *Instance) Usage(ctx context.Context) (u action.InstanceUsage, err error) {
	u.ID = i.ID
	m, err := i.Catalog(ctx, 0)
	switch action.CodeOf(err) {
	case "":
		u.Revision = m.Revision()
		u.Targets, u.Executions = objectsOf(m.Snapshot())
	case action.CodeUnknownInstance:
		return u, err
	default:
		u.Fault = action.ShownText(err.Error())
	}
	for name, into := range map[string]struct{ messages, bytes *uint64 }{
		i.bus.Events: {&u.Events, &u.EventBytes}, i.bus.Dead: {&u.DeadLetters, &u.DeadLetterBytes},
		i.bus.Async: {&u.Async, &u.AsyncBytes}, i.bus.Attempts: {&u.Attempts, &u.AttemptBytes},
	} {
		info, err := i.bus.State(ctx, name)
		if action.CodeOf(err) == action.CodeMissing {
			continue
		}
		if err != nil {
			return u, err
		}
		*into.messages, *into.bytes = info.State.Msgs, info.State.Bytes
		if name == i.bus.Events {
			u.Made = info.Created.UTC().Truncate(time.Millisecond)
		}
	}
	u.EventRate = i.dispatcher.came.rate(i.ID)
	if u.Flow, err = i.flow(ctx); err != nil {
		return u, err
	}
	return u, i.countWaiting(ctx, &u)
}

// flow is how much all workers do for the instance in a second, as they told last.
func (i *Instance) flow(ctx context.Context) (all action.Flow, err error) {
	workers, err := i.dispatcher.Present(ctx, action.RoleWorker)
	if code := action.CodeOf(err); code == action.CodeMissing || code == action.CodeTooLarge {
		return all, nil
	}
	for _, w := range workers {
		all.Calls += w.Flows[i.ID].Calls
		all.Delivered += w.Flows[i.ID].Delivered
	}
	return all, err
}

func objectsOf(s *catalog.Snapshot) (targets, executions int) {
	for _, sc := range s.Scopes {
		if sc == nil {
			continue
		}
		targets += len(sc.Targets)
		for _, section := range sc.Sections {
			executions += len(section)
		}
	}
	return targets, executions
}

// countWaiting counts the lines, what waits in them, and the markers among the
// events, which are none.
func (i *Instance) countWaiting(ctx context.Context, u *action.InstanceUsage) error {
	all, err := i.lines.Standings(ctx)
	if err != nil {
		return err
	}
	for _, one := range all {
		if !one.Line.Drained {
			u.Lines++
			u.Waiting += one.Pending + uint64(one.InWork)
		}
	}
	markers, err := i.revisions.Markers(ctx)
	if err != nil && action.CodeOf(err) != action.CodeMissing {
		return err
	}
	u.Events -= min(markers, u.Events)
	return nil
}
