package work

import (
	"context"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/outcome"
)

// settle carries out what was decided. The order is what makes it safe: the
// record first, then the dead letter and its confirmation, then the server is
// told. Whatever fails on the way leaves the delivery with the server.
//
// It runs on a context of its own: what a target has answered is written down
// even while the worker stops. The lease is asked again before the server is
// told.
func (r *run) settle(decision outcome.Decision, cause *action.Error) {
	w, d := r.worker, r.delivery
	if decision.Verdict == outcome.Ack && !r.known && d.Letter == nil { // nothing to be written
		w.done(d, d.Ack())
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), storeLimit)
	defer cancel()
	if err := r.keep(ctx, decision); err != nil {
		w.giveWay(d, err)
		return
	}
	switch decision.Verdict {
	case outcome.Ack:
		if d.Letter != nil {
			if err := w.bus.Forget(ctx, d); err != nil {
				w.giveWay(d, err)
				return
			}
		}
		w.done(d, d.Ack())
	case outcome.Retry:
		w.done(d, d.Wait(decision.Delay))
	case outcome.Pause:
		if err := w.bus.PauseTarget(ctx, d.Line.Instance, r.job.owner, r.job.target.Name, decision.Record.LastCode); err != nil {
			w.giveWay(d, err)
			return
		}
		w.log.Warn().Str("target", r.job.target.Name).Str("reason", string(decision.Record.LastCode)).Msg("target paused")
		w.done(d, d.Wait(pausedWait))
	case outcome.Stop:
		if err := r.stop(ctx, decision.Record); err != nil {
			w.giveWay(d, err)
			return
		}
		w.log.Warn().Str("line", d.Line.Name).Str("reason", string(decision.Record.Reason)).Msg("line stopped until it is resumed")
		w.done(d, d.Wait(faultWait))
	case outcome.Dead:
		r.bury(ctx, decision.Record, cause)
	}
}

// stop lets the line stand. That of deliveries without an order is told why: no
// one of them is its head.
func (r *run) stop(ctx context.Context, record action.LineRecord) error {
	w, l := r.worker, r.delivery.Line
	if l.Unordered {
		if err := w.bus.PutLineRecord(ctx, l, record); err != nil {
			return err
		}
	}
	return w.bus.StopLine(ctx, l)
}

// keep writes the record before the decision is carried out. The success of a
// line that was not failing costs nothing; that of one that was leaves how it
// failed last.
func (r *run) keep(ctx context.Context, decision outcome.Decision) error {
	w, d := r.worker, r.delivery
	switch {
	case decision.Verdict == outcome.Ack && !r.known:
		return nil
	case decision.Verdict == outcome.Ack && d.Line.Unordered:
		return w.bus.DropRecord(ctx, d)
	case decision.Verdict == outcome.Ack:
		return w.bus.PutRecord(ctx, d, r.before.Running())
	case r.known && r.before == decision.Record:
		return nil
	}
	if d.Line.Unordered && decision.Record.Reason != action.CodeStopped { // its line says that
		w.showFailure(ctx, d.Line, decision.Record)
	}
	return w.bus.PutRecord(ctx, d, decision.Record)
}

// showEvery is how often, at most, the line of deliveries without an order is
// told how one of them failed: their records are of one delivery each, and go
// with it.
const showEvery = time.Second

func (w *Worker) showFailure(ctx context.Context, l bus.Line, r action.LineRecord) {
	if w.state.failedWithin(l.RecordKey(), showEvery) {
		return
	}
	if err := w.bus.ShowFailure(ctx, l, r.Running()); err != nil {
		w.log.Warn().Err(err).Str("line", l.Name).Msg("the last failure of a line cannot be shown")
	}
}

// bury stores the dead letter, waits for its confirmation, and only then lets
// the line go on.
func (r *run) bury(ctx context.Context, record action.LineRecord, cause *action.Error) {
	w, d, j := r.worker, r.delivery, r.job
	letter := action.DeadLetter{
		DeliveryID: j.id, Instance: d.Line.Instance, Org: d.Line.Org, Owner: j.owner, Target: j.target.Name,
		Phase: j.phase, Match: j.match, EventType: eventType(j), Subject: d.Subject, Sequence: j.sequence,
		StoredAt: d.StoredAt, FailingSince: record.FailingSince, DeadAt: time.Now(), Attempts: record.Attempts,
		Reason: record.Reason, LastStatus: record.LastStatus, LastError: describe(record, cause), Body: d.Body,
	}
	if again := d.Letter; again != nil { // it stays the letter it was, with what came after
		letter.Org, letter.Subject, letter.StoredAt = again.Org, again.Subject, again.StoredAt
	}
	if err := w.bus.StoreDead(ctx, letter, d.LetterPlace); err != nil {
		w.giveWay(d, err)
		return
	}
	w.log.Warn().Str("delivery", j.id).Str("target", j.target.Name).Str("reason", string(record.Reason)).
		Int("attempts", record.Attempts).Int("status", record.LastStatus).Uint64("sequence", d.Sequence).Msg("dead letter")
	w.done(d, d.Ack())
	if d.Line.Unordered { // its record is of this delivery alone
		if err := w.bus.DropRecord(ctx, d); err != nil {
			w.log.Warn().Err(err).Msg("record of a finished delivery stays behind")
		}
	}
}

func eventType(j *job) string {
	if j.phase == action.OnEvent {
		return j.name
	}
	return ""
}

// maxDescription bounds what a dead letter says of the last error, in bytes.
const maxDescription = 1024

func describe(record action.LineRecord, cause *action.Error) string {
	if cause == nil {
		return record.LastCode.Message()
	}
	text := cause.Error()
	return text[:min(len(text), maxDescription)]
}
