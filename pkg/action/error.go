package action

import (
	"errors"
	"strings"
)

// Code names an error for programs. Codes are stable: they change only with a
// line in the changelog.
type Code string

// Stage names the step of the flow in which an error arose.
type Stage string

// The stages, in the order in which a call or an event passes them.
const (
	StageAccess  Stage = "access"  // who asks, and may he
	StageDecode  Stage = "decode"  // reading what was sent to us
	StageCatalog Stage = "catalog" // finding the configuration
	StageBus     Stage = "bus"     // NATS
	StageGuard   Stage = "guard"   // may this address be dialled
	StageInvoke  Stage = "invoke"  // the exchange with the target
	StageAnswer  Stage = "answer"  // reading what the target sent
	StageApply   Stage = "apply"   // changing the object
	StageStore   Stage = "store"   // storing an event, an async delivery or a dead letter
)

// Error is every error that leaves Callout. Message is safe to show to the
// caller of the core's API: it never holds a target's URL, address or secret.
// What only the operator may see is the Cause, which is logged and never
// encoded.
type Error struct {
	Code    Code   `json:"code"`
	Stage   Stage  `json:"stage,omitempty"`
	Status  int    `json:"status,omitzero"` // the HTTP status to show
	Message string `json:"message"`
	Target  string `json:"target,omitempty"`
	Field   string `json:"field,omitempty"` // what was wrong in what was sent
	Cause   error  `json:"-"`
}

// Errorf is not offered on purpose: a message is written out, so that nothing
// private slips into it by a verb.

// NewError makes an error with the standard HTTP status and message of its
// code; an empty message takes the standard one. Who it is told reads JSON, so
// what is no UTF-8 in a message, a field or a name becomes U+FFFD.
func NewError(code Code, stage Stage, message string) *Error {
	meaning := meanings[code]
	if message == "" {
		message = meaning.message
	}
	return &Error{Code: code, Stage: stage, Status: meaning.status, Message: text(message)}
}

// WithCause returns a copy of e that also carries cause, for the log.
func (e *Error) WithCause(cause error) *Error {
	c := *e
	c.Cause = cause
	return &c
}

// WithField returns a copy of e that names the field it is about.
func (e *Error) WithField(field string) *Error {
	c := *e
	c.Field = text(field)
	return &c
}

// WithTarget returns a copy of e that names the target it is about.
func (e *Error) WithTarget(name string) *Error {
	c := *e
	c.Target = text(name)
	return &c
}

func text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// Error is what an operator reads: stage, code, message and cause.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Stage != "" {
		b.WriteString(string(e.Stage) + ": ")
	}
	b.WriteString(e.Message + " (" + string(e.Code) + ")")
	if e.Field != "" {
		b.WriteString(", field " + e.Field)
	}
	if e.Target != "" {
		b.WriteString(", target " + e.Target)
	}
	if e.Cause != nil {
		b.WriteString(": " + e.Cause.Error())
	}
	return b.String()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Is tells whether target is an error of the same code, so that errors.Is asks
// for a code.
func (e *Error) Is(target error) bool {
	other, ok := target.(*Error)
	return ok && e != nil && other != nil && e.Code == other.Code
}

// AsError gives the first Error in err's chain, or an internal one of a stage
// with err as its cause; nil for nil.
func AsError(err error, stage Stage) *Error {
	if err == nil {
		return nil
	}
	if e, is := errors.AsType[*Error](err); is && e != nil {
		return e
	}
	return NewError(CodeInternal, stage, "").WithCause(err)
}

// CodeOf gives the code of the first Error in err's chain, or "" if there is
// none.
func CodeOf(err error) Code {
	if e, is := errors.AsType[*Error](err); is && e != nil { // a nil *Error held as an error is none
		return e.Code
	}
	return ""
}
