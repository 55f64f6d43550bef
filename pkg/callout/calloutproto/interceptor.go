package calloutproto

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/callout"
)

// Options of a middleware. Its functions may be called from any goroutine.
type Options struct {
	// Client is the connection to Callout. It holds the methods that are never
	// intercepted and the headers that targets may see.
	Client *callout.Client
	// Identify tells on whose behalf a call is made, from the context that the
	// core's authentication has filled: the middleware belongs behind that. Nil
	// = nobody, and only the instance's executions run.
	Identify func(context.Context) callout.Identity
	// Validate looks at a request or response that a target changed, before the
	// core uses it; calloutvalidate has one for protovalidate's rules. Nil
	// accepts all.
	Validate func(proto.Message) error
	// OnWarnings is told what went wrong in a call without ending it. It is
	// called before the call goes on.
	OnWarnings func(context.Context, Warned)
}

// Warned is what went wrong in one phase of one call.
type Warned struct {
	Method   string
	Phase    action.Phase
	Warnings []action.Warning
}

// Invalid is the error of a message that a target changed and that the core's
// validation refuses. Err is what Options.Validate said.
type Invalid struct {
	Phase action.Phase
	Err   error
}

func (i *Invalid) Error() string {
	return "the changed " + string(i.Phase) + " is not valid: " + i.Err.Error()
}

// Unwrap gives what the validation said.
func (i *Invalid) Unwrap() error { return i.Err }

// Call names a unary call of the core.
type Call struct {
	Method  string              // full method, /package.Service/Method
	Headers map[string][]string // of the caller
}

// Handle is the rest of the core: it handles the request.
type Handle func(context.Context, proto.Message) (proto.Message, error)

// Wanted tells whether Unary may have anything to do for a method; false means
// that the core can go on without it. It does not allocate.
func (o *Options) Wanted(ctx context.Context, method string) bool {
	org := o.identity(ctx).OrgID
	return o.Client.Configured(action.Request, method, org) || o.Client.Configured(action.Response, method, org)
}

func (o *Options) identity(ctx context.Context) callout.Identity {
	if o.Identify == nil {
		return callout.Identity{}
	}
	return o.Identify(ctx)
}

// Unary runs the request's executions, handle, and the response's executions.
// handle gets request itself when nothing changed it, else a changed copy; the
// same holds of the response. An error of handle is returned as it is and no
// response's execution runs. Any other error is an *action.Error or an
// *Invalid. Nothing is encoded when nothing is configured.
func (o *Options) Unary(ctx context.Context, call Call, request proto.Message, handle Handle) (proto.Message, error) {
	who := o.identity(ctx)
	onRequest := o.Client.Configured(action.Request, call.Method, who.OrgID)
	if !onRequest && !o.Client.Configured(action.Response, call.Method, who.OrgID) {
		return handle(ctx, request)
	}
	// The request is written down before the handler runs, which may change the
	// message it gets.
	sent, err := Encode(request)
	if err != nil {
		return nil, err
	}
	out := callout.Call{Method: call.Method, OrgID: who.OrgID, ProjectID: who.ProjectID, UserID: who.UserID,
		Headers: call.Headers, Traceparent: traceparent(call.Headers), Request: sent}
	if onRequest {
		if request, out.Request, err = o.phase(ctx, action.Request, out, request, sent); err != nil {
			return nil, err
		}
	}
	response, err := handle(ctx, request)
	if err != nil || response == nil || !o.Client.Configured(action.Response, call.Method, who.OrgID) {
		return response, err
	}
	if out.Response, err = Encode(response); err != nil {
		return nil, err
	}
	response, _, err = o.phase(ctx, action.Response, out, response, out.Response)
	return response, err
}

// phase lets the targets see m, which sent holds as JSON. It returns both when
// nothing changed, else a changed copy and its JSON.
func (o *Options) phase(ctx context.Context, phase action.Phase, out callout.Call, m proto.Message, sent []byte) (proto.Message, []byte, error) {
	changed, warnings, err := o.Client.Intercept(ctx, phase, out)
	if len(warnings) > 0 && o.OnWarnings != nil {
		o.OnWarnings(ctx, Warned{Method: out.Method, Phase: phase, Warnings: warnings})
	}
	if err != nil || changed == nil {
		return m, sent, err
	}
	fresh, err := Apply(m, sent, changed)
	if err != nil {
		return nil, nil, err
	}
	if o.Validate != nil {
		if err := o.Validate(fresh); err != nil {
			return nil, nil, &Invalid{Phase: phase, Err: err}
		}
	}
	// Not what the targets sent, which may hold fields that the core ignores.
	taken, err := Encode(fresh)
	return fresh, taken, err
}

// traceparent finds the W3C trace context in the headers of HTTP or gRPC.
func traceparent(headers map[string][]string) string {
	for _, name := range []string{"Traceparent", "traceparent"} {
		if values := headers[name]; len(values) > 0 {
			return values[0]
		}
	}
	return ""
}
