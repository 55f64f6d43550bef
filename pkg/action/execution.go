package action

import "time"

// OnUnavailable says what a call does when no usable worker can be reached.
type OnUnavailable string

// The choices of OnUnavailable. Unset means: fail if any target interrupts.
const (
	UnavailableFail     OnUnavailable = "fail"
	UnavailableContinue OnUnavailable = "continue"
)

// OnExhausted says what happens to an event after its last attempt.
type OnExhausted string

// The choices of OnExhausted. Unset means dead_letter.
const (
	ExhaustedDeadLetter OnExhausted = "dead_letter"
	ExhaustedStop       OnExhausted = "stop"
)

// Applies says for which organizations an execution of the instance runs.
type Applies string

// The choices of Applies. Unset means required.
const (
	AppliesRequired  Applies = "required"  // for all
	AppliesDefault   Applies = "default"   // for those that have none of their own for what happens
	AppliesAvailable Applies = "available" // for none by itself: only where it is included
)

// Entry is one line of an execution's list: a target, or an include of another
// entry of the same section. Exactly one of the two is set.
type Entry struct {
	Target  string `json:"target,omitempty"`
	Include string `json:"include,omitempty"`
}

// Execution is a condition and its ordered list. Without a condition it is a
// list: it never fires by itself, others include it.
type Execution struct {
	Name          string        `json:"name"`            // the key it was written under
	Match         string        `json:"match,omitempty"` // Condition.Match; empty = a list
	Entries       []Entry       `json:"entries"`
	OnUnavailable OnUnavailable `json:"on_unavailable,omitempty"`
	OnExhausted   OnExhausted   `json:"on_exhausted,omitempty"`
	MaxStop       time.Duration `json:"max_stop,omitempty"` // how long a line may stand; 0 = DefaultMaxStop
	Applies       Applies       `json:"applies,omitempty"`  // of the instance's
}

// IsList tells whether e never fires by itself.
func (e *Execution) IsList() bool { return e.Match == "" }

// Fires tells whether e runs by its condition: it has one, and is not only there to
// be included.
func (e *Execution) Fires() bool { return e.Match != "" && e.Applies != AppliesAvailable }

// GivesWay tells whether e runs only where an organization has none of its own.
func (e *Execution) GivesWay() bool { return e.Applies == AppliesDefault }

// Scope is an instance, or one organization of it (Org not empty).
type Scope struct {
	Instance string `json:"instance"`
	Org      string `json:"org,omitempty"`
}
