package dispatch

import (
	"context"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
)

// How far back what comes back is looked for: the edits that are read, and those
// of them that removed something.
const (
	mostRead     = 100
	mostRecalled = 20
	readSome     = 10 // at a time: most often the first few are older than needed
)

// Recall gives what a text names, and what left the catalog a short while ago,
// its id again, with which go its key and its pause: a file that was half
// written, or a line that was taken out by mistake, makes no other target of it.
// It is the same when scope, name and kind are, see catalog.Departures. next is
// given back as it is when nothing in it comes back.
func (i *Instance) Recall(ctx context.Context, current, next *catalog.Snapshot) (*catalog.Snapshot, error) {
	if current.Revision == 0 || !catalog.Adds(current, next) {
		return next, nil
	}
	var gone catalog.Departures
	err := i.departures(ctx, &gone)
	switch action.CodeOf(err) {
	case "", action.CodeUnreadable, action.CodeNotFound: // what is older is not known
		return gone.Restore(current, next), nil
	}
	return nil, err
}

// departures fills in what has left within the time in which it may return.
func (i *Instance) departures(ctx context.Context, gone *catalog.Departures) error {
	var below uint64
	for read, removed := 0, 0; read < mostRead; read += readSome {
		found, err := i.revisions.History(ctx, below, readSome)
		if err != nil {
			return err
		}
		for _, r := range found {
			if time.Since(r.Made) > i.dispatcher.pace.returns || removed == mostRecalled {
				return nil
			}
			below = r.Revision
			if r.Removed == 0 {
				continue
			}
			removed++
			if err := i.addDepartures(ctx, gone, r); err != nil {
				return err
			}
		}
		if len(found) < readSome {
			return nil
		}
	}
	return nil
}

func (i *Instance) addDepartures(ctx context.Context, gone *catalog.Departures, r action.Revision) error {
	after, err := i.catalog().Snapshot(ctx, r.Revision)
	if err != nil {
		return err
	}
	before, err := i.catalog().Snapshot(ctx, r.Before)
	if err != nil {
		return err
	}
	gone.Add(before, after)
	return nil
}
