package work

import (
	"context"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/letters"
	"github.com/callout-hq/callout/pkg/bus/lines"
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
		r.comeAgain(err)
		return
	}
	switch decision.Verdict {
	case outcome.Ack:
		if d.Letter != nil {
			if err := letters.Of(w.bus.Instance(d.Line.Instance)).ForgetOf(ctx, d.LetterPlace, r.claim.id); err != nil {
				r.comeAgain(err)
				return
			}
		}
		w.done(d, d.Ack())
	case outcome.Retry:
		w.done(d, d.Wait(decision.Delay))
	case outcome.Pause:
		if err := w.bus.Instance(d.Line.Instance).PauseTarget(ctx, r.claim.owner, r.claim.target.Name, decision.Record.LastCode); err != nil {
			r.comeAgain(err)
			return
		}
		w.log.Warn().Str("target", r.claim.target.Name).Str("reason", string(decision.Record.LastCode)).Msg("target paused")
		w.done(d, d.Wait(pausedWait))
	case outcome.Stop:
		if err := r.stop(ctx, decision.Record); err != nil {
			r.comeAgain(err)
			return
		}
		w.log.Warn().Str("line", d.Line.Name).Str("reason", string(decision.Record.Reason)).Msg("line stopped until it is resumed")
		w.done(d, d.Wait(faultWait))
	case outcome.Dead:
		r.bury(ctx, decision.Record, cause)
	}
}

// comeAgain lets a delivery come again whose decision could not be carried out.
// What has been written of it by then is asked for when it comes. The longer that
// lasts, as while the dead letters are full, the longer it waits.
func (r *run) comeAgain(err error) {
	w, d := r.worker, r.delivery
	wait := w.state.again(d.Line.Key(), time.Now())
	w.log.Error().Err(err).Str("instance", d.Line.Instance).Str("line", d.Line.Name).Str("delivery", r.claim.id).Uint64("sequence", d.Sequence).
		Dur("again_in_ms", wait).Msg("what was decided could not be carried out yet")
	w.done(d, d.Wait(wait))
}

// stop lets the line stand. That of deliveries without an order is told why: no
// one of them is its head.
func (r *run) stop(ctx context.Context, record action.LineRecord) error {
	w, l := r.worker, r.delivery.Line
	if l.Unordered {
		if err := w.lines(r.delivery).PutLineRecord(ctx, l, record); err != nil {
			return err
		}
	}
	return r.delivery.StopLine(ctx)
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
		return w.lines(d).DropRecord(ctx, d)
	case decision.Verdict == outcome.Ack:
		return w.lines(d).PutRecord(ctx, d, r.before.Running())
	case r.known && r.before == decision.Record:
		return nil
	}
	if d.Line.Unordered && decision.Record.Reason != action.CodeStopped { // its line says that
		w.showFailure(ctx, d, decision.Record)
	}
	return w.lines(d).PutRecord(ctx, d, decision.Record)
}

// showEvery is how often, at most, the line of deliveries without an order is
// told how one of them failed: their records are of one delivery each, and go
// with it.
const showEvery = time.Second

func (w *Worker) showFailure(ctx context.Context, d *lines.Delivery, r action.LineRecord) {
	if w.state.failedWithin(d.Line.RecordKey(), showEvery) {
		return
	}
	if err := w.lines(d).ShowFailure(ctx, d.Line, r.Running()); err != nil {
		w.log.Warn().Err(err).Str("line", d.Line.Name).Msg("the last failure of a line cannot be shown")
	}
}

// bury stores the dead letter, waits for its confirmation, and only then lets
// the line go on.
func (r *run) bury(ctx context.Context, record action.LineRecord, cause *action.Error) {
	w, d, c := r.worker, r.delivery, r.claim
	letter := action.DeadLetter{
		DeliveryID: c.id, Instance: d.Line.Instance, Org: d.Line.Org, Owner: c.owner, Target: c.target.Name,
		Phase: c.phase, Match: c.match, EventType: eventType(c), Subject: d.Subject, Sequence: c.sequence,
		StoredAt: d.StoredAt, FailingSince: record.FailingSince, DeadAt: time.Now(), Attempts: record.Attempts,
		Reason: record.Reason, LastStatus: record.LastStatus, LastError: describe(record, cause), LastAnswer: r.failed, Body: d.Body,
	}
	from := d.Origin()
	letter.EventID, letter.EventOrg, letter.Aggregate = from.EventID, from.Org, from.Aggregate
	if again := d.Letter; again != nil { // it stays the letter it was, with what came after
		letter.Org, letter.Subject, letter.StoredAt = again.Org, again.Subject, again.StoredAt
	}
	err := letters.Of(w.bus.Instance(d.Line.Instance)).Keep(ctx, letter, d.LetterPlace)
	if code := action.CodeOf(err); code == action.CodeTooLarge || code == action.CodeBadField {
		w.log.Error().Err(err).Str("instance", d.Line.Instance).Str("line", d.Line.Name).Uint64("sequence", d.Sequence).
			Msg("a delivery that can never be made, nor be kept as a dead letter, is ended")
		w.done(d, d.End())
		return
	}
	if err != nil {
		r.comeAgain(err)
		return
	}
	w.state.carriedOut(d.Line.Key())
	w.log.Warn().Str("delivery", c.id).Str("target", c.target.Name).Str("reason", string(record.Reason)).
		Int("attempts", record.Attempts).Int("status", record.LastStatus).Uint64("sequence", d.Sequence).Msg("dead letter")
	w.done(d, d.Ack())
	if d.Line.Unordered { // its record is of this delivery alone
		if err := w.lines(d).DropRecord(ctx, d); err != nil {
			w.log.Warn().Err(err).Msg("record of a finished delivery stays behind")
		}
	}
}

func eventType(c *claim) string {
	if c.phase == action.OnEvent {
		return c.name
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
