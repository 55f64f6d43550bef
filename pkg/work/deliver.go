package work

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/invoke"
	"github.com/callout-hq/callout/pkg/outcome"
	"github.com/callout-hq/callout/pkg/wire"
)

// How long a line waits before it looks again, uncharged.
const (
	faultWait  = time.Second     // a fault of ours
	pausedWait = 5 * time.Second // a paused target
	limitWait  = time.Second     // at most this long in the worker, for the target's own limits
	storeLimit = 5 * time.Second // for writing what was decided
)

// job is a delivery that is ours to make.
type job struct {
	id          string
	owner       string
	target      *action.Target
	phase       action.Phase
	name        string                    // event type, or the phase's word for an async delivery
	sequence    uint64                    // of the stream the target is told
	match       string                    // condition, of an event
	onExhausted func() action.OnExhausted // nil = a dead letter
	revision    uint64
	refused     *action.Error // it can never be sent: malformed, or its target is gone
	left        string        // the id of its target if that is no longer configured, and is called as it was last
}

// deliver carries one delivery as far as it goes now: delivered, waiting,
// stopped or dead.
func (w *Worker) deliver(ctx context.Context, d *bus.Delivery) {
	j, err := w.jobOf(ctx, d)
	if err != nil {
		w.giveWay(d, err)
		return
	}
	if j == nil { // a better match takes it, or nobody
		w.done(d, d.Ack())
		return
	}
	before, known, err := w.record(ctx, d)
	if err != nil {
		w.giveWay(d, err)
		return
	}
	r := run{worker: w, delivery: d, job: j, before: before, known: known}
	paused := j.refused == nil && w.state.isPaused(d.Line.Instance, j.owner, j.target)
	switch same := known && before.Sequence == d.Sequence; {
	case w.state.outstayed(&d.Line, d.Sequence):
		r.giveUp(action.CodeStopped, nil)
	case same && (before.State == action.LineGivenUp || before.State == action.LineStopped):
		r.settle(outcome.Decision{Verdict: verdictOf(before.State), Record: before}, nil)
	case j.refused != nil:
		r.refuse(j.refused)
	case paused && j.left != "": // nobody could resume it
		r.refuse(action.NewError(action.CodeNoTarget, action.StageCatalog, "").WithTarget(j.target.Name))
	case paused:
		w.standBy(ctx, d, j)
	default:
		r.attempt(ctx)
	}
}

// standBy lets a delivery wait for its paused target. Who resumes a target notes
// when; of one that is paused by its configuration it is noted here.
func (w *Worker) standBy(ctx context.Context, d *bus.Delivery, j *job) {
	if j.target.Paused && time.Since(w.state.resumedAt(d.Line.Instance, j.owner, j.target.Name)) > faultWait {
		if err := w.bus.NoteResumed(ctx, d.Line.Instance, j.owner, j.target.Name); err != nil {
			w.giveWay(d, err)
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
		Sequence: r.delivery.Sequence, DeliveryID: r.job.id, FailingSince: r.before.FailingSince,
		State: action.LineGivenUp, Reason: reason, LastCode: reason, LastFailed: time.Now(), LastSuccess: r.before.LastSuccess,
	}
	if why != nil {
		record.LastCode = why.Code
	}
	if r.before.Sequence == r.delivery.Sequence {
		record.Attempts, record.LastStatus = r.before.Attempts, r.before.LastStatus
	}
	r.settle(outcome.Decision{Verdict: outcome.Dead, Record: record}, why)
}

func verdictOf(s action.LineState) outcome.Verdict {
	if s == action.LineStopped {
		return outcome.Stop
	}
	return outcome.Dead
}

// record reads what is known of the delivery's line. The server is asked when
// this delivery was handed out before; otherwise the watched state tells
// whether there is anything to ask for.
func (w *Worker) record(ctx context.Context, d *bus.Delivery) (action.LineRecord, bool, error) {
	if !d.Redelivered && !w.state.hasRecord(d.RecordKey()) {
		return action.LineRecord{}, false, nil
	}
	r, ok, err := w.bus.Record(ctx, d)
	return r, ok && r.Holds(), err
}

// jobOf finds out whether the delivery is for this line, under the catalog
// that was in force when it was stored, and how it is to be made, by the
// newest one. Nil means it is not.
func (w *Worker) jobOf(ctx context.Context, d *bus.Delivery) (*job, error) {
	l := &d.Line
	if l.Async {
		return w.asyncJob(ctx, d)
	}
	then, now, err := w.catalogs.InForce(ctx, l.Instance, d.Sequence)
	if err != nil {
		return nil, err
	}
	if ours, err := w.spans.holds(ctx, l, d.Sequence, then.Revision()); err != nil || !ours {
		return nil, err
	}
	at, malformed := wire.ParseStoredEvent(d.Subject)
	// A subject that cannot be read matches nothing: the line whose filter took
	// it keeps it as a dead letter, or it would be lost.
	var t *action.Target
	if malformed == nil {
		if t = l.Takes(then, at); t == nil {
			return nil, nil
		}
		malformed = checkBody(d.Body, at)
	}
	left := ""
	if t == nil || then != now {
		if t, left, err = w.definition(ctx, *l, now, then); err != nil {
			return nil, err
		}
	}
	return &job{id: l.DeliveryID(d.Sequence, d.StoredAt), owner: l.Owner, target: t, left: left, phase: action.OnEvent, name: at.Type,
		sequence: d.Sequence, match: l.Condition.Match,
		onExhausted: func() action.OnExhausted { return exhaustion(*l, at, now, then) }, revision: then.Revision(), refused: asError(malformed)}, nil
}

func checkBody(body []byte, at wire.StoredEvent) error {
	facts, err := wire.ReadEvent(body)
	if err != nil {
		return err
	}
	return wire.CheckStored(at, facts)
}

// run is one delivery in hand.
type run struct {
	worker   *Worker
	delivery *bus.Delivery
	job      *job
	before   action.LineRecord
	known    bool // there is a record
}

// attempt makes one exchange and settles what becomes of the delivery.
func (r *run) attempt(ctx context.Context) {
	w, d, j := r.worker, r.delivery, r.job
	keys, err := w.keysOf(ctx, d.Line.Instance, j)
	if err != nil {
		w.giveWay(d, err)
		return
	}
	number := 1
	if r.known && r.before.Sequence == d.Sequence {
		number = r.before.Attempts + 1
	}
	if !d.Held() {
		w.lapsed(d, j)
		return
	}
	answer := w.invoker.Do(ctx, invoke.Call{
		Target: j.target, Owner: d.Line.Instance + "/" + j.owner, Keys: keys, Body: d.Body, ID: j.id, Attempt: number,
		Sequence: j.sequence, Traceparent: d.Traceparent, Replay: d.Line.Replay, Wait: limitWait,
	})
	switch {
	case !d.Held() || errors.Is(context.Cause(ctx), bus.ErrLapsed):
		w.lapsed(d, j)
		return
	case answer.Err != nil && ctx.Err() != nil: // the worker stops: not the target's fault
		w.done(d, d.HandBack())
		return
	}
	if answer.Uncharged { // a limit of ours stood in the way, nothing was sent
		w.log.Info().Str("line", d.Line.Name).Str("delivery", j.id).Str("code", string(answer.Err.Code)).Dur("wait_ms", answer.RetryAfter).Msg("delivery waits for its target's limits")
		w.done(d, d.Wait(answer.RetryAfter))
		return
	}
	if answer.Err != nil && !r.known {
		// Since when the line fails is asked of the server, not of the watch.
		if r.before, r.known, err = w.bus.Record(ctx, d); err != nil {
			w.giveWay(d, err)
			return
		}
		r.known = r.known && r.before.Holds()
	}
	decision := r.decide(answer)
	line := attempt{
		instance: d.Line.Instance, org: d.Line.Org, phase: j.phase, name: j.name, target: j.target, id: j.id, number: number,
		sequence: d.Sequence, status: answer.Status, err: answer.Err, took: answer.Duration,
		verdict: string(decision.Verdict), wait: decision.Delay, revision: j.revision,
	}
	defer w.logAttempt(line) // the line need not wait for our log, and what it says is done
	if answer.Err != nil {
		r.date(ctx, &decision.Record)
	}
	r.settle(decision, answer.Err)
}

func (r *run) decide(answer invoke.Answer) outcome.Decision {
	d, j := r.delivery, r.job
	a := outcome.Attempt{
		Err: answer.Err, Status: answer.Status, RetryAfter: answer.RetryAfter, Policy: j.target.Retry,
		Before: r.before, Sequence: d.Sequence, DeliveryID: j.id, StoredAt: d.StoredAt, Now: time.Now(),
	}
	if answer.Err != nil { // how long it may go on, and how
		a.Resumed, a.Jitter = r.worker.state.resumedAt(d.Line.Instance, j.owner, j.target.Name), rand.Float64()
		if j.onExhausted != nil {
			a.OnExhausted = j.onExhausted()
		}
	}
	return outcome.Decide(a)
}

// date notes when the line failed, and when it last did not: once it fails
// the server's time of its last acknowledgement is that of a success no more.
func (r *run) date(ctx context.Context, record *action.LineRecord) {
	record.LastFailed, record.LastSuccess = time.Now(), r.before.LastSuccess
	if !r.before.FailingSince.IsZero() {
		return
	}
	var err error
	if record.LastSuccess, err = r.worker.bus.LastAck(ctx, r.delivery.Line); err != nil {
		r.worker.log.Warn().Err(err).Str("line", r.delivery.Line.Name).Msg("when the line last succeeded is not known")
	}
}

func (w *Worker) lapsed(d *bus.Delivery, j *job) {
	w.log.Warn().Str("line", d.Line.Name).Str("delivery", j.id).Uint64("sequence", d.Sequence).
		Msg("lease lapsed: aborted and not acknowledged, another worker takes over")
}

// giveWay lets the line wait for a fault of ours. It is not charged.
func (w *Worker) giveWay(d *bus.Delivery, err error) {
	w.log.Error().Err(err).Str("line", d.Line.Name).Uint64("sequence", d.Sequence).Msg("delivery held up by a fault of ours")
	w.done(d, d.Wait(faultWait))
}

// done notes when the server could not be told; it will hand the delivery out
// again.
func (w *Worker) done(d *bus.Delivery, err error) {
	if err != nil {
		w.log.Warn().Err(err).Str("line", d.Line.Name).Uint64("sequence", d.Sequence).Msg("server not told, the delivery will come again")
	}
}

func exhaustion(l bus.Line, at wire.StoredEvent, catalogs ...*catalog.Matcher) action.OnExhausted {
	for _, m := range catalogs {
		for _, match := range m.Event(at.Type, at.Org) {
			if match.Scope == l.Org && match.Condition == l.Condition {
				return match.Execution.OnExhausted
			}
		}
	}
	return action.ExhaustedDeadLetter
}
