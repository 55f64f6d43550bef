// Package outcome decides what becomes of a delivery after an attempt. It is
// the one place where ack, retry and dead letter are chosen, and a pure
// function of its input.
package outcome

import (
	"time"

	"github.com/callout-hq/callout/pkg/action"
)

// Verdict is what happens next to a delivery.
type Verdict string

// The verdicts.
const (
	Ack   Verdict = "ack"   // delivered
	Retry Verdict = "retry" // the line waits for Delay, then tries again
	Dead  Verdict = "dead"  // dead letter, then on with the line
	Stop  Verdict = "stop"  // the line stands until somebody resumes it
	Pause Verdict = "pause" // the target said 410: it is paused, the line waits
)

// Attempt is what is known after one exchange with a target.
type Attempt struct {
	Err         *action.Error // nil = success
	Status      int           // HTTP status, 0 = none
	RetryAfter  time.Duration // what the target asked for, 0 = nothing
	Policy      action.Retry
	OnExhausted action.OnExhausted
	Before      action.LineRecord // as it stood before this attempt
	Sequence    uint64            // of this delivery
	DeliveryID  string
	StoredAt    time.Time
	Resumed     time.Time // when the target's last pause ended; zero = it never was paused
	Now         time.Time
	Jitter      float64 // in [0,1); 0.5 = none
}

// Decision is the verdict, with the record to be written before it is carried
// out. The record's Reason is set for Dead and Stop.
type Decision struct {
	Verdict Verdict
	Delay   time.Duration
	Record  action.LineRecord
}

// Decide chooses. A 4xx other than 408, 409, 425 and 429 is dead at once; 410
// pauses the target; everything else is retried until the policy's attempts or
// max_age are used up. A fault of ours is no attempt: the line waits for it, at
// most for max_age. max_age runs from the latest of the event being stored,
// the line beginning to fail and the target's pause ending, so that a backlog
// does not expire unsent, time paused does not count, and a dead target does not
// hold its line for ever.
func Decide(a Attempt) Decision {
	if a.Err == nil {
		return Decision{Verdict: Ack, Record: action.LineRecord{Sequence: a.Sequence, State: action.LineRunning}}
	}
	if a.Err.Code.IsOurs() {
		return Hold(a, false)
	}
	r := charge(a)
	switch {
	case a.Err.Code == action.CodeGone:
		return Decision{Verdict: Pause, Record: r}
	case isFinal(a.Err.Code, a.Status):
		return given(a, r, a.Err.Code, action.ExhaustedDeadLetter)
	case a.Policy.Attempts > 0 && r.Attempts >= a.Policy.Attempts:
		return given(a, r, action.CodeExhausted, a.OnExhausted)
	}
	left := remaining(a, r)
	if left <= 0 {
		return given(a, r, action.CodeExpired, a.OnExhausted)
	}
	delay := max(min(wait(a, r.Attempts), left), action.MinWait)
	r.State, r.NextTry = action.LineRetrying, a.Now.Add(delay)
	return Decision{Verdict: Retry, Delay: delay, Record: r}
}

// note writes down how the exchange went. A record of another delivery only says
// since when the line fails.
func note(a Attempt) action.LineRecord {
	r := a.Before
	if r.Sequence != a.Sequence || (r.DeliveryID != "" && r.DeliveryID != a.DeliveryID) {
		r = action.LineRecord{FailingSince: r.FailingSince, LastSuccess: r.LastSuccess}
	}
	r.Sequence, r.DeliveryID = a.Sequence, a.DeliveryID
	r.LastStatus, r.LastCode, r.NextTry = a.Status, a.Err.Code, time.Time{}
	// A line that was resumed tries again: why it stood is past.
	r.State, r.Reason, r.StoppedSince = action.LineRetrying, "", time.Time{}
	return r
}

// charge counts the attempt, unless it pauses the target.
func charge(a Attempt) action.LineRecord {
	r := note(a)
	r.HeldSince, r.Held, r.Panics = time.Time{}, 0, 0 // it was sent: what held it is past
	if a.Err.Code != action.CodeGone {
		r.Attempts++
	}
	if r.FailingSince.IsZero() {
		r.FailingSince = a.Now
	}
	return r
}

// given is a delivery given up: dead, or the line stopped.
func given(a Attempt, r action.LineRecord, reason action.Code, on action.OnExhausted) Decision {
	r.Reason = reason
	if on == action.ExhaustedStop {
		r.State, r.StoppedSince = action.LineStopped, a.Now
		return Decision{Verdict: Stop, Record: r}
	}
	r.State = action.LineGivenUp
	return Decision{Verdict: Dead, Record: r}
}

// isFinal tells whether another attempt cannot help: the target understood and
// refused.
func isFinal(code action.Code, status int) bool {
	if code == action.CodeMalformed {
		return true // no JWT can be made of this body, however often it is tried
	}
	if code != action.CodeStatus || status < 400 || status > 499 {
		return false
	}
	switch status {
	case 408, 409, 425, 429: // timeout, conflict, too early, too many
		return false
	}
	return true
}

func remaining(a Attempt, r action.LineRecord) time.Duration {
	if a.Policy.MaxAge <= 0 {
		return action.MaxWait
	}
	since := a.StoredAt
	for _, later := range []time.Time{r.FailingSince, a.Resumed} {
		if later.After(since) {
			since = later
		}
	}
	return since.Add(a.Policy.MaxAge).Sub(a.Now)
}

// wait doubles from Initial to Max with ±20 % jitter. What the target asked
// for lengthens it, up to Max.
func wait(a Attempt, attempts int) time.Duration {
	initial, limit := a.Policy.Initial, a.Policy.Max
	if initial <= 0 {
		initial = action.DefaultRetry().Initial
	}
	if limit < initial {
		limit = initial
	}
	delay := initial
	for i := 1; i < attempts && delay < limit; i++ {
		delay *= 2
	}
	delay = min(delay, limit)
	delay = time.Duration(float64(delay) * (0.8 + 0.4*a.Jitter))
	return max(delay, min(a.RetryAfter, limit))
}
