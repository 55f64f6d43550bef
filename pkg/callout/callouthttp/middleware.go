// Package callouthttp intercepts the requests of a JSON API on net/http.
package callouthttp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/wire"
)

// Options of the middleware. Its functions may be called from any goroutine.
type Options struct {
	// Client is the connection to Callout. It holds the methods that are never
	// intercepted and the headers that targets may see.
	Client *callout.Client
	// Method names what a request calls, as executions do:
	// /package.Service/Method. Empty = not intercepted, as everything must be
	// whose bodies are no JSON objects.
	Method func(*http.Request) string
	// Identify tells on whose behalf a request is made: the middleware belongs
	// behind the core's authentication. Nil = nobody, and only the instance's
	// executions run.
	Identify func(*http.Request) callout.Identity
	// Validate looks at a request or response that a target changed, before the
	// core uses it. Its error ends the request when one of the targets that
	// changed it has interrupt_on_error, and is a warning otherwise. An
	// *action.Error is shown with its status; any other is 400 with its message
	// for a request, 500 without for a response. Nil accepts all: a handler that
	// validates what it reads needs none for requests.
	Validate func(method string, phase action.Phase, object json.RawMessage) error
	// WriteError answers a request that ended in an error of Callout; message
	// and status are safe to show, the cause is not. Nil writes {"error":{…}}.
	WriteError func(http.ResponseWriter, *http.Request, *action.Error)
	// OnWarnings is told what went wrong in a call without ending it. It is
	// called before the call goes on.
	OnWarnings func(context.Context, Warned)
	// MaxObject is the size in bytes that a body to be intercepted may have; 0 =
	// 1 MiB. Where a target with interrupt_on_error is configured a larger
	// request is answered with 413 and a larger response becomes 500; elsewhere
	// they pass as they are, with a warning.
	MaxObject int
}

// Warned is what went wrong in one phase of one call.
type Warned struct {
	Method   string
	Phase    action.Phase
	Warnings []action.Warning
}

// New makes a middleware. The handler gets the request's body as the targets
// left it, in a request of its own; an empty body counts as {} and stays empty
// unless a target changes it. A response is intercepted when it is a JSON object
// with a status of 200 to 299; what the handler flushes on its way, such as a
// stream of events, passes untouched, and so do JSON of another kind and several
// values one after the other. Nothing is read or kept when nothing is configured.
//
// A body that cannot be put before the targets, such as one that is too large or
// is no JSON object, ends the request where a target with interrupt_on_error is
// configured; elsewhere it passes byte for byte, with a warning. The handler's
// context has the request's traceparent (callout.WithTraceparent).
func New(o Options) func(http.Handler) http.Handler {
	if o.MaxObject == 0 {
		o.MaxObject = action.DefaultObject
	}
	if o.WriteError == nil {
		o.WriteError = writeError
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if ctx := callout.ReceiveTraceparent(r.Context(), r.Header[headerTraceparent]); ctx != r.Context() {
				r = r.WithContext(ctx)
			}
			call, wanted := o.call(r)
			if !wanted {
				next.ServeHTTP(w, r)
				return
			}
			if err := o.serve(w, r, call, next); err != nil {
				o.WriteError(w, r, err)
			}
		})
	}
}

var headerTraceparent = http.CanonicalHeaderKey(wire.HeaderTraceparent)

// call says of a request what the client asks for, and whether anything may run.
func (o *Options) call(r *http.Request) (call callout.Call, wanted bool) {
	if call.Method = o.Method(r); call.Method == "" {
		return call, false
	}
	if o.Identify != nil {
		who := o.Identify(r)
		call.OrgID, call.ProjectID, call.UserID = who.OrgID, who.ProjectID, who.UserID
	}
	return call, o.Client.Configured(action.Request, call.Method, call.OrgID) ||
		o.Client.Configured(action.Response, call.Method, call.OrgID)
}

// serve returns an error as long as nothing was written.
func (o *Options) serve(w http.ResponseWriter, r *http.Request, call callout.Call, next http.Handler) *action.Error {
	body, rest, why := o.read(r)
	if why != nil {
		if failure := o.unshown(r.Context(), action.Request, call, why); failure != nil {
			return failure
		}
		next.ServeHTTP(w, unread(r, body, rest))
		return nil
	}
	call.Headers, call.Request = r.Header, body
	if len(body) == 0 {
		call.Request = []byte("{}")
	}
	changed, failure := o.phase(r.Context(), action.Request, call)
	if failure != nil {
		return failure
	}
	if changed != nil {
		body, call.Request = changed, changed
	}
	fresh := withBody(r, body)
	if !o.Client.Configured(action.Response, call.Method, call.OrgID) {
		next.ServeHTTP(w, fresh)
		return nil
	}
	held := &recorder{ResponseWriter: w, before: w.Header().Clone(), limit: o.MaxObject,
		refuseLarge: func() *action.Error { return o.unshown(r.Context(), action.Response, call, errTooLarge) }}
	next.ServeHTTP(held, fresh)
	return o.respond(r.Context(), held, call)
}

// read takes the whole body, which must be a JSON object or nothing. Beside an
// error stands what was read, and what would come behind it.
func (o *Options) read(r *http.Request) (body []byte, rest io.Reader, why *action.Error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, int64(o.MaxObject)+1))
	var bound *http.MaxBytesError
	switch {
	case errors.As(err, &bound):
		return body, broken{err}, action.NewError(action.CodeTooLarge, action.StageDecode, "").WithField("request").WithCause(err)
	case err != nil:
		return body, broken{err}, action.NewError(action.CodeMalformed, action.StageDecode, "the body could not be read").WithCause(err)
	case len(body) > o.MaxObject:
		return body, r.Body, action.NewError(action.CodeTooLarge, action.StageDecode, "").WithField("request")
	case len(body) == 0:
		return nil, nil, nil
	}
	if err := wire.CheckJSON(body); err != nil {
		return body, http.NoBody, asError(err)
	}
	if !wire.IsObject(body) {
		return body, http.NoBody, action.NewError(action.CodeMalformed, action.StageDecode, "a JSON object was expected")
	}
	return body, nil, nil
}

// broken is the rest of a body that broke off: a part must not pass for the
// whole.
type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }

// phase lets the targets see an object; nil when they changed nothing, or
// nothing that may be used.
func (o *Options) phase(ctx context.Context, phase action.Phase, call callout.Call) (json.RawMessage, *action.Error) {
	changed, warnings, err := o.Client.Intercept(ctx, phase, call, func(object json.RawMessage) error {
		if o.Validate == nil {
			return nil
		}
		return invalid(phase, o.Validate(call.Method, phase, object))
	})
	o.warn(ctx, phase, call, warnings)
	return changed, asError(err)
}

// unshown is the error of an object that cannot be put before the targets, nil
// when the core may go on without them.
func (o *Options) unshown(ctx context.Context, phase action.Phase, call callout.Call, why *action.Error) *action.Error {
	warnings, err := o.Client.Unshown(phase, call.Method, call.OrgID, why)
	o.warn(ctx, phase, call, warnings)
	return asError(err)
}

func (o *Options) warn(ctx context.Context, phase action.Phase, call callout.Call, warnings []action.Warning) {
	if len(warnings) > 0 && o.OnWarnings != nil {
		o.OnWarnings(ctx, Warned{Method: call.Method, Phase: phase, Warnings: warnings})
	}
}

// invalid is what the caller learns of an object that the core refused.
func invalid(phase action.Phase, err error) error {
	var ours *action.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &ours):
		return ours
	case phase == action.Request:
		return action.NewError(action.CodeBadField, action.StageApply, "the changed request is not valid: "+err.Error())
	}
	return action.NewError(action.CodeInternal, action.StageApply, "the changed response is not valid").WithCause(err)
}

// unread is the request as it came, of whose body a part was read.
func unread(r *http.Request, read []byte, rest io.Reader) *http.Request {
	fresh := r.WithContext(r.Context())
	fresh.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(read), rest), r.Body}
	return fresh
}

// withBody is a request of its own with another body; r stays as it is.
func withBody(r *http.Request, body []byte) *http.Request {
	fresh := r.WithContext(r.Context())
	fresh.Header = r.Header.Clone()
	fresh.Body = io.NopCloser(bytes.NewReader(body))
	fresh.ContentLength = int64(len(body))
	fresh.TransferEncoding = nil
	if len(body) > 0 {
		fresh.Header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	return fresh
}

func asError(err error) *action.Error {
	if err == nil {
		return nil
	}
	var ours *action.Error
	if errors.As(err, &ours) {
		return ours
	}
	return action.NewError(action.CodeInternal, "", "").WithCause(err)
}

func writeError(w http.ResponseWriter, _ *http.Request, e *action.Error) {
	status := e.Status
	if status < 400 || status > 599 {
		status = http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(wire.EncodeError(e), '\n'))
}
