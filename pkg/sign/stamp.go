package sign

import (
	"strconv"
	"time"

	"github.com/callout-hq/callout/pkg/action"
)

// Tolerance is how far a signature's time may lie from the verifier's clock,
// in either direction, the bound itself included. Both schemes name it.
const Tolerance = 300 * time.Second

// checkStamp reads a Unix time in seconds in its one canonical form (digits,
// no leading zero) and holds it against now.
func checkStamp(text, field string, now time.Time) error {
	// Twelve digits reach the year 33658; more cannot be a time of now.
	if text == "" || len(text) > 12 || (text[0] == '0' && text != "0") {
		return refuse("the timestamp is malformed", field)
	}
	for _, c := range []byte(text) {
		if c < '0' || c > '9' {
			return refuse("the timestamp is malformed", field)
		}
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return refuse("the timestamp is malformed", field)
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > Tolerance || age < -Tolerance {
		return refuse("the timestamp is too far from the present", field)
	}
	return nil
}

func refuse(message, field string) error {
	return action.NewError(action.CodeBadSignature, action.StageDecode, message).WithField(field)
}
