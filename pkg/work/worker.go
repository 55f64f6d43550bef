package work

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/invoke"
)

// Options of a worker.
type Options struct {
	Bus     *bus.Bus
	Invoker *invoke.Invoker
	Log     zerolog.Logger
	// Calls is how many calls are worked on at once; 0 = 1024.
	Calls int
	// Slots is how many deliveries of one unordered line are worked on at
	// once; 0 = 32.
	Slots int
}

// Worker takes calls and deliveries until it is stopped.
type Worker struct {
	bus      *bus.Bus
	invoker  *invoke.Invoker
	log      zerolog.Logger
	catalogs *bus.Catalogs
	keys     *keys
	state    *fleetState
	spans    *spans
	calls    *bus.CallServer
	tests    *bus.TestServer
	consumer *bus.Consumer
	working  context.Context // ends when what is in hand must end
	abort    context.CancelFunc
	unfollow context.CancelFunc
	ended    sync.WaitGroup
}

// Start begins to work. It returns once the worker is usable: it has read the
// catalog and the server knows of its subscription. It fails when that takes
// longer than ctx.
func Start(ctx context.Context, o Options) (*Worker, error) {
	if o.Calls == 0 {
		o.Calls = 1024
	}
	if o.Slots == 0 {
		o.Slots = 32
	}
	w := &Worker{bus: o.Bus, invoker: o.Invoker, log: o.Log, keys: newKeys(o.Bus), state: newFleetState(), spans: newSpans(o.Bus)}
	w.working, w.abort = context.WithCancel(context.Background())
	w.consumer = o.Bus.NewConsumer(o.Slots, w.deliver)
	following, unfollow := context.WithCancel(context.Background())
	w.unfollow = unfollow
	if err := w.follow(ctx, following); err != nil {
		return nil, errors.Join(err, w.Stop(ctx))
	}
	var err error
	if w.tests, err = o.Bus.ServeTests(w.test); err != nil {
		return nil, errors.Join(err, w.Stop(ctx))
	}
	if w.calls, err = o.Bus.ServeCalls(o.Calls, w.call); err != nil {
		return nil, errors.Join(err, w.Stop(ctx))
	}
	return w, nil
}

// follow reads the catalog, the keys and the lines, and keeps following them.
// Lines come last: a delivery needs the rest.
func (w *Worker) follow(ctx, following context.Context) error {
	catalogs, first := w.bus.FollowCatalogs(following)
	w.catalogs = catalogs
	for _, first := range []<-chan struct{}{first, w.bus.FollowSecrets(following, w.keys.set)} {
		if err := await(ctx, first); err != nil {
			return err
		}
	}
	return await(ctx, w.bus.FollowLines(following, bus.FleetEvents{
		Line: w.line, Record: w.state.setRecord, Paused: w.state.setPaused, Resumed: w.state.setResumed,
	}))
}

func await(ctx context.Context, first <-chan struct{}) error {
	select {
	case <-first:
		return nil
	case <-ctx.Done():
		return action.NewError(action.CodeUnavailable, action.StageBus,
			"the catalog could not be read in time: has a dispatcher been started on this NATS?").WithCause(ctx.Err())
	}
}

// line begins or ends to take from a line. One that is removed may be there
// again before what is in hand of it has ended.
func (w *Worker) line(key string, l *bus.Line) {
	name, known := w.state.lineName(key, l)
	switch {
	case l != nil && !l.Drained:
		w.consumer.Start(w.working, *l)
	case known:
		ended := w.consumer.StopLine(name)
		w.ended.Go(func() { <-ended; w.spans.forget(name) })
	}
}

// Stop takes nothing more, and waits until what is in hand is finished; what
// is not by the end of ctx is aborted and handed back, uncharged.
func (w *Worker) Stop(ctx context.Context) error {
	w.unfollow()
	stopped := make(chan error, 1)
	go func() {
		var err error
		if w.calls != nil {
			err = w.calls.Stop(ctx)
		}
		if w.tests != nil {
			err = errors.Join(err, w.tests.Stop(ctx))
		}
		w.consumer.Stop()
		w.ended.Wait()
		stopped <- err
	}()
	select {
	case err := <-stopped:
		w.abort()
		return err
	case <-ctx.Done():
	}
	w.abort()
	select {
	case err := <-stopped:
		return err
	case <-time.After(time.Second):
		return fmt.Errorf("work in hand did not end: %w", ctx.Err())
	}
}
