package work

import (
	"context"
	"fmt"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/calls"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/invoke"
	"github.com/callout-hq/callout/pkg/outcome"
	"github.com/callout-hq/callout/pkg/patch"
	"github.com/callout-hq/callout/pkg/wire"
)

// call answers one call: exactly one outcome, by its deadline.
func (w *Worker) call(ctx context.Context, c *calls.IncomingCall) {
	defer func() {
		if cause := recover(); cause != nil {
			w.sent(c.Refuse(action.AsError(w.panicked(cause, c.Instance, "call of "+c.Name), action.StageInvoke)))
		}
	}()
	result, err := w.answer(ctx, c)
	if err != nil {
		refusal := action.AsError(err, action.StageInvoke)
		w.log.Info().Err(refusal).Str("instance", c.Instance).Str("phase", string(c.Phase)).Str("name", c.Name).Msg("call refused")
		w.sent(c.Refuse(refusal))
		return
	}
	text := wire.NewBuffer()
	defer text.Free() // the bus has copied it by then
	text.Text = wire.AppendReply(text.Text, c.Phase, result)
	err = c.Reply(text.Text)
	if action.CodeOf(err) == action.CodeTooLarge {
		result.Outcome, result.Object = action.Failed, nil
		result.Error = action.NewError(action.CodeTooLarge, action.StageBus, "the changed object is too large for the bus")
		err = c.Reply(wire.EncodeReply(c.Phase, result))
	}
	w.sent(err)
}

func (w *Worker) sent(err error) {
	if err != nil {
		w.log.Warn().Err(err).Msg("answer to a call could not be sent")
	}
}

func (w *Worker) answer(ctx context.Context, c *calls.IncomingCall) (action.Result, error) {
	m, err := w.catalogFor(ctx, c)
	if action.CodeOf(err) == action.CodeDeadline { // it ends as every call whose time is over
		now, err := w.catalogs.Of(c.Instance).AtLeast(ctx, 0)
		if err != nil {
			return action.Result{}, err
		}
		return outcome.TooLate(now.Revision()), nil
	}
	if err != nil {
		return action.Result{}, err
	}
	if err := w.flows.takeCall(c.Instance); err != nil {
		return action.Result{}, err
	}
	body, err := wire.NewCall(c.Instance, c.Phase, c.Name, c.Body, w.bus.MaxObject())
	if err != nil {
		return action.Result{}, err
	}
	result := action.Result{Outcome: action.Continue, Revision: m.Revision()}
	if plan := m.Call(c.Phase, c.Name, body.OrgID); plan != nil {
		ch := chain{worker: w, call: c, body: body, result: &result}
		ch.run(ctx, plan)
	}
	return result, nil
}

// chain runs the targets of a call one after the other. Each sees the object
// as the one before left it.
type chain struct {
	worker  *Worker
	call    *calls.IncomingCall
	body    *wire.Call
	changed bool
	result  *action.Result
	id      string // of the call, by which its turns are found
}

func (c *chain) run(ctx context.Context, plan *catalog.Plan) {
	c.id = newID(time.Now())
	for i := range plan.Turns {
		turn := &plan.Turns[i]
		step, err := c.turn(ctx, turn)
		c.result.Steps = append(c.result.Steps, step)
		if err == nil {
			continue
		}
		err = err.WithTarget(turn.Target.Name)
		if ctx.Err() != nil && err.Code != action.CodeRejected {
			// The caller's time is over: going on would only fail the rest.
			c.end(action.Failed, err)
			return
		}
		if turn.Target.InterruptOnError {
			outcome := action.Failed
			if err.Code == action.CodeRejected {
				outcome = action.Rejected
			}
			c.end(outcome, err)
			return
		}
		c.result.Warnings = append(c.result.Warnings,
			action.Warning{Code: err.Code, Status: err.Status, Message: err.Message, Target: err.Target})
	}
	if c.changed {
		c.result.Object = c.body.Object()
	}
}

func (c *chain) end(outcome action.Outcome, err *action.Error) {
	c.result.Outcome, c.result.Error = outcome, err
}

// turn is one target's turn.
func (c *chain) turn(ctx context.Context, t *catalog.Turn) (action.Step, *action.Error) {
	began := time.Now()
	step := action.Step{Target: t.Target.Name, Kind: t.Target.Kind}
	var answer invoke.Answer
	var err error
	id := newID(began)
	switch {
	case c.worker.state.isPaused(c.call.Instance, t.Owner, t.Target):
		err = action.NewError(action.CodePaused, action.StageInvoke, "")
	case t.Target.Kind == action.Async:
		step.Outcome = action.StepStored
		err = c.store(ctx, id, t)
	default:
		step.Outcome = action.StepOK
		if answer, err = c.invoke(ctx, id, t); err == nil && t.Target.Kind == action.CallOut {
			step.Outcome, err = c.apply(ctx, t.Target, answer)
			step.Interrupt = step.Outcome == action.StepChanged && t.Target.InterruptOnError
		}
	}
	step.Status = answer.Status
	took := time.Since(began)
	step.DurationMS = float64(took.Microseconds()) / 1000
	failure := action.AsError(err, action.StageInvoke)
	if failure != nil {
		failure = answer.WithoutSecrets(failure, t.Target)
		step.Outcome = action.StepFailed
		if failure.Code == action.CodeRejected {
			step.Outcome = action.StepRejected
		}
	}
	c.worker.logExchange(exchange{
		about: about{
			instance: c.call.Instance, scope: t.Scope, org: c.body.OrgID, phase: c.call.Phase, name: c.call.Name, callID: c.id,
			owner: t.Owner, target: t.Target, id: id,
		},
		number: 1, status: answer.Status, err: failure, took: took, verdict: string(step.Outcome), revision: c.result.Revision,
		ended: began.Add(took), answer: answer, decision: turnDecisions[step.Outcome], unsent: answer.Duration == 0 || answer.Uncharged,
	})
	return step, asTold(failure)
}

// asTold is a failure as the caller is told of it. What keeps us from sending at all is
// the operator's to know and to mend: he reads in the log and in the record of the
// attempt which secret is not set, and the caller reads the code's own words.
func asTold(err *action.Error) *action.Error {
	if err == nil || err.Stage != action.StageInvoke || !err.Code.IsOurs() && err.Code != action.CodeNoPublicKey {
		return err
	}
	return action.NewError(err.Code, err.Stage, "")
}

func (c *chain) invoke(ctx context.Context, id string, t *catalog.Turn) (invoke.Answer, error) {
	keys, err := c.worker.keys.get(ctx, c.call.Instance, t.Owner, t.Target)
	if err != nil {
		return invoke.Answer{}, err
	}
	sent, err := c.worker.keys.sent(ctx, c.call.Instance, t.Owner, t.Target, "")
	if err != nil {
		return invoke.Answer{}, err
	}
	exchange := invoke.Call{
		Target: t.Target, Owner: t.Owner, MayAsk: t.Owner == "", Keys: keys, Headers: sent.headers, Identity: sent.tls, Body: c.body.Raw(), ID: id, Attempt: 1,
		Traceparent: c.call.Traceparent, ReadBody: t.Target.Kind == action.CallOut, Heard: true,
		Shares: c.worker.shares, Instance: c.call.Instance, Org: c.body.OrgID,
	}
	if err := c.worker.wrapped(ctx, &exchange, c.call.Instance, t.Owner, c.worker.targetID(ctx, c.call.Instance, t.Owner, t.Target)); err != nil {
		return invoke.Answer{}, err
	}
	answer := c.worker.invoker.Do(ctx, exchange)
	if answer.Sent {
		c.worker.flows.sent(c.call.Instance, len(c.body.Raw()))
	}
	if answer.Err != nil {
		return answer, answer.Err
	}
	return answer, nil
}

// apply changes the object on a copy; the copy takes its place only when all
// held.
func (c *chain) apply(ctx context.Context, t *action.Target, answer invoke.Answer) (action.StepOutcome, error) {
	before, limit := c.body.Object(), c.worker.bus.MaxObject()
	ways := c.body.ObjectWays(t.Redact)
	seen := before
	if before != nil {
		var err error
		if seen, err = ways.Redact(before); err != nil {
			return action.StepOK, err
		}
	}
	object, changed, err := patch.Apply(ctx, seen, patch.Answer{
		Body: answer.Body, JSONPatch: answer.ContentType == patch.JSONPatch, Mapping: t.Mapping, Function: c.body.Phase == action.Function, Allow: t.Allow,
	}, limit)
	if err != nil || !changed {
		return action.StepOK, err
	}
	if len(ways) > 0 && before != nil {
		if object, err = patch.Restore(before, seen, object, ways, limit); err != nil {
			return action.StepOK, err
		}
	}
	next := c.body.With(object)
	if size := next.Size(); size > limit { // the bus takes any body that is no larger than an object may be
		if most := c.worker.bus.MaxBody(); size > most {
			return action.StepOK, action.NewError(action.CodeTooLarge, action.StageApply, "the body has become too large for the bus").
				WithCause(fmt.Errorf("%d bytes, %d are allowed", size, most))
		}
	}
	c.body, c.changed = next, true
	return action.StepChanged, nil
}

// store puts the delivery on a stream before the chain goes on, so that no
// crash can lose it.
func (c *chain) store(ctx context.Context, id string, t *catalog.Turn) error {
	err := c.worker.bus.Instance(c.call.Instance).StoreAsync(ctx, bus.AsyncDelivery{
		ID: id, Owner: t.Owner, Target: t.Target.Name, Phase: c.call.Phase, Name: c.call.Name,
		Org: c.body.OrgID, Body: c.body.Raw(), Revision: c.result.Revision, Traceparent: c.call.Traceparent,
	})
	return c.worker.flows.overStorage(c.call.Instance, err)
}
