package manage

import (
	"context"
	"errors"
	"net/http"

	"connectrpc.com/connect"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// connectCodes are the Connect codes of our own; what is not here is internal.
var connectCodes = map[action.Code]connect.Code{
	action.CodeMalformed:        connect.CodeInvalidArgument,
	action.CodeTooDeep:          connect.CodeInvalidArgument,
	action.CodeBadField:         connect.CodeInvalidArgument,
	action.CodeMismatch:         connect.CodeInvalidArgument,
	action.CodeBadCatalog:       connect.CodeInvalidArgument,
	action.CodeTooLarge:         connect.CodeResourceExhausted,
	action.CodeStreamFull:       connect.CodeResourceExhausted,
	action.CodeBusy:             connect.CodeResourceExhausted,
	action.CodeUnknownInstance:  connect.CodeNotFound,
	action.CodeNotFound:         connect.CodeNotFound,
	action.CodeForbidden:        connect.CodePermissionDenied,
	action.CodeBadSignature:     connect.CodeUnauthenticated,
	action.CodeUnauthenticated:  connect.CodeUnauthenticated,
	action.CodeTooManyRequests:  connect.CodeResourceExhausted,
	action.CodeOverQuota:        connect.CodeResourceExhausted,
	action.CodeFileOwned:        connect.CodeFailedPrecondition,
	action.CodeConflict:         connect.CodeAborted,
	action.CodeInUse:            connect.CodeAlreadyExists,
	action.CodeAlreadyExists:    connect.CodeAlreadyExists,
	action.CodeStillUsed:        connect.CodeFailedPrecondition,
	action.CodeEventsWaiting:    connect.CodeFailedPrecondition,
	action.CodeUnknownCondition: connect.CodeInvalidArgument,
	action.CodeNotYet:           connect.CodeUnimplemented,
	action.CodeDeadline:         connect.CodeDeadlineExceeded,
	action.CodeCancelled:        connect.CodeCanceled,
	action.CodeUnavailable:      connect.CodeUnavailable,
	action.CodeNotStored:        connect.CodeUnavailable,
	action.CodeUnreadable:       connect.CodeDataLoss,
}

// headerRetryAfter tells, in seconds, when it may go better: with whatever over HTTP
// is a 503 elsewhere at the dispatcher's port, whatever its status is here.
const headerRetryAfter = "Retry-After"

// badCatalog is a configuration that is refused, with everything that is wrong
// with it; or a request, when as is set.
type badCatalog struct {
	problems []catalog.Problem
	as       *action.Error
}

func (e *badCatalog) Error() string { return e.Unwrap().Error() }

func (e *badCatalog) Unwrap() error {
	if e.as != nil {
		return e.as
	}
	return action.NewError(action.CodeBadCatalog, action.StageCatalog, "")
}

// failure is an error as it goes over the wire: the Connect code, the message,
// and a detail with our code. Its cause stays behind.
func failure(err error) *connect.Error {
	var fault *action.Error
	var worded *connect.Error
	switch {
	case errors.As(err, &fault):
	case errors.As(err, &worded): // reading or writing a stream failed
		return worded
	case errors.Is(err, context.Canceled):
		fault = action.NewError(action.CodeCancelled, action.StageBus, "")
	case errors.Is(err, context.DeadlineExceeded):
		fault = action.NewError(action.CodeDeadline, action.StageBus, "")
	default:
		fault = action.NewError(action.CodeInternal, action.StageBus, "")
	}
	code, known := connectCodes[fault.Code]
	if !known {
		code = connect.CodeInternal
	}
	detail := &calloutv1.ErrorDetail{Code: string(fault.Code), Stage: string(fault.Stage), Field: fault.Field, Target: fault.Target}
	var unended *goesOn
	if errors.As(err, &unended) {
		detail.Job = unended.job
	}
	var bad *badCatalog
	var unknown *catalog.UnknownConditions
	switch {
	case errors.As(err, &bad):
		detail.Problems = problems(bad.problems)
	case errors.As(err, &unknown):
		detail.Problems = problems(unknown.Problems)
	}
	out := connect.NewError(code, errors.New(fault.Message))
	if fault.Status == http.StatusServiceUnavailable {
		out.Meta().Set(headerRetryAfter, "1")
	}
	if d, err := connect.NewErrorDetail(detail); err == nil {
		out.AddDetail(d)
	}
	return out
}

// Detail gives what an error of the service says beside its code and message;
// nil when it says nothing more.
func Detail(err error) *calloutv1.ErrorDetail {
	var of *connect.Error
	if !errors.As(err, &of) {
		return nil
	}
	for _, d := range of.Details() {
		if value, err := d.Value(); err == nil {
			if detail, ok := value.(*calloutv1.ErrorDetail); ok {
				return detail
			}
		}
	}
	return nil
}
