package calloutproto

import (
	"errors"

	"github.com/callout-hq/callout/pkg/action"
)

// Code is a status code of gRPC and Connect, which share the numbers.
type Code uint32

// The codes that calls end with.
const (
	Canceled           Code = 1
	InvalidArgument    Code = 3
	DeadlineExceeded   Code = 4
	NotFound           Code = 5
	AlreadyExists      Code = 6
	PermissionDenied   Code = 7
	ResourceExhausted  Code = 8
	FailedPrecondition Code = 9
	OutOfRange         Code = 11
	Internal           Code = 13
	Unavailable        Code = 14
	Unauthenticated    Code = 16
)

// rejections are the statuses a target rejects with that have a closer code
// than InvalidArgument.
var rejections = map[int]Code{
	401: Unauthenticated,
	403: PermissionDenied,
	404: NotFound,
	408: DeadlineExceeded,
	// Not Aborted, which tells a client to begin its transaction again: a target
	// that says no will say no again.
	409: AlreadyExists,
	410: NotFound,
	412: FailedPrecondition,
	413: ResourceExhausted,
	416: OutOfRange,
	425: Unavailable, // too early: the one no that asks to come again
	428: FailedPrecondition,
	429: ResourceExhausted,
	431: ResourceExhausted,
	451: PermissionDenied,
	499: Canceled,
}

// failures are the codes of what went wrong that a caller can tell apart. All
// others are Internal: clients send a call that was Unavailable again by
// themselves, and a chain that failed may have had effects already, so only a
// call that reached no worker is Unavailable.
var failures = map[action.Code]Code{
	action.CodeDeadline:    DeadlineExceeded,
	action.CodeTimeout:     DeadlineExceeded,
	action.CodeCancelled:   Canceled,
	action.CodeTooLarge:    ResourceExhausted,
	action.CodeTooDeep:     InvalidArgument,
	action.CodeUnavailable: Unavailable,
}

// CodeOf is the closest code for the error of a call.
func CodeOf(e *action.Error) Code {
	if e.Code == action.CodeRejected {
		if code, ok := rejections[e.Status]; ok {
			return code
		}
		return InvalidArgument
	}
	if code, ok := failures[e.Code]; ok {
		return code
	}
	return Internal
}

// Shown is what the caller of the core may be told of an error that Unary
// returned and that is ours; ok is false for the core's own, which stay as they
// are. What the validation said of a request is told with InvalidArgument; of a
// response, which is not the caller's doing, no more than that it is not valid.
func Shown(err error) (code Code, message string, ok bool) {
	var ours *action.Error
	var invalid *Invalid
	switch {
	case errors.As(err, &ours):
		return CodeOf(ours), ours.Message, true
	case !errors.As(err, &invalid):
		return 0, "", false
	case invalid.Phase == action.Request:
		return InvalidArgument, invalid.Error(), true
	}
	return Internal, "the changed response is not valid", true
}
