package dispatch

import (
	"context"
	"fmt"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/lead"
	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/catalog"
)

// An instance is deleted in one direction: its root says so, from then on nobody
// knows it; whichever dispatcher hears of that, at once or when it starts, removes
// under the lead what is left, in an order of which every step can be made again,
// and what says so last.

// Create makes the instance, with nothing configured. The error is already_exists,
// or conflict while one of its name is being deleted.
func (i *Instance) Create(ctx context.Context) (revision uint64, err error) {
	deleting, err := i.revisions.Deleting(ctx)
	if err != nil {
		return 0, err
	}
	if deleting {
		return 0, action.NewError(action.CodeConflict, action.StageCatalog, "an instance of this name is being deleted: try again in a moment").WithField("instance")
	}
	_, revision, err = i.turn(ctx, edition{source: "api CreateInstance", operators: true, change: func(current *catalog.Snapshot) (*catalog.Snapshot, error) {
		if current.Revision > 0 {
			return nil, action.NewError(action.CodeAlreadyExists, action.StageCatalog, fmt.Sprintf("there is an instance %q already", i.ID)).WithField("instance")
		}
		return catalog.Empty(i.ID), nil
	}})
	return revision, err
}

// mayEdit is the error unknown_instance of an edit that would make an instance by
// the way.
func (i *Instance) mayEdit(ctx context.Context, e edition) error {
	if i.mayMake(e) || i.dispatcher.catalogs.Knows(i.ID) {
		return nil
	}
	_, set, err := i.revisions.Current(ctx)
	if err == nil && !set {
		err = action.NewError(action.CodeUnknownInstance, action.StageCatalog, "")
	}
	return err
}

// mayMake tells whether an edit may make the instance that it names.
func (i *Instance) mayMake(e edition) bool { return e.operators || i.dispatcher.makeInstances }

// Delete deletes the instance with everything of it, and tells what there was. It
// waits until all is gone; when ctx ends before, it goes on. The error is
// unknown_instance, or file_owned while a dispatcher follows a file for it.
func (i *Instance) Delete(ctx context.Context) (was action.InstanceUsage, err error) {
	if was, err = i.Usage(ctx); err != nil {
		return was, err
	}
	err = i.lead(ctx, func(ctx context.Context) error {
		followed, err := i.bus.Followed(ctx)
		if err != nil {
			return err
		}
		if followed {
			return action.NewError(action.CodeFileOwned, action.StageCatalog, "the instance belongs to a file that a dispatcher follows: start without it first").WithField("instance")
		}
		if err := lead.Held(ctx); err != nil {
			return err
		}
		return i.revisions.Delete(ctx)
	})
	if err != nil {
		return was, err
	}
	i.log.Warn().Uint64("revision", was.Revision).Uint64("events", was.Events).Msg("the instance is being deleted")
	i.dispatcher.catalogs.Remove(i.ID)
	i.dispatcher.forget(i.ID)
	done := i.dispatcher.removals.begin(i.ID)
	select {
	case <-done:
		return was, nil
	case <-ctx.Done():
		return was, action.NewError(action.CodeDeadline, action.StageStore, "the instance is being deleted, and not all of it is gone yet: that goes on").WithCause(ctx.Err())
	}
}

// isGone tells whether an instance that had a root is being deleted, or was.
func (i *Instance) isGone(ctx context.Context) bool {
	_, set, err := i.revisions.Current(ctx)
	return err == nil && !set || action.CodeOf(err) == action.CodeUnknownInstance
}

// alive is the error of an instance that is being deleted, for who leads it: nothing
// of it is touched any more but to remove it.
func (i *Instance) alive(ctx context.Context) error {
	deleting, err := i.revisions.Deleting(ctx)
	if err == nil && deleting {
		err = action.NewError(action.CodeUnknownInstance, action.StageCatalog, "the instance is being deleted")
	}
	return err
}

// deleted hears that an instance is being deleted, or was.
func (d *Dispatcher) deleted(id string) {
	d.removals.begin(id)
}

// removeAgain is how soon a removal is tried again that something held up.
const removeAgain = time.Second

// remove removes what is left of an instance that is being deleted, until nothing is
// or ctx ends. All dispatchers do so: who comes second finds nothing.
func (d *Dispatcher) remove(ctx context.Context, id string) {
	i := d.Instance(id)
	for ctx.Err() == nil {
		err := lead.Run(ctx, i.bus, i.removeAll)
		d.forget(id)
		if err == nil {
			return
		}
		if ctx.Err() == nil {
			i.log.Debug().Err(err).Msg("the instance is not deleted yet")
		}
		select {
		case <-ctx.Done():
		case <-time.After(removeAgain):
		}
	}
}

// heardFor is how long cores take at most to hear that nothing is configured.
const heardFor = 2500 * time.Millisecond

// removeAll removes everything of the instance; who calls it holds the lead. What is
// in the hands of a worker ends with the lease it has: no heartbeat is confirmed
// when its stream is gone. Then what it has still written is removed too.
func (i *Instance) removeAll(ctx context.Context) error {
	if deleting, err := i.revisions.Deleting(ctx); err != nil || !deleting {
		return err
	}
	lease, err := i.bus.AskedAckWait(ctx)
	if err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{
		i.revisions.EmptyConditions, i.bus.RemoveLines, i.bus.RemoveStreams, i.rests(max(lease, heardFor)), i.bus.RemoveStreams, i.revisions.RemoveKeys,
		i.revokeTokens, i.revisions.Deleted,
	} {
		if err := lead.Held(ctx); err != nil {
			return err
		}
		if err := step(ctx); err != nil {
			return err
		}
	}
	i.log.Warn().Msg("the instance is deleted")
	return nil
}

// rests waits.
func (*Instance) rests(d time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(d):
			return nil
		}
	}
}

// forget drops what this dispatcher knows of an instance that was deleted. One that
// is made again has a door of its own.
func (d *Dispatcher) forget(id string) {
	if d.catalogs.Knows(id) { // it was made again
		return
	}
	if known, ok := d.instances.LoadAndDelete(id); ok {
		known.(*Instance).ensured.Store(false)
	}
	d.health.forget(id)
	d.led.forget(id)
	d.typings.forget(id)
	d.misfits.Range(func(k, _ any) bool {
		if k.(lines.Key).Instance == id {
			d.misfits.Delete(k)
		}
		return true
	})
}
