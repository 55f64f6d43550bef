package callouthttp

import (
	"context"
	"maps"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/wire"
)

// recorder holds a response back until the targets have seen it, or until the
// handler flushes: what is flushed cannot be changed, so the rest goes through.
type recorder struct {
	http.ResponseWriter
	before  http.Header // as they stood before the handler
	limit   int
	status  int // 0 = nothing written yet
	body    []byte
	through bool // passes on as it comes

	// refuseLarge is asked once whether a response that is larger than limit must
	// not go out; tooLarge is what it said.
	refuseLarge func() *action.Error
	tooLarge    *action.Error
}

var errTooLarge = action.NewError(action.CodeTooLarge, action.StageDecode, "the response is larger than may be intercepted").WithField("response")

// WriteHeader holds the status back. Informational ones pass.
func (r *recorder) WriteHeader(status int) {
	switch {
	case r.through, status < 200:
		r.ResponseWriter.WriteHeader(status)
	case r.status == 0:
		r.status = status
	}
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.WriteHeader(http.StatusOK)
	}
	if r.through {
		return r.ResponseWriter.Write(p)
	}
	if !r.wanted() { // an error, an image: not held
		if err := r.release(); err != nil {
			return 0, err
		}
		return r.ResponseWriter.Write(p)
	}
	if r.tooLarge != nil {
		return 0, r.tooLarge
	}
	if len(r.body)+len(p) > r.limit {
		return r.exceed(p)
	}
	r.body = append(r.body, p...)
	return len(p), nil
}

// exceed lets a response through that is larger than may be held, unless it must
// be refused: then it is told to the handler.
func (r *recorder) exceed(p []byte) (int, error) {
	if r.tooLarge = r.refuseLarge(); r.tooLarge != nil {
		r.body = nil
		return 0, r.tooLarge
	}
	if err := r.release(); err != nil {
		return 0, err
	}
	return r.ResponseWriter.Write(p)
}

// Flush lets go of what is held, as net/http's own.
func (r *recorder) Flush() {
	if r.tooLarge != nil {
		return
	}
	if err := r.release(); err == nil {
		_ = http.NewResponseController(r.ResponseWriter).Flush() // who cannot flush never could
	}
}

// Unwrap is for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// wanted tells whether the response is one that targets see.
func (r *recorder) wanted() bool {
	if r.status < 200 || r.status > 299 || r.Header().Get("Content-Encoding") != "" {
		return false
	}
	kind, _, err := mime.ParseMediaType(r.Header().Get("Content-Type"))
	return err == nil && (kind == "application/json" || strings.HasSuffix(kind, "+json"))
}

// release writes what is held; the rest goes through.
func (r *recorder) release() error {
	if r.through {
		return nil
	}
	r.through = true
	if r.status != 0 {
		r.ResponseWriter.WriteHeader(r.status)
	}
	if len(r.body) == 0 {
		return nil
	}
	_, err := r.ResponseWriter.Write(r.body)
	r.body = nil
	return err
}

// respond runs the response's executions on what is held and lets it go.
func (o *Options) respond(ctx context.Context, held *recorder, call callout.Call) *action.Error {
	if held.tooLarge != nil {
		return held.refuse(held.tooLarge)
	}
	if held.through || !wire.IsObject(held.body) {
		_ = held.release() // the client went away
		return nil
	}
	if err := wire.CheckJSON(held.body); err != nil {
		if !wire.Several(held.body) {
			if failure := o.unshown(ctx, action.Response, call, asError(err)); failure != nil {
				return held.refuse(failure)
			}
		}
		_ = held.release() // the client went away
		return nil
	}
	call.Response = held.body
	changed, failure := o.phase(ctx, action.Response, call)
	if failure != nil {
		return held.refuse(failure)
	}
	if changed != nil {
		held.body = changed
		held.Header().Set("Content-Length", strconv.Itoa(len(changed)))
		for _, stale := range ofBody {
			held.Header().Del(stale)
		}
	}
	_ = held.release() // the client went away
	return nil
}

// ofBody are the headers that describe a body that is no longer sent.
var ofBody = []string{"Etag", "Content-Md5", "Digest", "Content-Digest", "Repr-Digest"}

// refuse drops the held response with all its headers: a cookie of a login
// that a target refused must not go out. A fault of the response is not the
// caller's.
func (r *recorder) refuse(failure *action.Error) *action.Error {
	clear(r.Header())
	maps.Copy(r.Header(), r.before)
	if failure.Status < 500 && failure.Code != action.CodeRejected && failure.Code != action.CodeCancelled {
		ours := *failure
		ours.Status = http.StatusInternalServerError
		return &ours
	}
	return failure
}
