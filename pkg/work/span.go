package work

import (
	"context"
	"sync"

	"github.com/callout-hq/callout/pkg/bus"
)

// spans tells which events are a line's own: those from its cut up to where it
// drains. A line that was removed and made again is two lines for a while, and
// each has its own.
type spans struct {
	bus *bus.Bus
	mu  sync.Mutex
	of  map[string]span
}

// span is the end of a line, as it was known when a revision was in force.
type span struct {
	drainTo  uint64 // 0 = it has no end yet
	gone     bool
	revision uint64
}

func newSpans(b *bus.Bus) *spans { return &spans{bus: b, of: map[string]span{}} }

// holds tells whether an event is within the span of a line. revision is the
// catalog's that was in force when it was stored: whatever an older revision
// did to the line has been written by then, so that one look for each revision
// is enough, and nobody depends on how fast news travel.
func (s *spans) holds(ctx context.Context, l *bus.Line, sequence, revision uint64) (bool, error) {
	s.mu.Lock()
	known, ok := s.of[l.Name]
	s.mu.Unlock()
	if !ok {
		known = span{drainTo: l.DrainTo, revision: l.Revision}
	}
	if known.revision < revision {
		now, found, err := s.bus.LineNow(ctx, l.Instance, l.Name)
		if err != nil {
			return false, err
		}
		known = span{drainTo: now.DrainTo, gone: !found, revision: revision}
		s.mu.Lock()
		s.of[l.Name] = known
		s.mu.Unlock()
	}
	return !known.gone && (known.drainTo == 0 || sequence < known.drainTo), nil
}

// forget drops what is known of a line that was removed.
func (s *spans) forget(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.of, name)
}
