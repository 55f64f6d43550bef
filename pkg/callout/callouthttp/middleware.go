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
	// core uses it. An *action.Error is shown with its status; any other is 400
	// with its message for a request, 500 without for a response. Nil accepts
	// all: a handler that validates what it reads needs none for requests.
	Validate func(method string, phase action.Phase, object json.RawMessage) error
	// WriteError answers a request that ended in an error of Callout; message
	// and status are safe to show, the cause is not. Nil writes {"error":{…}}.
	WriteError func(http.ResponseWriter, *http.Request, *action.Error)
	// OnWarnings is told what went wrong in a call without ending it. It is
	// called before the call goes on.
	OnWarnings func(context.Context, Warned)
	// MaxObject is the size in bytes that a body to be intercepted may have; 0 =
	// 1 MiB. A larger request is answered with 413, a larger response becomes
	// 500.
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
// stream of events, passes untouched. Nothing is read or kept when nothing is
// configured.
func New(o Options) func(http.Handler) http.Handler {
	if o.MaxObject == 0 {
		o.MaxObject = action.DefaultObject
	}
	if o.WriteError == nil {
		o.WriteError = writeError
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
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
	body, failure := o.read(r)
	if failure != nil {
		return failure
	}
	call.Headers, call.Traceparent = r.Header, r.Header.Get(wire.HeaderTraceparent)
	call.Request = body
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
	held := &recorder{ResponseWriter: w, before: w.Header().Clone(), limit: o.MaxObject}
	next.ServeHTTP(held, fresh)
	return o.respond(r.Context(), held, call)
}

// read takes the whole body, which must be a JSON object or nothing.
func (o *Options) read(r *http.Request) ([]byte, *action.Error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, int64(o.MaxObject)+1))
	var bound *http.MaxBytesError
	switch {
	case errors.As(err, &bound), len(body) > o.MaxObject:
		return nil, action.NewError(action.CodeTooLarge, action.StageDecode, "").WithField("request")
	case err != nil:
		return nil, action.NewError(action.CodeMalformed, action.StageDecode, "the body could not be read").WithCause(err)
	case len(body) == 0:
		return nil, nil
	}
	if err := wire.CheckJSON(body); err != nil {
		return nil, asError(err)
	}
	if !wire.IsObject(body) {
		return nil, action.NewError(action.CodeMalformed, action.StageDecode, "a JSON object was expected")
	}
	return body, nil
}

// phase lets the targets see an object; nil when they changed nothing.
func (o *Options) phase(ctx context.Context, phase action.Phase, call callout.Call) (json.RawMessage, *action.Error) {
	changed, warnings, err := o.Client.Intercept(ctx, phase, call)
	if len(warnings) > 0 && o.OnWarnings != nil {
		o.OnWarnings(ctx, Warned{Method: call.Method, Phase: phase, Warnings: warnings})
	}
	if err != nil {
		return nil, asError(err)
	}
	if changed == nil || o.Validate == nil {
		return changed, nil
	}
	return changed, invalid(phase, o.Validate(call.Method, phase, changed))
}

// invalid is what the caller learns of an object that the core refused.
func invalid(phase action.Phase, err error) *action.Error {
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
