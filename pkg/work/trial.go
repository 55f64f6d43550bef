package work

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/calls"
	"github.com/callout-hq/callout/pkg/invoke"
	"github.com/callout-hq/callout/pkg/sign"
)

// try has one exchange with a target as a call or a delivery would, and tells
// how it went. Nothing counts it: no limit, no breaker, no line. A target that
// is paused is tried all the same.
func (w *Worker) try(ctx context.Context, t calls.Trial) (tried calls.Tried, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = w.panicked(cause, t.Instance, "trial of "+t.Target.Name)
		}
	}()
	body, err := checkTrial(&t, w.bus.MaxObject())
	if err != nil {
		return calls.Tried{}, err
	}
	keys := []string{sign.NewKey()}
	if t.Stored {
		if keys, err = w.keys.get(ctx, t.Instance, t.Owner, &t.Target); err != nil {
			return calls.Tried{}, err
		}
	}
	sent, err := w.keys.sent(ctx, t.Instance, t.Owner, &t.Target, "")
	if err != nil {
		return calls.Tried{}, err
	}
	ch := chain{worker: w, body: body}
	applied := ch.body != nil && t.Target.Kind == action.CallOut
	exchange := invoke.Call{
		Target: &t.Target, Keys: keys, Headers: sent.headers, Identity: sent.tls, Body: t.Body, ID: newID(time.Now()), Attempt: 1, ReadBody: applied, Heard: ch.body != nil,
		Instance: t.Instance, MayAsk: t.Owner == "" && t.Stored,
	}
	if exchange.Heard {
		exchange.Org = ch.body.OrgID
	} else {
		exchange = exchange.AsEvent(time.Now())
	}
	trial := w.tried(ctx, exchange, &t)
	out := calls.Tried{
		Outcome: action.StepOK, Status: trial.Status, Duration: trial.Duration, ResponseBody: trial.Masked(trial.Shown, &t.Target),
		RequestHeaders:  headerLines(trial.RequestHeader, sentSecret(&t.Target)),
		ResponseHeaders: headerLines(trial.ResponseHeader, action.NamesSecret),
	}
	for n, line := range out.ResponseHeaders {
		out.ResponseHeaders[n].Name = string(trial.Masked([]byte(line.Name), &t.Target))
		out.ResponseHeaders[n].Value = string(trial.Masked([]byte(line.Value), &t.Target))
	}
	failure := trial.Err
	if failure == nil && applied {
		if out.Outcome, err = ch.apply(ctx, &t.Target, trial.Answer); err != nil {
			failure = trial.WithoutSecrets(action.AsError(err, action.StageApply), &t.Target)
		}
	}
	switch {
	case failure != nil:
		out.Outcome, out.Code, out.Message = action.StepFailed, failure.Code, operators(failure)
		if failure.Code == action.CodeRejected {
			out.Outcome = action.StepRejected
		}
	case out.Outcome == action.StepChanged:
		out.Object = ch.body.Object()
	}
	w.log.Info().Str("instance", t.Instance).Str("target", t.Target.Name).Int("status", out.Status).
		Str("outcome", string(out.Outcome)).Str("code", string(out.Code)).Msg("target tried")
	return out, nil
}

// tried has the exchange, with what the target needs of the instance's keys.
func (w *Worker) tried(ctx context.Context, exchange invoke.Call, t *calls.Trial) invoke.Trial {
	id := ""
	if t.Stored {
		id = w.targetID(ctx, t.Instance, t.Owner, &t.Target)
	}
	if err := w.wrapped(ctx, &exchange, t.Instance, t.Owner, id); err != nil {
		return invoke.Trial{Answer: invoke.Answer{Err: action.AsError(err, action.StageInvoke).WithTarget(t.Target.Name)}}
	}
	return w.invoker.Try(ctx, exchange)
}

// operators is what an operator reads of an error: its cause too, which tells
// of addresses and never holds a key.
func operators(err *action.Error) string {
	if err.Cause == nil {
		return err.Message
	}
	return err.Message + ": " + err.Cause.Error()
}

// headerLines lists headers by name; those that secret names are masked.
func headerLines(h http.Header, secret func(name string) bool) []calls.HeaderLine {
	var out []calls.HeaderLine
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, value := range h[name] {
			if secret(name) {
				value = action.Masked
			}
			out = append(out, calls.HeaderLine{Name: name, Value: value})
		}
	}
	return out
}

// sentSecret tells which headers of a request must not be shown: signatures,
// and all that the target's definition sets.
func sentSecret(t *action.Target) func(string) bool {
	own := map[string]bool{http.CanonicalHeaderKey(sign.HeaderZitadel): true, http.CanonicalHeaderKey(sign.HeaderSignature): true}
	for name := range t.Headers {
		own[http.CanonicalHeaderKey(name)] = true
	}
	for name := range t.HeaderSources {
		own[http.CanonicalHeaderKey(name)] = true
	}
	return func(name string) bool { return own[name] || action.NamesSecret(name) }
}
