package work

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/attempts"
	"github.com/callout-hq/callout/pkg/bus/calls"
	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/bus/present"
	"github.com/callout-hq/callout/pkg/bus/revisions"
	"github.com/callout-hq/callout/pkg/invoke"
	"github.com/callout-hq/callout/pkg/seal"
)

// Options of a worker.
type Options struct {
	Bus     *bus.Bus
	Invoker *invoke.Invoker
	Log     zerolog.Logger
	// Calls is how many exchanges for calls may be under way at once for one
	// target, or one instance, while no other has any; 0 = 1024. There are five
	// times as many calls in hand, most of which wait.
	Calls int
	// Undivided has who comes first take what instances and targets have shares of
	// otherwise. It is for measuring what the shares do, and nothing else.
	Undivided bool
	// Slots is how many deliveries to one async target are worked on at once, while no
	// other has any, unless its concurrency is less; 0 = DefaultSlots. Each line has a
	// few of its own.
	Slots int
	// OpenWith are the keys that open what is sealed of signing keys and other secrets, the newest first:
	// what this worker seals is for that one, and what is sealed for another of them is
	// sealed for it anew. nil = it opens nothing.
	OpenWith seal.Ring
	// Version is what this program is called among its releases; "" = dev.
	Version string
}

// DefaultSlots is how many deliveries to one async target a worker works on at once,
// unless it is told otherwise or the target takes fewer.
const DefaultSlots = 256

// Worker takes calls and deliveries until it is stopped.
type Worker struct {
	bus      *bus.Bus
	invoker  *invoke.Invoker
	log      zerolog.Logger
	self     action.Presence // what it tells of itself
	recorder *attempts.Recorder
	catalogs *revisions.Catalogs
	keys     *keys
	own      *ownKeys
	state    *fleetState
	ends     *ends
	shares   *invoke.Shares
	awaiting *awaiting
	calls    *calls.CallServer
	flows    *flows
	trials   *calls.TrialServer
	consumer *lines.Consumer
	lining   sync.Mutex
	early    map[string]lines.Line // heard of before all was read, by watched key; nil from then on
	strange  map[string]lines.Line // of instances that are not known here, by watched key
	working  context.Context       // ends when what is in hand must end
	abort    context.CancelFunc
	unfollow context.CancelFunc
	ended    sync.WaitGroup
	stop     sync.Once
	stopped  error
	panics   atomic.Uint64
}

// inHand is how many calls there may be for each exchange under way: the others
// wait for a limit of their target, or for a revision.
const inHand = 5

// Start begins to work. It returns once the worker is usable: it has read the
// catalog and the server knows of its subscription. It fails when that takes
// longer than ctx, and with newer when a newer version has stored what it reads.
func Start(ctx context.Context, o Options) (*Worker, error) {
	if o.Calls == 0 {
		o.Calls = 1024
	}
	if o.Slots == 0 {
		o.Slots = DefaultSlots
	}
	w := &Worker{bus: o.Bus, invoker: o.Invoker, log: o.Log, keys: newKeys(o.Bus, o.OpenWith), own: newOwnKeys(o.Bus, o.OpenWith), state: newFleetState(), ends: newEnds(o.Bus),
		shares: invoke.NewShares(o.Calls), flows: newFlows(), awaiting: newAwaiting(), early: map[string]lines.Line{}, strange: map[string]lines.Line{}, self: present.Self(action.RoleWorker, o.Version)}
	if o.Undivided {
		w.shares = invoke.Undivided(o.Calls)
	}
	var err error
	if w.recorder, err = attempts.NewRecorder(o.Bus, w.self.ID); err != nil {
		return nil, err
	}
	w.working, w.abort = context.WithCancel(context.Background())
	w.consumer = lines.NewConsumer(o.Bus, o.Slots, w.deliver)
	w.consumer.Within(w.widthOf)
	following, unfollow := context.WithCancel(context.Background())
	w.unfollow = unfollow
	if err := o.Bus.CheckFormats(ctx); err != nil {
		return nil, errors.Join(err, w.Stop(ctx))
	}
	if err := w.follow(ctx, following); err != nil {
		return nil, errors.Join(err, w.Stop(ctx))
	}
	if w.trials, err = calls.ServeTrials(o.Bus, w.try); err != nil {
		return nil, errors.Join(err, w.Stop(ctx))
	}
	if w.calls, err = calls.Serve(o.Bus, calls.Bounds{Calls: inHand * o.Calls, Undivided: o.Undivided}, w.call); err != nil {
		return nil, errors.Join(err, w.Stop(ctx))
	}
	w.ended.Go(func() {
		present.Keep(following, w.bus, func() action.Presence {
			now := w.self
			now.Flows = w.flows.tell(time.Now())
			now.Calls, now.Deliveries, now.Unopened = w.calls.InHand(), w.consumer.InHand(), w.unopened()
			return now
		})
	})
	w.ended.Go(func() { present.Count(following, w.bus, action.RoleWorker, w.flows.calls.Divide) })
	w.ended.Go(func() { w.reseal(following) })
	return w, nil
}

// ID tells this worker from all others.
func (w *Worker) ID() string { return w.self.ID }

// follow reads the catalog, the keys and the lines, and keeps following them.
// Lines come last: a delivery needs the rest.
func (w *Worker) follow(ctx, following context.Context) error {
	catalogs, first := revisions.FollowDeleted(following, w.bus, w.invoker.Forget)
	w.catalogs = catalogs
	for _, first := range []<-chan struct{}{first, w.bus.FollowSecrets(following, w.keys.set, w.keys.setDeparted, w.keys.setNamed), w.bus.FollowQuotas(following, w.flows.set)} {
		if err := await(ctx, first); err != nil {
			return err
		}
	}
	// Of the instances' own keys nothing is waited for: what is not known yet is read when
	// it is needed.
	w.bus.FollowKeys(following, w.own.set)
	w.keys.sayUnopened(w.log)
	err := await(ctx, lines.Follow(following, w.bus, lines.Events{
		Line: w.line, Record: w.state.setRecord, Paused: w.state.setPaused, Resumed: w.state.setResumed,
	}))
	if err == nil {
		w.takeFromLines()
		w.ended.Go(func() { w.greet(following) })
	}
	return err
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

// takeFromLines begins with the lines that were there when all was read: what is
// known of one, as that its target is paused, may be read behind it.
func (w *Worker) takeFromLines() {
	w.lining.Lock()
	defer w.lining.Unlock()
	for watched, l := range w.early {
		w.follows(watched, &l)
	}
	w.early = nil
}

// line hears of a line that is there, or was removed.
func (w *Worker) line(watched string, l *lines.Line) {
	w.lining.Lock()
	defer w.lining.Unlock()
	switch {
	case w.early == nil:
		w.follows(watched, l)
	case l == nil:
		delete(w.early, watched)
	default:
		w.early[watched] = *l
	}
}

// greet begins to take from the lines of each instance that appears, until ctx ends.
func (w *Worker) greet(ctx context.Context) {
	for {
		appeared := w.catalogs.Appeared()
		w.lining.Lock()
		for watched, l := range w.strange {
			if w.catalogs.Knows(l.Instance) {
				w.follows(watched, &l)
			}
		}
		w.lining.Unlock()
		select {
		case <-appeared:
		case <-ctx.Done():
			return
		}
	}
}

// follows begins or ends to take from a line. One that is removed may be there
// again before what is in hand of it has ended. That of an instance which is not
// known here waits for it: what it is to deliver could not be told, and it may be
// somebody else's, without a stream.
func (w *Worker) follows(watched string, l *lines.Line) {
	delete(w.strange, watched)
	if l != nil && !w.catalogs.Knows(l.Instance) {
		w.strange[watched] = *l
		return
	}
	k, known := w.state.lineKey(watched, l)
	switch {
	case l != nil && !l.Drained:
		w.consumer.Start(w.working, *l)
	case known:
		ended := w.consumer.StopLine(k)
		w.ended.Go(func() { <-ended; w.ends.forget(k); w.state.carriedOut(k) })
	}
}

// Stop takes nothing more, of calls and of lines alike, and waits until what is
// in hand is finished; what is not by the end of ctx is aborted and handed back,
// uncharged. It may be called more than once.
func (w *Worker) Stop(ctx context.Context) error {
	w.stop.Do(func() { w.stopped = w.finish(ctx) })
	return w.stopped
}

// How long what is aborted may take to end, and how long what became of it is
// waited for to be recorded: in any case, and while there is time.
const (
	abortFor      = time.Second
	recordedFor   = 2 * time.Second
	recordedLeast = 300 * time.Millisecond
)

func (w *Worker) finish(ctx context.Context) error {
	err := w.finishWork(ctx)
	left := recordedFor
	if end, bounded := ctx.Deadline(); bounded {
		left = max(min(left, time.Until(end)), recordedLeast)
	}
	recording, cancel := context.WithTimeout(context.WithoutCancel(ctx), left)
	defer cancel()
	w.recorder.Stop(recording)
	return err
}

func (w *Worker) finishWork(ctx context.Context) error {
	w.unfollow()
	w.consumer.TakeNothing()
	var errs [2]error
	var parts sync.WaitGroup
	parts.Go(func() {
		if w.calls != nil {
			errs[0] = w.calls.Stop(ctx)
		}
	})
	parts.Go(func() {
		if w.trials != nil {
			errs[1] = w.trials.Stop(ctx)
		}
	})
	parts.Go(func() { w.consumer.Stop(); w.ended.Wait() })
	done := make(chan struct{})
	go func() { parts.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
	}
	w.abort()
	select {
	case <-done:
		return errors.Join(errs[:]...)
	case <-time.After(abortFor):
		return fmt.Errorf("work in hand did not end: %w", ctx.Err())
	}
}
