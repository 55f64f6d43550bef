package lead

import "time"

// moment is a point in time by both clocks of the machine. The monotonic clock
// stands while the machine is suspended, the wall clock is set by others: the
// longer of the two is how much may have passed for everybody else.
type moment struct {
	wall time.Time
	run  time.Duration // since the process began, by the monotonic clock
}

var processBegan = time.Now()

func now() moment {
	t := time.Now()
	return moment{wall: t.Round(0), run: t.Sub(processBegan)}
}

// since is how much may have passed between two moments.
func (m moment) since(earlier moment) time.Duration {
	return max(m.run-earlier.run, m.wall.Sub(earlier.wall))
}
