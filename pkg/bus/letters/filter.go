package letters

import (
	"strings"
	"time"

	"github.com/callout-hq/callout/pkg/action"
)

// Filter chooses dead letters: those for which everything holds that is set.
type Filter struct {
	IDs       []string    `json:"ids,omitempty"` // delivery ids
	Target    string      `json:"target,omitempty"`
	Org       string      `json:"org,omitempty"`
	Reason    action.Code `json:"reason,omitempty"`
	EventType string      `json:"event_type,omitempty"` // a type, a group or *
	EventOrg  string      `json:"event_org,omitempty"`  // organization of the event or call
	Aggregate string      `json:"aggregate,omitempty"`  // of the event
	Since     time.Time   `json:"since,omitzero"`       // given up at or after
	Until     time.Time   `json:"until,omitzero"`       // given up before
}

// Takes tells whether a dead letter is chosen. Its id is not looked at: what is
// read by its id has it.
func (f *Filter) Takes(d action.DeadLetter) bool {
	return (f.Target == "" || f.Target == d.Target) && (f.Org == "" || f.Org == d.Org) &&
		(f.Reason == "" || f.Reason == d.Reason) && f.hasType(d.EventType) &&
		(f.EventOrg == "" || f.EventOrg == d.EventOrg) && (f.Aggregate == "" || f.Aggregate == d.Aggregate) &&
		!d.DeadAt.Before(f.Since) && (f.Until.IsZero() || d.DeadAt.Before(f.Until))
}

// Knows tells whether who asks with the filter may know of a dead letter: who asks for
// those of one organization is told of another's as of one that does not exist.
func (f *Filter) Knows(d action.DeadLetter) bool { return f.Org == "" || f.Org == d.Org }

func (f *Filter) hasType(eventType string) bool {
	if f.EventType == "" {
		return true
	}
	if group, is := strings.CutSuffix(f.EventType, "*"); is {
		return strings.HasPrefix(eventType, group)
	}
	return f.EventType == eventType
}

// All tells whether nothing is left out.
func (f *Filter) All() bool {
	return len(f.IDs) == 0 && f.Target == "" && f.Org == "" && f.Reason == "" && f.EventType == "" && f.EventOrg == "" && f.Aggregate == "" && f.Since.IsZero() && f.Until.IsZero()
}
