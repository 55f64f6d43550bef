package action

import "encoding/json"

// Outcome is how a call ended. A call has exactly one.
type Outcome string

// The four outcomes.
const (
	Continue    Outcome = "continue"    // go on, with the changed object if there is one
	Rejected    Outcome = "rejected"    // a target said no, with a status and a message for the caller
	Failed      Outcome = "failed"      // a target could not be used and interrupts
	Unavailable Outcome = "unavailable" // no usable worker
)

// StepOutcome is how one target's turn in a call ended.
type StepOutcome string

// The outcomes of a step.
const (
	StepOK       StepOutcome = "ok"       // answered, nothing changed
	StepChanged  StepOutcome = "changed"  // answered and changed the object
	StepStored   StepOutcome = "stored"   // async: stored, not yet delivered
	StepRejected StepOutcome = "rejected" // forwarded a status or message
	StepFailed   StepOutcome = "failed"
)

// Step is one target's turn in a call, as the caller sees it.
type Step struct {
	Target     string      `json:"target"`
	Kind       Kind        `json:"kind"`
	Status     int         `json:"status,omitzero"` // HTTP status; 0 when there was no answer
	DurationMS float64     `json:"duration_ms"`
	Outcome    StepOutcome `json:"outcome"`
	// Interrupt tells that the object was changed by a target that has
	// interrupt_on_error: a core that cannot use the object must not go on. A
	// worker from before this member leaves it out, which reads as one that does
	// not interrupt: the core goes on with the object as it was.
	Interrupt bool `json:"interrupt,omitzero"`
}

// Warning tells the caller of something that went wrong and did not end the
// call.
type Warning struct {
	Code    Code   `json:"code"`
	Status  int    `json:"status,omitzero"`
	Message string `json:"message"`
	Target  string `json:"target,omitempty"`
}

// Result is what a call returns. Object is nil when nothing changed.
type Result struct {
	Outcome  Outcome
	Object   json.RawMessage
	Error    *Error
	Warnings []Warning
	Steps    []Step
	Revision uint64 // of the catalog that was used
}
