package invoke

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

const (
	// drainBytes and drainTime bound what is read of an answer that nobody
	// wants, so that its connection can be used again.
	drainBytes = 16 << 10
	drainTime  = 50 * time.Millisecond
)

const (
	typeJSON  = "application/json"
	typePatch = "application/json-patch+json"
	typeText  = "text/plain"

	typeProblem = "application/problem+json" // RFC 9457
)

// drain reads a small answer to its end, and gives the first keep bytes of it.
// What is longer, or slower, costs the connection: cancel ends the exchange.
func drain(resp *http.Response, cancel context.CancelFunc, keep int) (kept []byte) {
	if resp.StatusCode < 200 {
		return nil // 101: no answer follows, the connection is another protocol's
	}
	over := time.AfterFunc(drainTime, cancel)
	defer over.Stop()
	if resp.ContentLength >= 0 {
		keep = min(keep, int(min(resp.ContentLength, drainBytes)))
	}
	if keep > 0 {
		kept = make([]byte, keep)
		n, _ := io.ReadFull(resp.Body, kept)
		kept = kept[:n]
	}
	_, _ = io.CopyN(io.Discard, resp.Body, drainBytes-int64(len(kept)))
	return kept
}

func isSuccess(status int) bool { return status >= 200 && status <= 299 }
func isRefusal(status int) bool { return status >= 400 && status <= 499 }

// answered judges an answer of which the status counts, and besides what its
// body says to the caller. A body that nobody needs is never a reason to fail:
// one that breaks off, is too large, or has not come by the deadline says nothing.
func (a *Answer) answered(resp *http.Response, c Call, cancel context.CancelFunc) {
	success := isSuccess(resp.StatusCode)
	if !success {
		a.Err = refusal(resp.StatusCode)
	}
	var body []byte
	if success || (c.Heard && isRefusal(resp.StatusCode)) {
		var err error
		if body, err = readBody(resp, c.Target.AnswerLimit(), true); err == nil {
			if no := saidIn(body, resp); no != nil {
				a.Err = no
			}
			a.failing(resp, body, c.Target)
			return
		}
	}
	if success {
		drain(resp, cancel, 0)
		return
	}
	a.failing(resp, beginning(resp, cancel, body), c.Target)
}

// saidIn is the rejection that a body holds beside its status; nil is none.
func saidIn(body []byte, resp *http.Response) *action.Error {
	if isSuccess(resp.StatusCode) {
		return forwardedIn(body)
	}
	return explainedIn(body, mediaType(resp.Header.Get("Content-Type")), resp.StatusCode)
}

// byteOrderMark is what some editors and frameworks put before a text. It says
// nothing.
var byteOrderMark = []byte("\xef\xbb\xbf")

// bare is a body without what may stand around JSON.
func bare(body []byte) []byte { return bytes.Trim(bytes.TrimPrefix(body, byteOrderMark), " \t\r\n") }

// settle judges the body of a 2xx answer that is wanted: a JSON object, or an
// array under application/json-patch+json; empty is nil. The content type says
// no more than that. JSON is strict: see wire.CheckJSON. An object that forwards
// a status or a message is a rejection.
func settle(body []byte, contentType string) ([]byte, *action.Error) {
	text := bare(body)
	if len(text) == 0 {
		return nil, nil
	}
	if wire.IsObject(text) && mayReject(text) {
		members, err := wire.Members(text)
		if err != nil {
			return nil, malformed(err)
		}
		if no := forwarded(text, members); no != nil {
			return nil, no
		}
	} else if err := wire.CheckJSON(text); err != nil {
		return nil, malformed(err)
	}
	if err := fit(contentType, text[0]); err != nil {
		return nil, malformed(err)
	}
	return bytes.TrimPrefix(body, byteOrderMark), nil
}

// fit tells whether a value that begins with first is what a call may answer.
func fit(contentType string, first byte) error {
	switch {
	case contentType == typePatch && first != '[':
		return errors.New("a JSON patch is an array")
	case contentType != typePatch && first != '{':
		return errors.New("the body is not a JSON object")
	}
	return nil
}

// mediaType is the type without its parameters, in lower case. One that does
// not parse is kept as it is up to the first semicolon.
func mediaType(header string) string {
	switch header {
	case "", typeJSON, typePatch:
		return header
	case "application/json; charset=utf-8", "application/json;charset=utf-8":
		return typeJSON
	case "text/plain; charset=utf-8": // what Go's server writes by itself
		return typeText
	}
	if t, _, err := mime.ParseMediaType(header); err == nil {
		return t
	}
	t, _, _ := strings.Cut(header, ";")
	return strings.ToLower(strings.TrimSpace(t))
}

func malformed(cause error) *action.Error {
	return action.NewError(action.CodeAnswerMalformed, action.StageAnswer, "").WithCause(cause)
}
