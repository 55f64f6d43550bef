package work

import (
	"sync"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/lines"
)

// fleetState is what a worker knows of the fleet by watching: records of
// failing lines, paused targets, names of lines. It may be a moment behind;
// where that matters the server is asked.
type fleetState struct {
	mu      sync.Mutex
	records map[string]action.LineRecord
	paused  map[bus.TargetKey]action.Code
	resumed map[bus.TargetKey]time.Time
	lines   map[string]lines.Key // by watched key
	trouble map[lines.Key]trouble
}

// trouble is since when nothing could be carried out of what was decided in a line,
// and when that was tried last.
type trouble struct{ since, last time.Time }

func newFleetState() *fleetState {
	return &fleetState{records: map[string]action.LineRecord{}, paused: map[bus.TargetKey]action.Code{}, resumed: map[bus.TargetKey]time.Time{}, lines: map[string]lines.Key{}, trouble: map[lines.Key]trouble{}}
}

// againAtMost is how long what was decided waits at most until it is tried to be
// carried out again.
const againAtMost = 30 * time.Second

// again is how long a line waits in which something could not be carried out now: as
// long as that has lasted, but at least faultWait and at most againAtMost. It begins
// anew when nothing of the kind has happened here for a while, since another worker
// may have had the line.
func (s *fleetState) again(k lines.Key, now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.trouble[k]
	if now.Sub(t.last) > 2*againAtMost {
		t.since = now
	}
	t.last = now
	s.trouble[k] = t
	return min(max(now.Sub(t.since), faultWait), againAtMost)
}

// carriedOut ends the trouble of a line.
func (s *fleetState) carriedOut(k lines.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.trouble, k)
}

func (s *fleetState) setRecord(key string, r *action.LineRecord) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r == nil {
		delete(s.records, key)
		return
	}
	s.records[key] = *r
}

func (s *fleetState) setPaused(of bus.TargetKey, reason action.Code) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if reason == "" {
		delete(s.paused, of)
		return
	}
	s.paused[of] = reason
}

func (s *fleetState) setResumed(of bus.TargetKey, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at.IsZero() {
		delete(s.resumed, of)
		return
	}
	s.resumed[of] = at
}

// resumedAt is when a target's last pause ended; zero = it never was paused.
func (s *fleetState) resumedAt(instance, owner, target string) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.resumed[bus.TargetKey{Instance: instance, Owner: owner, Name: target}]
}

// lineKey keeps the key of a line for the moment when it is removed.
func (s *fleetState) lineKey(watched string, l *lines.Line) (k lines.Key, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, known = s.lines[watched]
	if l != nil {
		s.lines[watched] = l.Key()
	} else {
		delete(s.lines, watched)
	}
	return k, known
}

// hasRecord tells whether there is a record that the next delivery depends on.
func (s *fleetState) hasRecord(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.records[key].Holds()
}

// outstayed tells whether a line without an order stood for too long, and a
// delivery was there by then.
func (s *fleetState) outstayed(l *lines.Line, sequence uint64) bool {
	if !l.Unordered || l.Async {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.records[l.RecordKey()]
	return r.State == action.LineGivenUp && sequence <= r.Sequence
}

// failedWithin tells whether a record shows a failure of the last moment.
func (s *fleetState) failedWithin(key string, d time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Since(s.records[key].LastFailed) < d
}

func (s *fleetState) isPaused(instance, owner string, t *action.Target) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, paused := s.paused[bus.TargetKey{Instance: instance, Owner: owner, Name: t.Name}]
	return paused || t.Paused
}
