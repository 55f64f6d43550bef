package action

import "time"

// Revision tells how one state of an instance's catalog came to be.
type Revision struct {
	Revision uint64    `json:"revision"`
	Before   uint64    `json:"before"` // the revision it was made from; 0 is the empty catalog
	Made     time.Time `json:"made,omitzero"`
	Source   string    `json:"source,omitempty"` // what made it, such as "apply" or "file callout.yaml"
	Added    int       `json:"added,omitempty"`  // objects, against the one before
	Changed  int       `json:"changed,omitempty"`
	Removed  int       `json:"removed,omitempty"`
	Job      string    `json:"job,omitempty"` // of what waits for something that it removed
}

// Bounds of revisions.
const (
	MaxSource    = 300  // bytes in the text that tells what made one
	MaxRevisions = 1000 // newest ones that are kept of an instance, whether or not events need them
)
