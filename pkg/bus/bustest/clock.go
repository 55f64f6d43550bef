package bustest

import (
	"time"
	"unsafe"
)

// Apart gives a moment whose monotonic part is further ahead than its wall
// part, as of a machine whose clocks have gone differently: one that was
// suspended, or whose wall clock somebody set. t must have both parts, as that of
// time.Now has.
func Apart(t time.Time, monotonic time.Duration) time.Time {
	parts := (*struct { // as the time package has it: nothing else can make such a moment
		wall uint64
		ext  int64
	})(unsafe.Pointer(&t)) //nolint:gosec // read above
	parts.ext += int64(monotonic)
	return t
}
