package bus

import "time"

// Past tells whether a moment is over by either clock. The monotonic clock
// stands while a machine is suspended, and the wall clock may be set back: what
// somebody holds until a moment is over as soon as one of them says so.
func Past(t time.Time) bool {
	now := time.Now()
	return now.After(t) || now.Round(0).After(t.Round(0))
}
