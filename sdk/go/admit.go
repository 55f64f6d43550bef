package callout

import (
	"encoding/json"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strconv"
)

// admit checks what can be checked before the body is read, in the order of the contract.
func (r *Receiver) admit(req *http.Request) refusal {
	switch {
	case r.draining.Load():
		return errDraining
	case r.options.Path != "" && req.URL.Path != r.options.Path:
		return errPath
	case req.Method != http.MethodPost:
		return errMethod
	case !r.takesType(req.Header):
		return errType
	case req.ContentLength > r.options.MaxBody:
		return errLength
	}
	return nil
}

func (r *Receiver) takesType(h http.Header) bool {
	if encoding := h["Content-Encoding"]; len(encoding) > 1 || len(encoding) == 1 && encoding[0] != "identity" {
		return false
	}
	text := get(h, "Content-Type")
	if text == "application/json" {
		return true
	}
	kind, _, err := mime.ParseMediaType(text)
	switch {
	case err != nil:
		return false
	case kind == "application/json", kind == "application/cloudevents+json":
		return true
	}
	return r.options.Payload != JSON && (kind == "application/jwt" || kind == "application/jose")
}

// read reads the body, and one byte more than it may have at most.
func (r *Receiver) read(w http.ResponseWriter, req *http.Request) ([]byte, refusal) {
	if req.ContentLength >= 0 {
		body := make([]byte, req.ContentLength)
		if _, err := io.ReadFull(req.Body, body); err != nil {
			return nil, consumed(err)
		}
		return body, nil
	}
	body, err := io.ReadAll(io.LimitReader(req.Body, r.options.MaxBody+1))
	switch {
	case int64(len(body)) > r.options.MaxBody:
		w.Header().Set("Connection", "close")
		return nil, errLength
	case err != nil:
		return nil, consumed(err)
	}
	return body, nil
}

// consumed is a body that is shorter than it was said to be: what stands before the receiver has read it, or
// the connection broke off, and then nobody reads the answer.
func consumed(err error) *fault {
	return &fault{http.StatusInternalServerError, "body_consumed", "the body cannot be checked",
		"the body is not there any more (" + err.Error() + "): put the receiver before what reads the body, or give it the bytes again with http.NewRequest"}
}

// levelOf is how bad a refusal is: an error is what the target's own people have to mend.
func levelOf(status int) slog.Level {
	switch {
	case status == http.StatusConflict || status == http.StatusMethodNotAllowed:
		return slog.LevelInfo
	case status >= http.StatusInternalServerError:
		return slog.LevelError
	}
	return slog.LevelWarn
}

// refuse answers without a handler, and says why in the log.
func (r *Receiver) refuse(w http.ResponseWriter, req *http.Request, f refusal) {
	status, code, message := f.answer()
	if status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", http.MethodPost)
	}
	r.log.LogAttrs(req.Context(), levelOf(status), "refused", slog.Int("status", status), slog.String("check", f.Error()), slog.String("delivery", deliveryID(req.Header)))
	write(w, status, told{code, message})
}

// told is the body of an answer that is no answer of a handler.
type told struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// write answers with an object.
func write(w http.ResponseWriter, status int, v any) {
	raw, err := json.Marshal(v)
	if err != nil { // these are texts and numbers
		raw, status = []byte(`{"code":"handler_failed","message":"it could not be handled"}`), http.StatusInternalServerError
	}
	writeRaw(w, status, raw)
}

func writeRaw(w http.ResponseWriter, status int, raw []byte) {
	h := w.Header()
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = []string{strconv.Itoa(len(raw))}
	w.WriteHeader(status)
	_, _ = w.Write(raw) // the reader went away
}
