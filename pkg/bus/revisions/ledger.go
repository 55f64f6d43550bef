package revisions

import (
	"context"
	"slices"
	"sync"

	"github.com/callout-hq/callout/pkg/action"
)

// run is a run of sequences whose revision is known, and the revision behind it
// where that is known too.
type run struct{ from, to, revision, next uint64 }

// Ledger tells which catalog revision was in force at a sequence of an
// instance's stream. What it has read it does not read again. It may be used
// from any goroutine.
type Ledger struct {
	revisions Revisions
	mu        sync.Mutex
	madeAt    int64 // which stream runs is about
	runs      []run // by from, not overlapping
}

// Ledger opens the ledger of the instance.
func (i Revisions) Ledger() *Ledger { return &Ledger{revisions: i} }

const maxRuns = 1024

// RevisionAt gives the revision in force when the event at seq was stored, and
// the one that came behind it, 0 = none is known. One read serves a backlog: its
// bound says up to where nothing newer exists. What lies below the oldest marker
// that is kept belongs to the oldest revision that is: somebody removed the marker
// of its own. madeAt is when the stream was made, in nanoseconds since 1970: the
// sequences of one that was made again begin anew, and mean something else. 0 = as
// it was asked for last.
func (l *Ledger) RevisionAt(ctx context.Context, madeAt int64, seq uint64) (revision, next uint64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if madeAt != 0 && madeAt != l.madeAt {
		l.madeAt, l.runs = madeAt, nil
	}
	if r, ok := l.known(seq); ok {
		return r.revision, r.next, nil
	}
	if n := len(l.runs); n == 0 || l.runs[n-1].from <= seq { // it may be of the newest
		r, err := l.newest(ctx, seq)
		if err != nil || r.from <= seq {
			return r.revision, 0, err
		}
	}
	r, err := l.older(ctx, seq)
	return r.revision, r.next, err
}

// forget drops what was read: markers were taken away.
func (l *Ledger) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.runs = nil
}

// newest reads the newest marker, and up to where nothing newer exists.
func (l *Ledger) newest(ctx context.Context, seq uint64) (run, error) {
	m, bound, found, err := l.revisions.markerUpTo(ctx, 0)
	switch {
	case err != nil:
		return run{}, err
	case !found:
		return run{}, l.revisions.noMarker()
	case bound < seq: // a replica that has not seen the event yet
		return run{}, action.NewError(action.CodeUnavailable, action.StageBus, "a stale replica of the event stream answered")
	}
	r := run{from: m.cut, to: bound, revision: m.Revision}
	if err := l.believed(ctx, m); err != nil {
		return run{}, err
	}
	l.learn(r)
	return r, nil
}

// older reads the markers around a sequence that is behind the newest.
func (l *Ledger) older(ctx context.Context, seq uint64) (run, error) {
	m, _, found, err := l.revisions.markerUpTo(ctx, seq)
	if err == nil && !found {
		m, err = l.revisions.firstMarker(ctx)
		m.cut = min(m.cut, seq)
	}
	if err != nil {
		return run{}, err
	}
	if found {
		if err := l.believed(ctx, m); err != nil {
			return run{}, err
		}
	}
	r := run{from: m.cut, to: seq, revision: m.Revision}
	behind, found, err := l.revisions.markerFrom(ctx, seq+1)
	if err != nil {
		return run{}, err
	}
	if found {
		r.to, r.next = behind.cut-1, behind.Revision
	}
	l.learn(r)
	return r, nil
}

// believed is the error unreadable for a marker that goes back. Those that were
// looked into are not again.
func (l *Ledger) believed(ctx context.Context, m marker) error {
	if slices.ContainsFunc(l.runs, func(r run) bool { return r.from == m.cut && r.revision == m.Revision }) {
		return nil
	}
	return l.revisions.follows(ctx, m)
}

func (l *Ledger) known(seq uint64) (run, bool) {
	at, _ := slices.BinarySearchFunc(l.runs, seq, func(s run, seq uint64) int {
		if s.to < seq {
			return -1
		}
		return 1
	})
	if at < len(l.runs) && l.runs[at].from <= seq {
		return l.runs[at], true
	}
	return run{}, false
}

func (l *Ledger) learn(s run) {
	for n := range l.runs {
		if l.runs[n].from == s.from {
			l.runs[n].to, l.runs[n].next = max(l.runs[n].to, s.to), max(l.runs[n].next, s.next)
			return
		}
	}
	if len(l.runs) >= maxRuns {
		l.runs = slices.Delete(l.runs, 0, maxRuns/2)
	}
	l.runs = append(l.runs, s)
	slices.SortFunc(l.runs, func(a, b run) int { return int(int64(a.from) - int64(b.from)) })
}
