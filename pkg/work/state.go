package work

import (
	"sync"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
)

// fleetState is what a worker knows of the fleet by watching: records of
// failing lines, paused targets, names of lines. It may be a moment behind;
// where that matters the server is asked.
type fleetState struct {
	mu      sync.Mutex
	records map[string]action.LineRecord
	paused  map[bus.TargetKey]action.Code
	resumed map[bus.TargetKey]time.Time
	lines   map[string]string // watched key → line name
}

func newFleetState() *fleetState {
	return &fleetState{records: map[string]action.LineRecord{}, paused: map[bus.TargetKey]action.Code{}, resumed: map[bus.TargetKey]time.Time{}, lines: map[string]string{}}
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
	s.resumed[of] = at
}

// resumedAt is when a target's last pause ended; zero = it never was paused.
func (s *fleetState) resumedAt(instance, owner, target string) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.resumed[bus.TargetKey{Instance: instance, Owner: owner, Name: target}]
}

// lineName keeps the name of a line for the moment when it is removed.
func (s *fleetState) lineName(key string, l *bus.Line) (name string, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name, known = s.lines[key]
	if l != nil {
		s.lines[key] = l.Name
	} else {
		delete(s.lines, key)
	}
	return name, known
}

// hasRecord tells whether there is a record that the next delivery depends on.
func (s *fleetState) hasRecord(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.records[key].Holds()
}

// outstayed tells whether a line without an order stood for too long, and a
// delivery was there by then.
func (s *fleetState) outstayed(l *bus.Line, sequence uint64) bool {
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
