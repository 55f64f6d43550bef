package work

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/invoke"
	"github.com/callout-hq/callout/pkg/outcome"
	"github.com/callout-hq/callout/pkg/wire"
)

// limitWait is how long a delivery waits in the worker, at most, for its target's
// own limits.
const limitWait = time.Second

// attempt makes one exchange and settles what becomes of the delivery.
func (r *run) attempt(ctx context.Context) {
	w, d, c := r.worker, r.delivery, r.claim
	keys, err := w.keysOf(ctx, d.Line.Instance, c)
	if err != nil {
		r.hold(err, false)
		return
	}
	sent, err := w.sentTo(ctx, d.Line.Instance, c)
	if err != nil {
		r.hold(err, false)
		return
	}
	number, earlier := 1, r.recorded()
	if r.known && r.before.Sequence == d.Sequence {
		number = r.before.Attempts + 1
	}
	if !d.Held() {
		w.lapsed(d, c)
		return
	}
	if wait := w.flows.takeDelivery(d.Line.Instance, len(d.Body)); wait > 0 { // uncharged: nothing was sent
		w.log.Debug().Str("instance", d.Line.Instance).Str("line", d.Line.Name).Str("delivery", c.id).Dur("wait_ms", wait).Msg("delivery waits for its instance's quota of bytes")
		w.done(d, d.Wait(wait))
		return
	}
	exchange := invoke.Call{
		Target: c.target, Owner: c.owner, MayAsk: c.owner == "", Keys: keys, Headers: sent.headers, Identity: sent.tls, Body: d.Body, ID: c.id, Attempt: number,
		Sequence: c.sequence, Traceparent: d.Traceparent, Replay: d.Line.Replay, Redrive: d.Line.Redrive, Wait: limitWait,
		Instance: d.Line.Instance, Org: c.org,
	}
	if c.phase == action.OnEvent {
		exchange.EventID, exchange.EventType, exchange.EventTime = c.eventID, c.name, c.storedAt
		event := wire.CloudEventOf(&c.body, d.Line.Instance, c.org, c.eventID, c.sequence, c.storedAt)
		event.Type = c.name // also of a letter whose body is none
		exchange.Event = &event
	}
	id := c.left
	if id == "" {
		id = w.targetID(ctx, d.Line.Instance, c.owner, c.target)
	}
	if err := w.wrapped(ctx, &exchange, d.Line.Instance, c.owner, id); err != nil {
		r.hold(err, false)
		return
	}
	answer := w.invoker.Do(ctx, exchange)
	if !answer.Sent {
		w.flows.unsent(d.Line.Instance, len(d.Body))
	}
	switch {
	case !d.Held() || errors.Is(context.Cause(ctx), lines.ErrLapsed):
		w.lapsed(d, c)
	case answer.Err != nil && ctx.Err() != nil: // the worker stops: not the target's fault
		w.done(d, d.HandBack())
	case answer.Uncharged: // a limit of ours stood in the way, nothing was sent
		w.log.Info().Str("instance", d.Line.Instance).Str("line", d.Line.Name).Str("delivery", c.id).Str("code", string(answer.Err.Code)).Dur("wait_ms", answer.RetryAfter).Msg("delivery waits for its target's limits")
		w.done(d, d.Wait(answer.RetryAfter))
	default:
		r.answered(ctx, answer, number, earlier)
	}
}

// recorded tells whether something was recorded of the delivery before: an attempt,
// that it was stored, or all that came before it is sent again.
func (r *run) recorded() bool {
	d := r.delivery
	return d.Line.Async || d.Line.Replay || r.known && r.before.Sequence == d.Sequence
}

// about says what the delivery is, for the log of attempts.
func (r *run) about() about {
	d, c := r.delivery, r.claim
	return about{
		instance: d.Line.Instance, scope: d.Line.Org, org: c.org, phase: c.phase, name: c.name, aggregate: c.body.AggregateID, eventID: cmp.Or(c.eventID, c.body.ID),
		owner: c.owner, target: c.target, id: c.id, sequence: c.sequence, redrive: d.Line.Redrive, replay: d.Line.Replay,
	}
}

// answered settles a delivery that was sent.
func (r *run) answered(ctx context.Context, answer invoke.Answer, number int, earlier bool) {
	w, c, ended := r.worker, r.claim, time.Now()
	if answer.Err != nil && !r.known {
		// Since when the line fails is asked of the server, not of the watch.
		if err := r.recall(ctx); err != nil {
			r.hold(err, false)
			return
		}
	}
	decision := r.decide(answer)
	line := exchange{
		about: r.about(), number: number, status: answer.Status, err: answer.Err, took: answer.Duration,
		verdict: string(decision.Verdict), wait: decision.Delay, revision: c.revision,
		ended: ended, answer: answer, decision: decisions[decision.Verdict], earlier: earlier,
	}
	defer w.logExchange(line) // the line need not wait for our log, and what it says is done
	if answer.Err != nil {
		r.failed = failedAnswer(answer, c.target)
		r.date(ctx, &decision.Record)
	}
	r.settle(decision, answer.Err)
}

func (r *run) decide(answer invoke.Answer) outcome.Decision {
	d, c := r.delivery, r.claim
	a := outcome.Attempt{
		Err: answer.Err, Status: answer.Status, RetryAfter: answer.RetryAfter, Policy: c.target.Retry,
		Before: r.before, Sequence: d.Sequence, DeliveryID: c.id, StoredAt: d.StoredAt, Now: time.Now(),
	}
	if answer.Err != nil { // how long it may go on, and how
		a.Resumed, a.Jitter = r.worker.state.resumedAt(d.Line.Instance, c.owner, c.target.Name), rand.Float64()
		if c.onExhausted != nil {
			a.OnExhausted = c.onExhausted()
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
	if record.LastSuccess, err = r.delivery.LastAck(ctx); err != nil {
		r.worker.log.Warn().Err(err).Str("line", r.delivery.Line.Name).Msg("when the line last succeeded is not known")
	}
}
