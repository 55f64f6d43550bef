package action

import "time"

// Job is something that takes longer than a request may: it is stored, and any
// dispatcher goes on with it where another has stopped.
type Job struct {
	ID        string    `json:"id"` // later ones sort behind earlier ones
	Instance  string    `json:"instance"`
	Kind      JobKind   `json:"kind"`
	About     string    `json:"about"` // what it is done to, as a person reads it
	State     JobState  `json:"state"`
	Done      uint64    `json:"done"`            // deliveries or dead letters so far
	Total     uint64    `json:"total,omitempty"` // of how many, as they were counted when it began; 0 = not known
	Made      time.Time `json:"made"`
	Ended     time.Time `json:"ended,omitzero"`
	LastError string    `json:"last_error,omitempty"` // why it failed, or what holds it up
	LastCode  Code      `json:"last_code,omitempty"`
}

// JobKind is what a job does.
type JobKind string

// The kinds of jobs.
const (
	JobDiscard        JobKind = "discard"         // makes dead letters of what waits for something that was deleted
	JobDrain          JobKind = "drain"           // sees to what waits for something that was deleted being delivered
	JobSkip           JobKind = "skip"            // makes dead letters of what waits in a subscription that stands
	JobRedrive        JobKind = "redrive"         // sends dead letters again
	JobDiscardLetters JobKind = "discard_letters" // takes dead letters out for good
	JobReplay         JobKind = "replay"          // sends stored events of a subscription again
)

// JobState is how a job stands.
type JobState string

// The states of a job.
const (
	JobRunning   JobState = "running"
	JobDone      JobState = "done"
	JobCancelled JobState = "cancelled" // by somebody; what was done stays done
	JobFailed    JobState = "failed"    // it cannot go on
)

// HasEnded tells whether nothing is done for it any more.
func (j Job) HasEnded() bool { return j.State != JobRunning }

// Bounds of the jobs of an instance.
const (
	MaxJobs      = 64             // that run at once
	MaxFirst     = 1000           // delivery ids that one names of what it acted on
	MaxEndedJobs = 200            // that are kept
	KeepJobs     = 24 * time.Hour // how long ended ones are kept
)
