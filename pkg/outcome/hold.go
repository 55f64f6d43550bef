package outcome

import (
	"time"

	"github.com/callout-hq/callout/pkg/action"
)

const (
	holdSoon  = time.Second      // how long a delivery waits for a fault of ours at first
	holdAgain = 15 * time.Second // and at most
	maxPanics = 3                // in a row, before a delivery is not handed to another worker
)

// Hold decides about a delivery that a fault of ours keeps from being sent, or
// from being settled: Err says which, Policy is zero when not even its target is
// known. It is no attempt, however often it happens. It ends as every delivery
// does: once the fault has lasted for max_age the delivery is given up with the
// reason internal, for it can be that it is to blame, or no_public_key where that was
// lacking; and at once when it has
// made three workers panic in a row, so that it does not walk through the fleet.
func Hold(a Attempt, panicked bool) Decision {
	r := note(a)
	r.Held++
	if r.HeldSince.IsZero() {
		r.HeldSince = a.Now
	}
	r.Panics++
	if !panicked {
		r.Panics = 0
	}
	if r.Panics >= maxPanics {
		return given(a, r, action.CodeInternal, action.ExhaustedDeadLetter)
	}
	age := a.Policy.MaxAge
	if age <= 0 {
		age = action.DefaultRetry().MaxAge
	}
	since := r.HeldSince
	if a.Resumed.After(since) {
		since = a.Resumed
	}
	left := since.Add(age).Sub(a.Now)
	if left <= 0 {
		reason := action.CodeInternal
		if a.Err.Code == action.CodeNoPublicKey {
			reason = a.Err.Code
		}
		return given(a, r, reason, a.OnExhausted)
	}
	delay := holdSoon
	for n := 1; n < r.Held && delay < holdAgain; n++ {
		delay *= 2
	}
	delay = max(min(delay, holdAgain, left), action.MinWait)
	r.NextTry = a.Now.Add(delay)
	return Decision{Verdict: Retry, Delay: delay, Record: r}
}
