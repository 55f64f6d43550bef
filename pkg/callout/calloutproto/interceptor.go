package calloutproto

import (
	"context"
	"encoding/json"

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
	// core uses it; calloutvalidate has one for protovalidate's rules. Its error
	// ends the call when one of the targets that changed the message has
	// interrupt_on_error, and is a warning otherwise. Nil accepts all.
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
//
// An answer that does not fit the message, and a message that cannot be put
// before the targets, such as one that is too large, end the call where
// interrupt_on_error asks for it (callout.Client.Intercept and Unshown);
// elsewhere the message stays as it was, and there is a warning.
func (o *Options) Unary(ctx context.Context, call Call, request proto.Message, handle Handle) (proto.Message, error) {
	who := o.identity(ctx)
	onRequest := o.Client.Configured(action.Request, call.Method, who.OrgID)
	if !onRequest && !o.Client.Configured(action.Response, call.Method, who.OrgID) {
		return handle(ctx, request)
	}
	// The request is written down before the handler runs, which may change the
	// message it gets.
	sent, err := o.write(action.Request, request)
	if err != nil {
		if err := o.unshown(ctx, action.Request, call.Method, who.OrgID, err); err != nil {
			return nil, err
		}
		return handle(ctx, request)
	}
	out := callout.Call{Method: call.Method, OrgID: who.OrgID, ProjectID: who.ProjectID, UserID: who.UserID,
		Headers: call.Headers, Request: sent}
	if onRequest {
		if request, out.Request, err = o.phase(ctx, action.Request, out, request, sent); err != nil {
			return nil, err
		}
	}
	response, err := handle(ctx, request)
	if err != nil || response == nil || !o.Client.Configured(action.Response, call.Method, who.OrgID) {
		return response, err
	}
	if out.Response, err = o.write(action.Response, response); err != nil {
		if err := o.unshown(ctx, action.Response, call.Method, who.OrgID, err); err != nil {
			return nil, err
		}
		return response, nil
	}
	response, _, err = o.phase(ctx, action.Response, out, response, out.Response)
	return response, err
}

// Foreign decides about a request or response that is no protobuf message, as
// Unary does about one that cannot be put before the targets: nil means that the
// core may go on with it.
func (o *Options) Foreign(ctx context.Context, phase action.Phase, method string) error {
	return o.unshown(ctx, phase, method, o.identity(ctx).OrgID,
		action.NewError(action.CodeMalformed, action.StageDecode, "the message is not protobuf and cannot be intercepted"))
}

// phase lets the targets see m, which sent holds as JSON. It returns both when
// nothing changed, or nothing that may be used, else a changed copy and its
// JSON.
func (o *Options) phase(ctx context.Context, phase action.Phase, out callout.Call, m proto.Message, sent []byte) (proto.Message, []byte, error) {
	fresh, taken := m, sent
	_, warnings, err := o.Client.Intercept(ctx, phase, out, func(changed json.RawMessage) error {
		after, err := Apply(m, sent, changed)
		if err != nil {
			return err
		}
		if o.Validate != nil {
			if err := o.Validate(after); err != nil {
				return &Invalid{Phase: phase, Err: err}
			}
		}
		// Not what the targets sent, which may hold fields that the core ignores.
		text, err := o.write(phase, after)
		if err == nil {
			fresh, taken = after, text
		}
		return err
	})
	o.warn(ctx, phase, out.Method, warnings)
	if err != nil {
		return nil, nil, err
	}
	return fresh, taken, nil
}

// write is a message as targets are shown it. The error tells that they cannot
// be.
func (o *Options) write(phase action.Phase, m proto.Message) ([]byte, error) {
	text, err := Encode(m)
	if err != nil {
		return nil, err
	}
	return text, o.Client.CheckSize(phase, text)
}

func (o *Options) unshown(ctx context.Context, phase action.Phase, method, org string, why error) error {
	warnings, err := o.Client.Unshown(phase, method, org, why)
	o.warn(ctx, phase, method, warnings)
	return err
}

func (o *Options) warn(ctx context.Context, phase action.Phase, method string, warnings []action.Warning) {
	if len(warnings) > 0 && o.OnWarnings != nil {
		o.OnWarnings(ctx, Warned{Method: method, Phase: phase, Warnings: warnings})
	}
}
