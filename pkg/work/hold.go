package work

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/outcome"
)

// hold lets a delivery wait for a fault of ours, uncharged. That is written down
// as a failure is: it can be seen and skipped, and it ends as a dead letter when
// the fault lasts. While not even that can be written the server keeps the
// delivery, and hands it out again.
func (r *run) hold(fault error, panicked bool) {
	if r.claim == nil {
		r.claim = r.worker.unclaimed(r.delivery)
	}
	w, d, c := r.worker, r.delivery, r.claim
	if w.working.Err() != nil && !panicked { // the worker stops: another takes it at once
		w.done(d, d.HandBack())
		return
	}
	w.log.Error().Err(fault).Str("instance", d.Line.Instance).Str("line", d.Line.Name).Str("delivery", c.id).Uint64("sequence", d.Sequence).
		Msg("delivery held up by a fault of ours")
	if !d.Held() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), storeLimit)
	defer cancel()
	if err := r.recall(ctx); err != nil && mayBeRead(err) {
		w.done(d, d.Wait(w.state.again(d.Line.Key(), time.Now())))
		return
	}
	if r.isDecided() {
		r.settle(outcome.Decision{Verdict: verdictOf(r.before.State), Record: r.before}, nil)
		return
	}
	why := action.AsError(fault, action.StageBus)
	decision := outcome.Hold(outcome.Attempt{Err: why, Policy: c.target.Retry, Before: r.before, Sequence: d.Sequence, DeliveryID: c.id,
		StoredAt: d.StoredAt, Resumed: w.state.resumedAt(d.Line.Instance, c.owner, c.target.Name), Now: time.Now()}, panicked)
	decision.Record.LastFailed = time.Now()
	r.settleUnsent(decision, why)
}

// mayBeRead tells whether a record that could not be read is left as it is: the
// bus is away, or a newer version wrote it. One that is no record at all never
// can be, and another takes its place.
func mayBeRead(err error) bool {
	var ours *action.Error
	return errors.As(err, &ours)
}

// panicked makes an error of a panic, and logs where it arose.
func (w *Worker) panicked(cause any, instance, what string) error {
	w.panics.Add(1)
	w.log.Error().Str("instance", instance).Str("what", what).Str("panic", fmt.Sprint(cause)).Bytes("stack", debug.Stack()).Msg("a fault of ours: panic")
	return action.NewError(action.CodeInternal, action.StageInvoke, "").WithCause(fmt.Errorf("panic: %v", cause))
}

// Panics is how many calls and deliveries have made this worker panic.
func (w *Worker) Panics() uint64 { return w.panics.Load() }

// lines gives the lines of a delivery's instance.
func (w *Worker) lines(d *lines.Delivery) lines.Lines {
	return lines.Of(w.bus.Instance(d.Line.Instance))
}
