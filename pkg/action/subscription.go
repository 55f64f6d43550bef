package action

import "time"

// Subscription is one line of a subscription as a person sees it, or one of its
// lanes. What waits and what is in work are the server's own numbers.
type Subscription struct {
	Name         string            `json:"name"`            // [ORG:]CONDITION/TARGET
	Line         string            `json:"line"`            // its name, and that of its consumer if it has one
	Shard        int               `json:"shard,omitempty"` // that it is in; 0 = it has a consumer of its own
	Org          string            `json:"org,omitempty"`
	Condition    string            `json:"condition,omitempty"`
	Owner        string            `json:"owner,omitempty"` // organization that defines the target; "" is the instance
	Target       string            `json:"target"`
	Lane         int               `json:"lane"` // counted from 0
	Lanes        int               `json:"lanes"`
	State        SubscriptionState `json:"state"`
	Waiting      uint64            `json:"waiting"`
	InWork       int               `json:"in_work"`
	ToScan       bool              `json:"to_scan"` // waiting counts events that a better match will take
	Redelivered  int               `json:"redelivered"`
	OldestStored time.Time         `json:"oldest_stored,omitzero"`
	LastAck      time.Time         `json:"last_ack,omitzero"`
	LastSuccess  time.Time         `json:"last_success,omitzero"`
	Attempts     int               `json:"attempts,omitempty"` // of the head
	FailingSince time.Time         `json:"failing_since,omitzero"`
	NextTry      time.Time         `json:"next_try,omitzero"`
	StoppedSince time.Time         `json:"stopped_since,omitzero"`
	LastStatus   int               `json:"last_status,omitempty"`
	LastError    Code              `json:"last_error,omitempty"`
	LastFailed   time.Time         `json:"last_failed,omitzero"`
	Reason       Code              `json:"reason,omitempty"`
}

// SubscriptionState is what a subscription's line is doing.
type SubscriptionState string

// The states, as shown.
const (
	SubscriptionRunning   SubscriptionState = "running"
	SubscriptionRetrying  SubscriptionState = "retrying"
	SubscriptionStopped   SubscriptionState = "stopped"   // exhausted, until somebody resumes or skips
	SubscriptionPaused    SubscriptionState = "paused"    // by somebody
	SubscriptionDraining  SubscriptionState = "draining"  // no longer configured
	SubscriptionMigrating SubscriptionState = "migrating" // waits for lines of another lane count
	SubscriptionLost      SubscriptionState = "lost"      // its consumer was deleted by somebody else; it is put back within seconds
)

// Stands tells whether the head of the line is held up: what a skip is for.
func (s Subscription) Stands() bool {
	switch s.State {
	case SubscriptionRetrying, SubscriptionStopped, SubscriptionPaused:
		return true
	}
	return s.Attempts > 0
}
