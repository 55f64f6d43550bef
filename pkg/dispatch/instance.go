package dispatch

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/rs/zerolog"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/attempts"
	"github.com/callout-hq/callout/pkg/bus/jobs"
	"github.com/callout-hq/callout/pkg/bus/lead"
	"github.com/callout-hq/callout/pkg/bus/letters"
	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/bus/revisions"
	"github.com/callout-hq/callout/pkg/catalog"
)

// Instance is one instance as a dispatcher looks after it: its catalog, its
// lines and its dead letters. What one of them does holds up no other. All
// methods may be called from any goroutine. Errors are *action.Error, among them
// unknown_instance.
type Instance struct {
	ID         string
	dispatcher *Dispatcher
	log        zerolog.Logger
	bus        bus.Instance
	lines      lines.Lines
	letters    letters.Letters
	attempts   attempts.Log
	jobs       jobs.Jobs
	revisions  revisions.Revisions
	editing    chan struct{} // holds one while this dispatcher makes an edit
	ensured    atomic.Bool   // this process has made sure of the streams
	look       chan struct{} // wakes who looks after the lines
	news       chan struct{} // wakes who works on the jobs
}

// Instance opens the door of an instance, whether it exists or not.
func (d *Dispatcher) Instance(id string) *Instance {
	if known, ok := d.instances.Load(id); ok {
		return known.(*Instance)
	}
	b := d.bus.Instance(id)
	return &Instance{ID: id, dispatcher: d, log: d.log.With().Str("instance", id).Logger(), bus: b, lines: lines.Of(b).CountingSeldom(), letters: letters.Of(b), attempts: attempts.Of(b),
		revisions: revisions.Of(b), editing: make(chan struct{}, 1), jobs: jobs.Of(b),
		look: make(chan struct{}, 1), news: make(chan struct{}, 1)}
}

// shared gives the one door of an instance that exists, or is about to.
func (d *Dispatcher) shared(id string) *Instance {
	known, _ := d.instances.LoadOrStore(id, d.Instance(id))
	return known.(*Instance)
}

// catalog is what this dispatcher knows of the instance's catalog.
func (i *Instance) catalog() *revisions.Catalog { return i.dispatcher.catalogs.Of(i.ID) }

// current is the newest catalog of the instance, also of one that another dispatcher has
// just made.
func (i *Instance) current(ctx context.Context) (*catalog.Matcher, error) {
	c, err := i.dispatcher.catalogs.Find(ctx, i.ID)
	if err != nil {
		return nil, err
	}
	return c.AtLeast(ctx, 0)
}

// exists is the error of an instance without a catalog that can be read.
func (i *Instance) exists(ctx context.Context) error {
	_, err := i.current(ctx)
	return err
}

// lock waits for this dispatcher's turn to edit, until ctx ends: an edit waits
// for the one before it of its own instance, and for no other.
func (i *Instance) lock(ctx context.Context) (unlock func(), err error) {
	select {
	case i.editing <- struct{}{}:
		return func() { <-i.editing }, nil
	case <-ctx.Done():
		return nil, action.NewError(action.CodeConflict, action.StageCatalog, "another edit of the instance is being made").WithCause(context.Cause(ctx))
	}
}

// lead does something as the only dispatcher that touches the instance, unless it is
// being deleted. Who lost the lead meanwhile is told that, and not that somebody went
// away.
func (i *Instance) lead(ctx context.Context, do func(context.Context) error) error {
	return lead.Run(ctx, i.bus, func(ctx context.Context) error {
		i.dispatcher.led.note(i.ID)
		err := i.alive(ctx)
		if err == nil {
			err = do(ctx)
		}
		if over := context.Cause(ctx); err != nil && errors.Is(over, lead.ErrLeadOver) {
			return over
		}
		return err
	})
}
