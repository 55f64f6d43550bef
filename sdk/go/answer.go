package callout

import (
	"errors"
	"fmt"
	"time"
)

// Rejection is the error of a handler that refuses a call. The caller of the core gets its status and its
// message.
type Rejection struct {
	Status  int    // 400 to 499
	Message string // 1 to 8,192 bytes, for the caller
}

func (r *Rejection) Error() string { return fmt.Sprintf("refused with %d: %s", r.Status, r.Message) }

// maxMessage bounds the message of a refusal, in bytes.
const maxMessage = 8192

// Reject refuses a call, with a status of 400 to 499 and a message of 1 to 8,192 bytes for the caller
// of the core. Others make the handler fail, and so does it in a handler of an event.
func Reject(status int, message string) error { return &Rejection{status, message} }

func (r *Rejection) fits() bool {
	return r.Status >= 400 && r.Status <= 499 && r.Message != "" && len(r.Message) <= maxMessage
}

// putOff is the error of an event that comes again later, or never.
type putOff struct {
	never   bool
	message string
	after   time.Duration
}

func (p *putOff) Error() string {
	if p.never {
		return "never: " + p.message
	}
	return "later: " + p.message
}

// Later has an event come again, no sooner than after, in whole seconds; 0 leaves that to
// Callout. The message is for the log of deliveries. In a handler of a call it fails.
func Later(message string, after time.Duration) error {
	return &putOff{message: message, after: after}
}

// Never makes a dead letter of an event: it does not come again by itself.
func Never(message string) error { return &putOff{never: true, message: message} }

// asRejection and asPutOff look through wrapped errors.
func asRejection(err error) (*Rejection, bool) {
	var r *Rejection
	return r, errors.As(err, &r)
}

func asPutOff(err error) (*putOff, bool) {
	var p *putOff
	return p, errors.As(err, &p)
}
