package work

import (
	"context"
	"errors"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/outcome"
)

// How long a line waits before it looks again, uncharged.
const (
	faultWait  = time.Second     // a fault of ours
	pausedWait = 5 * time.Second // a paused target
	storeLimit = 5 * time.Second // for writing what was decided
)

// run is one delivery in hand.
type run struct {
	worker   *Worker
	delivery *lines.Delivery
	claim    *claim // nil while it is not known whether it is ours
	before   action.LineRecord
	known    bool                 // there is a record
	failed   *action.FailedAnswer // of the attempt that was made just now; nil = there was none
}

// deliver carries one delivery as far as it goes now: delivered, waiting,
// stopped or dead. A panic on the way is a fault of ours that holds up this one
// delivery. One in holding it leaves it with the server, which hands it out
// again.
func (w *Worker) deliver(ctx context.Context, d *lines.Delivery) {
	r := run{worker: w, delivery: d}
	defer func() {
		if cause := recover(); cause != nil {
			_ = w.panicked(cause, d.Line.Instance, "holding up a delivery of "+d.Line.Name) // it is logged
		}
	}()
	if err := r.carry(ctx); err != nil {
		r.hold(err, false)
	}
}

// carry is deliver without its last resort; the error is a fault that nobody has
// dealt with yet.
func (r *run) carry(ctx context.Context) error {
	w, d := r.worker, r.delivery
	defer func() {
		if cause := recover(); cause != nil {
			r.hold(w.panicked(cause, d.Line.Instance, "delivery of "+d.Line.Name), true)
		}
	}()
	c, err := w.claim(ctx, d)
	if errors.Is(err, errNoEntry) {
		w.done(d, d.Wait(faultWait))
		return nil
	}
	if err != nil {
		return err
	}
	if c == nil { // a better match takes it, or nobody
		w.done(d, d.Ack())
		return nil
	}
	r.claim = c
	if d.Redelivered || w.state.hasRecord(d.RecordKey()) { // else there is nothing to ask for
		if err := r.recall(ctx); err != nil {
			return err
		}
	}
	r.next(ctx)
	return nil
}

// recall asks the server what is known of the delivery's line.
func (r *run) recall(ctx context.Context) (err error) {
	r.before, r.known, err = r.worker.lines(r.delivery).Record(ctx, r.delivery)
	r.known = r.known && r.before.Holds()
	return err
}

// isDecided tells whether the record says already what becomes of the delivery:
// somebody decided it, and could not carry it out.
func (r *run) isDecided() bool {
	return r.known && r.before.Sequence == r.delivery.Sequence &&
		(r.before.State == action.LineGivenUp || r.before.State == action.LineStopped)
}

// waitsOn tells whether it waits for its next attempt still, since another worker failed
// with it. Of a line with a consumer the server knows.
func (r *run) waitsOn() bool {
	return r.delivery.Line.Packed() && r.known && !r.delivery.Hurried && r.before.Sequence == r.delivery.Sequence &&
		r.before.State == action.LineRetrying && time.Until(r.before.NextTry) > 0
}

// next takes a delivery that is ours one step on: it ends here without another
// attempt, waits for its target, or has its attempt.
func (r *run) next(ctx context.Context) {
	w, d, c := r.worker, r.delivery, r.claim
	paused := c.refused == nil && w.state.isPaused(d.Line.Instance, c.owner, c.target)
	switch {
	case w.state.outstayed(&d.Line, d.Sequence):
		r.giveUp(action.CodeStopped, nil)
	case r.waitsOn():
		w.done(d, d.Wait(time.Until(r.before.NextTry)))
	case r.isDecided():
		r.settle(outcome.Decision{Verdict: verdictOf(r.before.State), Record: r.before}, nil)
	case c.refused != nil:
		r.refuse(c.refused)
	case paused && c.left != "": // nobody could resume it
		r.refuse(action.NewError(action.CodeNoTarget, action.StageCatalog, "").WithTarget(c.target.Name))
	case paused:
		r.standBy(ctx)
	default:
		r.attempt(ctx)
	}
}

// standBy lets a delivery wait for its paused target. Who resumes a target notes
// when; of one that is paused by its configuration it is noted here.
func (r *run) standBy(ctx context.Context) {
	w, d, c := r.worker, r.delivery, r.claim
	if c.target.Paused && time.Since(w.state.resumedAt(d.Line.Instance, c.owner, c.target.Name)) > faultWait {
		if err := w.bus.Instance(d.Line.Instance).NoteResumed(ctx, c.owner, c.target.Name); err != nil {
			r.hold(err, false)
			return
		}
	}
	w.done(d, d.Wait(pausedWait))
}

// refuse makes a dead letter of what can never be sent.
func (r *run) refuse(why *action.Error) {
	reason := action.CodeMalformed
	if why.Code == action.CodeNoTarget {
		reason = action.CodeNoTarget
	}
	r.giveUp(reason, why)
}

// giveUp makes a dead letter without another attempt.
func (r *run) giveUp(reason action.Code, why *action.Error) {
	record := action.LineRecord{
		Sequence: r.delivery.Sequence, DeliveryID: r.claim.id, FailingSince: r.before.FailingSince,
		State: action.LineGivenUp, Reason: reason, LastCode: reason, LastFailed: time.Now(), LastSuccess: r.before.LastSuccess,
	}
	if why != nil {
		record.LastCode = why.Code
	}
	if r.before.Sequence == r.delivery.Sequence {
		record.Attempts, record.LastStatus = r.before.Attempts, r.before.LastStatus
	}
	r.settleUnsent(outcome.Decision{Verdict: outcome.Dead, Record: record}, why)
}

// settleUnsent settles what was decided without another exchange.
func (r *run) settleUnsent(decision outcome.Decision, why *action.Error) {
	earlier := r.recorded()
	r.settle(decision, why)
	if decision.Verdict == outcome.Retry { // nothing has become of it
		return
	}
	if why == nil {
		why = action.NewError(decision.Record.Reason, action.StageInvoke, "")
	}
	r.worker.record(exchange{about: r.about(), number: decision.Record.Attempts, err: why, revision: r.claim.revision, ended: time.Now(),
		decision: decisions[decision.Verdict], earlier: earlier, unsent: true})
}

func verdictOf(s action.LineState) outcome.Verdict {
	if s == action.LineStopped {
		return outcome.Stop
	}
	return outcome.Dead
}

func (w *Worker) lapsed(d *lines.Delivery, c *claim) {
	w.log.Warn().Str("instance", d.Line.Instance).Str("line", d.Line.Name).Str("delivery", c.id).Uint64("sequence", d.Sequence).
		Msg("lease lapsed: aborted and not acknowledged, another worker takes over")
}

// done notes when the server could not be told; it will hand the delivery out
// again.
func (w *Worker) done(d *lines.Delivery, err error) {
	if err != nil {
		w.log.Warn().Err(err).Str("instance", d.Line.Instance).Str("line", d.Line.Name).Uint64("sequence", d.Sequence).Msg("server not told, the delivery will come again")
	}
}
