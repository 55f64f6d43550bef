package callout

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/calls"
	"github.com/callout-hq/callout/pkg/outcome"
	"github.com/callout-hq/callout/pkg/wire"
)

// Call is what a core says of a request it is about to handle, or of the
// response it is about to send.
type Call struct {
	Method    string // full method, /package.Service/Method
	OrgID     string
	ProjectID string
	UserID    string
	Headers   map[string][]string // of the caller; targets see those that Options.Headers names
	Request   []byte              // JSON object
	Response  []byte              // JSON object; of a response only
}

// Request runs the executions for a request before it is handled. A result
// with outcome continue and an Object means: handle that instead. The error is
// an *action.Error and tells of a call that could not be made at all, such as
// one that is too large; everything else is an outcome. The deadline is ctx's,
// or 30 seconds. Targets get the trace context that ctx has by WithTraceparent.
func (c *Client) Request(ctx context.Context, call Call) (action.Result, error) {
	call.Response = nil
	return c.call(ctx, action.Request, call)
}

// Response runs the executions for a response before it is sent. Object is
// then the changed response.
func (c *Client) Response(ctx context.Context, call Call) (action.Result, error) {
	return c.call(ctx, action.Response, call)
}

// Configured tells whether a call may have anything to run; false means that
// nothing need be encoded, for Request and Response would return at once. It is
// true as long as nothing is known of the conditions, and for what is no method. It takes the time of a
// few map look-ups and does not allocate.
func (c *Client) Configured(phase action.Phase, method, org string) bool {
	if c.exempted(method) {
		return false
	}
	filter := c.filter.Load()
	if filter == nil || !action.IsMethod(method) { // Request says what is wrong with it
		return true
	}
	configured, _ := filter.Call(phase, method, org)
	return configured
}

func (c *Client) call(ctx context.Context, phase action.Phase, call Call) (action.Result, error) {
	if c.exempted(call.Method) {
		return action.Result{Outcome: action.Continue, Revision: c.filter.Load().Revision()}, nil
	}
	if err := checkMethod(call.Method); err != nil {
		return action.Result{}, err
	}
	if result, done := c.filtered(phase, call.Method, call.OrgID); done {
		return result, nil
	}
	if err := checkIDs(call); err != nil {
		return action.Result{}, err
	}
	if err := cmp.Or(c.CheckSize(action.Request, call.Request), c.CheckSize(action.Response, call.Response)); err != nil {
		return action.Result{}, err
	}
	headers, err := c.visible(call.Headers)
	if err != nil {
		return action.Result{}, err
	}
	body := wire.CallBody{
		FullMethod: call.Method, InstanceID: c.opts.Instance, OrgID: call.OrgID, ProjectID: call.ProjectID,
		UserID: call.UserID, Request: call.Request, Headers: headers, Response: call.Response,
	}
	text := wire.NewBuffer()
	defer text.Free() // the bus has copied it by then
	text.Text = body.Append(text.Text)
	return c.send(ctx, phase, call.Method, call.OrgID, text.Text)
}

// checkMethod refuses a name that no condition could cover: it would never be
// intercepted, and nobody would notice.
func checkMethod(method string) error {
	if action.IsMethod(method) {
		return nil
	}
	return badField("Method", action.CheckMethod(method))
}

func checkIDs(call Call) error {
	for _, f := range [...]struct{ name, value string }{{"OrgID", call.OrgID}, {"ProjectID", call.ProjectID}, {"UserID", call.UserID}} {
		if err := action.CheckID(f.value); err != nil {
			return badField(f.name, err)
		}
	}
	return nil
}

// CheckSize refuses a request or response that is larger than
// Options.MaxObject, with code too_large: no target could be shown it.
func (c *Client) CheckSize(phase action.Phase, object []byte) error {
	if limit := c.bus.MaxObject(); len(object) > limit {
		return action.NewError(action.CodeTooLarge, action.StageDecode, "").WithField(string(phase)).
			WithCause(fmt.Errorf("%d bytes, %d are allowed", len(object), limit))
	}
	return nil
}

func badField(name string, err error) error {
	return action.NewError(action.CodeBadField, action.StageDecode, name+": "+err.Error()).WithField(name)
}

// Function runs the execution of a function. body is the JSON object of its
// context; `function` is added to it. Object is what the targets returned,
// merged in order.
func (c *Client) Function(ctx context.Context, name string, body []byte) (action.Result, error) {
	facts, err := wire.NewCall(c.opts.Instance, action.Function, name, body, c.bus.MaxObject())
	if err != nil {
		return action.Result{}, err
	}
	if result, done := c.filtered(action.Function, name, facts.OrgID); done {
		return result, nil
	}
	return c.send(ctx, action.Function, name, facts.OrgID, body)
}

// filtered ends a call for which nothing is configured, or of which nothing is
// known yet.
func (c *Client) filtered(phase action.Phase, name, org string) (action.Result, bool) {
	filter := c.filter.Load()
	if filter == nil {
		return outcome.WithoutWorker(true, c.opts.OnUnknown != action.UnavailableContinue, 0), true
	}
	if configured, _ := filter.Call(phase, name, org); !configured {
		return action.Result{Outcome: action.Continue, Revision: filter.Revision()}, true
	}
	return action.Result{}, false
}

func (c *Client) send(ctx context.Context, phase action.Phase, name, org string, body []byte) (action.Result, error) {
	timeout := action.DefaultBudget
	if deadline, ok := ctx.Deadline(); ok {
		timeout = min(time.Until(deadline), action.MaxBudget)
	}
	answer, err := calls.Of(c.instance).Call(ctx, calls.CallRequest{Phase: phase, Name: name, Body: body,
		Timeout: timeout, Traceparent: TraceparentOf(ctx)})
	if err == nil {
		return answer.Result, nil
	}
	filter := c.filter.Load()
	switch action.CodeOf(err) {
	case action.CodeUnavailable:
		configured, fail := filter.Call(phase, name, org)
		return outcome.WithoutWorker(configured, fail, filter.Revision()), nil
	case action.CodeDeadline:
		return outcome.TooLate(filter.Revision()), nil
	}
	return action.Result{}, err
}
