package work

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/invoke"
	"github.com/callout-hq/callout/pkg/sign"
	"github.com/callout-hq/callout/pkg/wire"
)

// test has one exchange with a target as a call or a delivery would, and tells
// how it went. Nothing counts it: no limit, no breaker, no line. A target that
// is paused is tried all the same.
func (w *Worker) test(ctx context.Context, t bus.Test) (bus.Tested, error) {
	keys := []string{sign.NewKey()}
	if t.Stored {
		var err error
		if keys, err = w.keys.get(ctx, t.Instance, t.Owner, t.Target.Name); err != nil {
			return bus.Tested{}, err
		}
	}
	ch := chain{worker: w}
	if t.Phase != action.OnEvent {
		var err error
		if ch.body, err = wire.NewCall(t.Instance, t.Phase, t.Name, t.Body, w.bus.MaxObject()); err != nil {
			return bus.Tested{}, err
		}
	}
	applied := ch.body != nil && t.Target.Kind == action.CallOut
	trial := w.invoker.Try(ctx, invoke.Call{
		Target: &t.Target, Keys: keys, Body: t.Body, ID: newID(time.Now()), Attempt: 1, ReadBody: applied,
	})
	out := bus.Tested{
		Outcome: action.StepOK, Status: trial.Status, Duration: trial.Duration, ResponseBody: trial.Shown,
		RequestHeaders:  headerLines(trial.RequestHeader, sentSecret(&t.Target)),
		ResponseHeaders: headerLines(trial.ResponseHeader, credential),
	}
	failure := trial.Err
	if failure == nil && applied {
		var err error
		if out.Outcome, err = ch.apply(&t.Target, trial.Answer); err != nil {
			failure = asError(err)
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

// operators is what an operator reads of an error: its cause too, which tells
// of addresses and never holds a key.
func operators(err *action.Error) string {
	if err.Cause == nil {
		return err.Message
	}
	return err.Message + ": " + err.Cause.Error()
}

// masked stands for what is not shown.
const masked = "***"

// headerLines lists headers by name; those that secret names are masked.
func headerLines(h http.Header, secret func(name string) bool) []bus.HeaderLine {
	var out []bus.HeaderLine
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, value := range h[name] {
			if secret(name) {
				value = masked
			}
			out = append(out, bus.HeaderLine{Name: name, Value: value})
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
	return func(name string) bool { return own[name] || credential(name) }
}

// credential tells whether a header usually holds one.
func credential(name string) bool {
	name = strings.ToLower(name)
	return strings.Contains(name, "authorization") || strings.Contains(name, "cookie") ||
		strings.Contains(name, "token") || strings.Contains(name, "secret") || strings.Contains(name, "api-key")
}
