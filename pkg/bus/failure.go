package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/action"
)

// Error codes of the JetStream API that the client has no name for.
const (
	CodeStreamFull = 10077 // maximum bytes / messages (per subject) exceeded

	codeResources        = 10023 // insufficient resources
	codeNoReservation    = 10047 // the storage could not be reserved
	codeWrongLastSeq     = 10071
	codeWrongLastSeqOnce = 10164 // the same, as a replicated stream says it
	codeWrongLastMsgID   = 10070
	serverBusy           = 503 // status of an API error that passes
)

// IsCode tells whether JetStream refused with a code.
func IsCode(err error, code jetstream.ErrorCode) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && api.ErrorCode == code
}

// IsConflict tells whether somebody else wrote first: the key is there already,
// or has changed, or is about to.
func IsConflict(err error) bool {
	return errors.Is(err, jetstream.ErrKeyExists) || IsCode(err, codeWrongLastSeq) || IsCode(err, codeWrongLastSeqOnce) || IsCode(err, codeWrongLastMsgID)
}

// Failure turns an error of the client into one of ours. It is unavailable where
// waiting helps, and internal for what nobody has thought of.
func Failure(err error) *action.Error {
	var ours *action.Error
	var api *jetstream.APIError
	switch {
	case errors.As(err, &ours):
		return ours
	case errors.Is(err, nats.ErrNoResponders), errors.Is(err, jetstream.ErrNoStreamResponse),
		errors.Is(err, nats.ErrConnectionClosed), errors.Is(err, nats.ErrReconnectBufExceeded),
		errors.Is(err, nats.ErrDisconnected), errors.Is(err, nats.ErrConnectionReconnecting):
		return action.NewError(action.CodeUnavailable, action.StageBus, "NATS cannot be reached right now").WithCause(err)
	case errors.Is(err, nats.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		return action.NewError(action.CodeUnavailable, action.StageBus, "NATS did not answer in time").WithCause(err)
	case errors.Is(err, context.Canceled):
		return action.NewError(action.CodeCancelled, action.StageBus, "").WithCause(err)
	case errors.Is(err, nats.ErrMaxPayload):
		return action.NewError(action.CodeTooLarge, action.StageBus, "").WithCause(err)
	case saysMissing(err):
		return action.NewError(action.CodeMissing, action.StageBus, "").WithCause(err)
	case IsCode(err, CodeStreamFull), IsCode(err, codeResources), IsCode(err, codeNoReservation):
		return action.NewError(action.CodeStreamFull, action.StageStore, "").WithCause(err)
	case IsConflict(err):
		return action.NewError(action.CodeConflict, action.StageStore, "").WithCause(err)
	case errors.As(err, &api) && api.Code == serverBusy:
		return action.NewError(action.CodeUnavailable, action.StageBus, "NATS is not ready for it right now").WithCause(err)
	}
	return action.NewError(action.CodeInternal, action.StageBus, "NATS refused what it was asked").WithCause(err)
}

// saysMissing tells whether the server said that it has no such stream. A watch
// is told by the older half of the client, which has errors of its own.
func saysMissing(err error) bool {
	return errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrBucketNotFound) || errors.Is(err, nats.ErrStreamNotFound)
}

// NotStored is Failure for what was to be stored: without a confirmation nobody
// knows whether it was.
func NotStored(err error) *action.Error {
	e := Failure(err)
	if e.Code == action.CodeInternal || errors.Is(err, nats.ErrTimeout) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return action.NewError(action.CodeNotStored, action.StageStore, "").WithCause(err)
	}
	return e
}

// missingFor is how long is asked whether a stream is there. Who failed waited
// already.
const missingFor = 2 * time.Second

// missing tells a stream that is not there from a server that does not answer:
// both look alike to who reads or writes. It gives err back when the stream is
// there, or nobody knows.
func (b *Bus) missing(ctx context.Context, stream string, err error) error {
	if !errors.Is(err, nats.ErrNoResponders) && !errors.Is(err, jetstream.ErrNoStreamResponse) && !saysMissing(err) {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, missingFor)
	defer cancel()
	if _, infoErr := b.js.Stream(ctx, stream); !errors.Is(infoErr, jetstream.ErrStreamNotFound) {
		return err
	}
	b.miss()
	return Missing(stream, err)
}

// Missing is the error of a stream or bucket that is not there any more.
func Missing(stream string, cause error) *action.Error {
	return action.NewError(action.CodeMissing, action.StageBus, fmt.Sprintf("%s is missing in NATS: a dispatcher makes it again", stream)).WithCause(cause)
}
