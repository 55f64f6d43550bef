package action

import (
	"encoding/json"
	"time"
)

// LineState is what a line is doing, as its record tells.
type LineState string

// The states of a line.
const (
	LineRunning  LineState = "running"
	LineRetrying LineState = "retrying" // its head failed and waits for the next attempt
	LineStopped  LineState = "stopped"  // its head is exhausted and on_exhausted is stop
	LinePaused   LineState = "paused"   // somebody paused it
	LineGivenUp  LineState = "given_up" // its head is or becomes a dead letter; the target is not called again for it
)

// LineRecord is what is kept of a line between attempts, in an unordered line
// of one delivery. It is written when an attempt fails, before the wait
// begins, so that no crash loses count. The server's own delivery count is
// never used: it also counts our faults.
type LineRecord struct {
	Sequence     uint64    `json:"sequence"` // of the delivery at the head
	DeliveryID   string    `json:"delivery_id,omitempty"`
	Attempts     int       `json:"attempts"`               // real exchanges of that delivery
	FailingSince time.Time `json:"failing_since,omitzero"` // first failure since the last success of the line
	NextTry      time.Time `json:"next_try,omitzero"`
	State        LineState `json:"state"`
	LastStatus   int       `json:"last_status,omitempty"`
	LastCode     Code      `json:"last_code,omitempty"`
	Reason       Code      `json:"reason,omitempty"` // why it was given up or stopped
	StoppedSince time.Time `json:"stopped_since,omitzero"`
	HeldSince    time.Time `json:"held_since,omitzero"`   // when a fault of ours began to hold that delivery up; zero = none does
	LastFailed   time.Time `json:"last_failed,omitzero"`  // when LastStatus and LastCode were; kept when the line runs again
	LastSuccess  time.Time `json:"last_success,omitzero"` // before it began to fail
	Held         int       `json:"held,omitempty"`        // how often that was found out in a row
	Panics       int       `json:"panics,omitempty"`      // how many workers in a row it made panic
	Format       int       `json:"format,omitempty"`
}

// Running is what is left of a record when the line runs again: how it failed
// last.
func (r LineRecord) Running() LineRecord {
	return LineRecord{State: LineRunning, LastStatus: r.LastStatus, LastCode: r.LastCode, LastFailed: r.LastFailed}
}

// Holds tells whether there is anything in a record that the next delivery
// depends on.
func (r LineRecord) Holds() bool { return r.State != "" && r.State != LineRunning }

// DeadLetter is a delivery that was given up. Body holds the whole event (or
// async body) as it was to be sent, byte for byte.
type DeadLetter struct {
	DeliveryID   string          `json:"delivery_id"`
	Instance     string          `json:"instance"`
	Org          string          `json:"org,omitempty"` // scope of the execution
	Owner        string          `json:"owner,omitempty"`
	Target       string          `json:"target"`
	Phase        Phase           `json:"phase"`
	Match        string          `json:"match,omitempty"` // condition, for an event
	EventType    string          `json:"event_type,omitempty"`
	EventID      string          `json:"event_id,omitempty"`  // what publishing the event returned
	EventOrg     string          `json:"event_org,omitempty"` // organization of the event, or of the call that an async delivery came from
	Aggregate    string          `json:"aggregate,omitempty"` // of the event
	Subject      string          `json:"subject"`
	Sequence     uint64          `json:"sequence"` // of the stream
	StoredAt     time.Time       `json:"stored_at"`
	FailingSince time.Time       `json:"failing_since,omitzero"`
	DeadAt       time.Time       `json:"dead_at"`
	Attempts     int             `json:"attempts"`
	Reason       Code            `json:"reason"`
	LastStatus   int             `json:"last_status,omitempty"`
	LastError    string          `json:"last_error,omitempty"`  // for the operator
	LastAnswer   *FailedAnswer   `json:"last_answer,omitempty"` // of the last attempt, for the operator; nil = there was none
	Body         json.RawMessage `json:"-"`                     // kept beside, not inside: it need not be JSON
}

// FailedAnswer is the beginning of what a target answered when an attempt failed.
// What may be a secret is masked in it.
type FailedAnswer struct {
	Headers   []AnswerHeader `json:"headers,omitempty"`
	Body      string         `json:"body,omitempty"`      // uncompressed, at most MaxBeginning bytes
	Truncated bool           `json:"truncated,omitempty"` // there was more than is kept
}

// AnswerHeader is a header of an answer.
type AnswerHeader struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}
