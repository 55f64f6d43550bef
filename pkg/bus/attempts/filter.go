package attempts

import (
	"strings"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// Filter chooses deliveries: those for which everything holds that is set.
type Filter struct {
	DeliveryID string
	Sequence   uint64 // of the event in its stream
	EventID    string
	Target     string
	Org        string // of the event or the call
	Aggregate  string
	EventType  string    // a type, a group or *
	State      State     // after the last attempt
	Since      time.Time // the last attempt ended at or after
	Until      time.Time // the last attempt ended before
}

// subjects covers the records that can be of a chosen delivery.
func (f *Filter) subjects(instance string) string {
	eventType := f.EventType
	if eventType == "" && (f.Sequence > 0 || f.EventID != "") {
		eventType = "*"
	}
	return wire.AttemptFilter(instance, f.DeliveryID, f.Target, f.Org, eventType)
}

// about tells whether a record is of a delivery that may be chosen, by what all
// its records say.
func (f *Filter) about(r *Record) bool {
	return (f.DeliveryID == "" || f.DeliveryID == r.DeliveryID) && (f.Target == "" || f.Target == r.Target) && (f.Org == "" || f.Org == r.Org) &&
		(f.Sequence == 0 || r.Phase == action.OnEvent && f.Sequence == r.Sequence) && (f.EventID == "" || f.EventID == r.EventID) &&
		(f.Aggregate == "" || f.Aggregate == r.Aggregate) && f.hasType(r)
}

func (f *Filter) hasType(r *Record) bool {
	if f.EventType == "" {
		return true
	}
	group, is := strings.CutSuffix(f.EventType, "*")
	return r.Phase == action.OnEvent && (r.Name == f.EventType || is && strings.HasPrefix(r.Name, group))
}

// takes tells whether a delivery is chosen by its last attempt.
func (f *Filter) takes(last *Record) bool {
	return (f.State == "" || f.State == last.State()) && !last.Ended.Before(f.Since) && (f.Until.IsZero() || last.Ended.Before(f.Until))
}
