package dispatch

import "time"

// pace is how often a dispatcher looks after what it keeps.
type pace struct {
	record time.Duration // how often positions are recorded and lost consumers put back
	sweep  time.Duration // how often what is old is removed, at most
	// outlive is how long what belongs to a target outlives it at least: calls
	// under way, and workers that hear of the edit late, still use it.
	outlive time.Duration
	// returns is how long an object that has left may come back as the one that
	// it was: its key is kept for so long, and the pause of its lines.
	returns time.Duration
}

// usual is the pace of every dispatcher but those of tests.
var usual = pace{record: 10 * time.Second, sweep: 10 * time.Minute, outlive: 10 * time.Second, returns: 10 * time.Minute}
