package wire

import (
	"strconv"
	"time"

	"github.com/callout-hq/callout/pkg/action"
)

// Headers on NATS and HTTP.
const (
	HeaderTimeout     = "Callout-Timeout"      // deadline of a call, relative: 2s, or plain milliseconds
	HeaderMinRevision = "Callout-Min-Revision" // answer with this catalog revision or a newer one
	HeaderStatus      = "Callout-Status"       // on NATS: the HTTP status of a refused call
	HeaderTraceparent = "traceparent"          // W3C trace context, handed on as it came

	HeaderDelivery  = "Callout-Delivery-Id" // stable over the attempts of a delivery
	HeaderAttempt   = "Callout-Attempt"
	HeaderSequence  = "Callout-Sequence" // of the stream
	HeaderTarget    = "Callout-Target"
	HeaderRemaining = "Callout-Remaining-Ms"
	HeaderAggregate = "Callout-Aggregate" // the aggregate, which the stored subject no longer names
	HeaderPhase     = "Callout-Phase"     // of the call an async delivery came from
	HeaderName      = "Callout-Name"      // likewise its method or function, as a token
	HeaderRevision  = "Callout-Revision"  // catalog revision
	HeaderReplay    = "Callout-Replay"    // "true" on an event that is sent again on request
	HeaderRedrive   = "Callout-Redrive"   // "true" on a dead letter that is sent again
	HeaderEventID   = "Callout-Event-Id"  // what publishing the event returned; by HeaderText
	HeaderEventType = "Callout-Event-Type"
	HeaderEventTime = "Callout-Event-Time" // when it was stored: RFC 3339, UTC, milliseconds
	HeaderOrg       = "Callout-Org"        // organization of the event or call; by HeaderText
	HeaderInstance  = "Callout-Instance"   // by HeaderText
	HeaderTest      = "Callout-Test"       // "true" on what an operator sends to try a target
)

// ParseTimeout reads a deadline header: a duration such as `2s`, or plain
// milliseconds. Silent means DefaultBudget; zero, a negative or an unreadable
// value is an error; more than MaxBudget is refused, not cut.
func ParseTimeout(text string) (time.Duration, error) {
	if text == "" {
		return action.DefaultBudget, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		ms, convErr := strconv.ParseInt(text, 10, 32)
		if convErr != nil {
			return 0, action.NewError(action.CodeBadField, action.StageDecode,
				HeaderTimeout+" is a duration such as 2s or 1500ms").WithField(HeaderTimeout)
		}
		d = time.Duration(ms) * time.Millisecond
	}
	switch {
	case d <= 0:
		return 0, action.NewError(action.CodeDeadline, action.StageDecode, "").WithField(HeaderTimeout)
	case d > action.MaxBudget:
		return 0, action.NewError(action.CodeBadField, action.StageDecode,
			HeaderTimeout+" is at most "+action.MaxBudget.String()).WithField(HeaderTimeout)
	}
	return d, nil
}

// FormatTimeout writes a deadline header, in whole milliseconds and at least
// one.
func FormatTimeout(d time.Duration) string {
	return strconv.FormatInt(max(d.Milliseconds(), 1), 10) + "ms"
}
