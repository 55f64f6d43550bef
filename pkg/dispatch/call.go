package dispatch

import (
	"context"
	"net/http"
	"strconv"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/calls"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/outcome"
	"github.com/callout-hq/callout/pkg/wire"
)

// handleCall takes a call over HTTP and hands it to the fleet. Whatever the
// outcome is, the status is 200: the transport worked.
func (d *Dispatcher) handleCall(phase action.Phase) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !d.may(w, r, access.MakeCall, access.Scope{Instance: r.PathValue("instance")}) {
			return
		}
		if !d.spends(w, &d.quotas.calls, r.PathValue("instance"), 1, "calls") {
			return
		}
		raw, err := d.Instance(r.PathValue("instance")).call(r, phase)
		if err != nil {
			d.refuse(w, err)
			return
		}
		d.write(w, http.StatusOK, raw)
	}
}

func (i *Instance) call(r *http.Request, phase action.Phase) ([]byte, error) {
	m, err := i.current(r.Context())
	if err != nil {
		return nil, err
	}
	timeout, err := wire.ParseTimeout(r.Header.Get(wire.HeaderTimeout))
	if err != nil {
		return nil, err
	}
	raw, err := wire.ReadBody(r.Body, i.bus.MaxBody()-bus.HeaderRoom)
	if err != nil {
		return nil, err
	}
	name := r.PathValue("name")
	if phase != action.Function {
		if name, err = wire.FullMethod(raw); err != nil {
			name = noMethod
		}
	}
	c, err := wire.NewCall(i.ID, phase, name, raw, i.bus.MaxObject())
	if err != nil {
		return nil, err
	}
	request := calls.CallRequest{Phase: phase, Name: name, Body: raw, Timeout: timeout,
		MinRevision: m.Revision(), Traceparent: wire.Traceparent(r.Header.Get(wire.HeaderTraceparent))}
	if text := r.Header.Get(wire.HeaderMinRevision); text != "" {
		asked, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return nil, action.NewError(action.CodeBadField, action.StageDecode, wire.HeaderMinRevision+" is a number").WithField(wire.HeaderMinRevision)
		}
		request.MinRevision = max(request.MinRevision, asked)
	}
	return i.forward(r.Context(), request, m, c.OrgID)
}

// noMethod stands for the method of a body that names none, and is that of none:
// the body is refused as over NATS, where the subject has the method.
const noMethod = "\xff"

// forward asks a worker; without one the catalog decides how the call ends.
func (i *Instance) forward(ctx context.Context, request calls.CallRequest, m *catalog.Matcher, org string) ([]byte, error) {
	answer, err := calls.Of(i.bus).Call(ctx, request)
	if err == nil {
		return answer.Raw, nil
	}
	switch action.CodeOf(err) {
	case action.CodeUnavailable:
		plan := m.Call(request.Phase, request.Name, org)
		fail := plan != nil && plan.OnUnavailable == action.UnavailableFail
		return wire.EncodeReply(request.Phase, outcome.WithoutWorker(plan != nil, fail, m.Revision())), nil
	case action.CodeDeadline:
		return wire.EncodeReply(request.Phase, outcome.TooLate(m.Revision())), nil
	}
	return nil, err
}
