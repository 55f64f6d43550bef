package work

import (
	"context"
	"errors"
	"sync"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/lines"
)

// ends knows where lines end: which events are a line's own, those from its cut
// up to where it drains. A line that was removed and made again is two lines
// for a while, with two keys, and each has its own.
type ends struct {
	bus *bus.Bus
	mu  sync.Mutex
	of  map[lines.Key]end
}

// end is the end of a line, as it was known when a revision was in force.
type end struct {
	drainTo  uint64 // 0 = it has no end yet
	until    uint64 // the last revision whose events it has; 0 = that is not said
	revision uint64
}

// errNoEntry is the error of a line that is not in the book. One that was removed
// has no deliveries any more, so that this one is of a line whose entry was lost:
// what it is for is not known until that is put back.
var errNoEntry = errors.New("the line of a delivery is not in the book of lines")

func newEnds(b *bus.Bus) *ends { return &ends{bus: b, of: map[lines.Key]end{}} }

// holds tells whether an event is one of a line's own. revision is the
// catalog's that was in force when it was stored: whatever an older revision
// did to the line has been written by then, so that one look for each revision
// is enough, and nobody depends on how fast news travel. Where a revision itself has
// another line take over, the entry says so before there is that revision. The error may
// be errNoEntry.
func (e *ends) holds(ctx context.Context, l *lines.Line, sequence, revision uint64) (bool, error) {
	e.mu.Lock()
	known, ok := e.of[l.Key()]
	e.mu.Unlock()
	if !ok {
		known = end{drainTo: l.DrainTo, until: l.Until, revision: l.Revision}
	}
	if known.revision < revision {
		var err error
		if known, err = e.look(ctx, l, revision); err != nil {
			return false, err
		}
	}
	return sequence >= l.Cut && (known.drainTo == 0 || sequence < known.drainTo) && (known.until == 0 || revision <= known.until), nil
}

// drainTo is where a line ends under the newest catalog, of which revision is the
// number; 0 = nowhere, or it is gone. Once a line of events has an end that stays;
// one of async deliveries may go on, but not before another revision.
func (e *ends) drainTo(ctx context.Context, l *lines.Line, revision uint64) (uint64, error) {
	e.mu.Lock()
	known := e.of[l.Key()]
	e.mu.Unlock()
	if known.drainTo > 0 && (!l.Async || known.revision >= revision) {
		return known.drainTo, nil
	}
	if !l.Async { // what holds knows of the line was found out under an older one
		revision = known.revision
	}
	known, err := e.look(ctx, l, revision)
	if errors.Is(err, errNoEntry) {
		return 0, nil
	}
	return known.drainTo, err
}

func (e *ends) look(ctx context.Context, l *lines.Line, revision uint64) (end, error) {
	now, found, err := lines.Of(e.bus.Instance(l.Instance)).Now(ctx, l.Name)
	if err == nil && !found {
		err = errNoEntry
	}
	if err != nil {
		return end{}, err
	}
	known := end{drainTo: now.DrainTo, until: now.Until, revision: revision}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.of[l.Key()] = known
	return known, nil
}

// forget drops what is known of a line that was removed.
func (e *ends) forget(k lines.Key) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.of, k)
}
