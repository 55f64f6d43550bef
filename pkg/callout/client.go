package callout

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/outcome"
	"github.com/callout-hq/callout/pkg/wire"
)

// Options of a client.
type Options struct {
	// URL of NATS, such as nats://127.0.0.1:4222.
	URL string
	// InProcess is an embedded server to talk to without a socket; URL is then
	// not used.
	InProcess bus.InProcess
	// Instance whose users extend this core; empty = "default".
	Instance string
	// Name is shown in NATS's list of connections; empty = "callout core".
	Name string
	// OnUnknown decides what a call does before the conditions were read for
	// the first time: fail (the default) or continue.
	OnUnknown action.OnUnavailable
	// MaxObject is the size in bytes an object may have; 0 = 1 MiB.
	MaxObject int
	Log       zerolog.Logger
}

// firstLook is how long Connect waits for the conditions when NATS answers.
const firstLook = 2 * time.Second

// Client is a core's connection to Callout. Its methods may be called from any
// goroutine.
type Client struct {
	bus      *bus.Bus
	opts     Options
	filter   atomic.Pointer[catalog.Filter]
	unfollow context.CancelFunc
}

// Connect makes a client. It does not fail when NATS is away: the client then
// connects in the background, and Options.OnUnknown decides about calls until
// it has. When NATS answers, Connect waits for the conditions, at most two
// seconds and at most until ctx ends.
func Connect(ctx context.Context, o Options) (*Client, error) {
	if o.Instance == "" {
		o.Instance = "default"
	}
	if o.Name == "" {
		o.Name = "callout core"
	}
	b, err := bus.Connect(ctx, bus.Options{URL: o.URL, InProcess: o.InProcess, Name: o.Name, Log: o.Log, MaxObject: o.MaxObject, Patient: true})
	if err != nil {
		return nil, err
	}
	following, unfollow := context.WithCancel(context.Background())
	c := &Client{bus: b, opts: o, unfollow: unfollow}
	first := b.FollowConditions(following, o.Instance, func(conditions catalog.Conditions) {
		c.filter.Store(catalog.CompileFilter(conditions))
	})
	if b.Connected() {
		look, cancel := context.WithTimeout(ctx, firstLook)
		defer cancel()
		select {
		case <-first:
		case <-look.Done():
		}
	}
	return c, nil
}

// Close ends the client. Calls under way fail.
func (c *Client) Close() {
	c.unfollow()
	c.bus.Close()
}

// Call is what a core says of a request it is about to handle, or of the
// response it is about to send.
type Call struct {
	Method      string // full method, /package.Service/Method
	OrgID       string
	ProjectID   string
	UserID      string
	Headers     map[string][]string // only those the targets may see
	Request     []byte              // JSON object
	Response    []byte              // JSON object; of a response only
	Traceparent string
}

// Request runs the executions for a request before it is handled. A result
// with outcome continue and an Object means: handle that instead. The error is
// an *action.Error and tells of a call that could not be made at all, such as
// one that is too large; everything else is an outcome. The deadline is ctx's,
// or 30 seconds.
func (c *Client) Request(ctx context.Context, call Call) (action.Result, error) {
	call.Response = nil
	return c.call(ctx, action.Request, call)
}

// Response runs the executions for a response before it is sent. Object is
// then the changed response.
func (c *Client) Response(ctx context.Context, call Call) (action.Result, error) {
	return c.call(ctx, action.Response, call)
}

func (c *Client) call(ctx context.Context, phase action.Phase, call Call) (action.Result, error) {
	if result, done := c.filtered(phase, call.Method, call.OrgID); done {
		return result, nil
	}
	body := wire.CallBody{
		FullMethod: call.Method, InstanceID: c.opts.Instance, OrgID: call.OrgID, ProjectID: call.ProjectID,
		UserID: call.UserID, Request: call.Request, Headers: call.Headers, Response: call.Response,
	}.Encode()
	return c.send(ctx, phase, call.Method, call.OrgID, body, call.Traceparent)
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
	return c.send(ctx, action.Function, name, facts.OrgID, body, "")
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

func (c *Client) send(ctx context.Context, phase action.Phase, name, org string, body []byte, traceparent string) (action.Result, error) {
	timeout := action.DefaultBudget
	if deadline, ok := ctx.Deadline(); ok {
		timeout = min(time.Until(deadline), action.MaxBudget)
	}
	raw, err := c.bus.Call(ctx, bus.CallRequest{Instance: c.opts.Instance, Phase: phase, Name: name, Body: body,
		Timeout: timeout, Traceparent: traceparent})
	if err == nil {
		return wire.DecodeReply(raw)
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
