package invoke

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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
)

// drain reads a small answer to its end. What is longer, or slower, costs the
// connection: cancel ends the exchange.
func drain(resp *http.Response, cancel context.CancelFunc) {
	if resp.StatusCode < 200 {
		return // 101: no answer follows, the connection is another protocol's
	}
	over := time.AfterFunc(drainTime, cancel)
	defer over.Stop()
	_, _ = io.CopyN(io.Discard, resp.Body, drainBytes)
}

// settle judges the body of a 2xx answer.
//
// A JSON object that forwards a status or a message is a rejection, whatever
// the kind of target and the content type. Beyond that, a body that is not
// wanted counts for nothing: a webhook may answer with any text. A body that
// is wanted is a JSON object under a JSON content type, or an array under
// application/json-patch+json; empty is nil. JSON is strict: see
// wire.CheckJSON.
func settle(body []byte, contentType string, wanted bool) ([]byte, *action.Error) {
	text := bytes.Trim(body, " \t\r\n")
	if len(text) == 0 {
		return nil, nil
	}
	// Only what is looked at is parsed: of an unwanted body, what may be a
	// rejection.
	object := wire.IsObject(text)
	if !wanted && !mayReject(text) && !(object && mayHide(text)) {
		return nil, nil
	}
	rejection, err := check(text, object)
	switch {
	case rejection != nil:
		return nil, rejection
	case err != nil && (wanted || mayReject(text)):
		return nil, malformed(err)
	case !wanted:
		return nil, nil
	}
	if err := fit(contentType, text[0]); err != nil {
		return nil, malformed(err)
	}
	return body, nil
}

// check reads the whole text strictly, and what an object forwards.
func check(text []byte, object bool) (*action.Error, error) {
	if !object || !(mayReject(text) || mayHide(text)) {
		return nil, wire.CheckJSON(text)
	}
	members, err := wire.Members(text)
	if err != nil {
		return nil, err
	}
	return forwarded(text, members), nil
}

// fit tells whether a value that begins with first is what its content type
// promises.
func fit(contentType string, first byte) error {
	switch {
	case contentType == typePatch && first != '[':
		return errors.New("a JSON patch is an array")
	case contentType == typePatch:
		return nil
	case first != '{':
		return errors.New("the body is not a JSON object")
	case !isJSONType(contentType):
		return fmt.Errorf("content type %.80q is not JSON", contentType)
	}
	return nil
}

// isJSONType tells whether a body of this type is read as JSON. A missing type
// counts as JSON, and so does text/plain: it is what Go's server writes by
// itself for a handler that names no type, which ZITADEL's own examples do.
func isJSONType(t string) bool {
	return t == "" || t == typeJSON || t == "text/json" || t == typeText ||
		(strings.HasPrefix(t, "application/") && strings.HasSuffix(t, "+json"))
}

// mediaType is the type without its parameters, in lower case. One that does
// not parse is kept as it is up to the first semicolon, and so is no JSON type.
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
