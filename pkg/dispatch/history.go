package dispatch

import (
	"context"
	"fmt"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/revisions"
)

// maxPage bounds one page of the history.
const maxPage = 1000

// History lists the revisions of an instance, newest first: those below before,
// or all when it is 0, and at most limit of them, 1 to 1,000. The newest
// action.MaxRevisions are kept, and older ones that an event in the stream still
// needs. The error is unknown_instance or bad_field.
func (i *Instance) History(ctx context.Context, before uint64, limit int) ([]action.Revision, error) {
	if limit < 1 || limit > maxPage {
		return nil, action.NewError(action.CodeBadField, action.StageCatalog, fmt.Sprintf("a page holds 1 to %d revisions", maxPage)).WithField("limit")
	}
	if err := i.known(ctx); err != nil {
		return nil, err
	}
	return i.revisions.History(ctx, before, limit)
}

// Watch reports the revision in force at once, if it is newer than from, and
// then each newer one until ctx ends, the dispatcher stops or do fails. While do
// is at work, revisions are left out but never the newest. The error is that of
// do, unknown_instance, or unavailable when the dispatcher stops; nil when ctx
// ended.
func (i *Instance) Watch(ctx context.Context, from uint64, do func(action.Revision) error) error {
	for next := from; ; next++ {
		v, err := i.version(ctx, next)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if v.Revision.Revision > from || from == 0 && next == 0 {
			if err := do(v.Revision); err != nil {
				return err
			}
			from = v.Revision.Revision
		}
		next = v.Revision.Revision
	}
}

// sweepSome is how many values are removed at most while nobody else can edit.
const sweepSome = 500

// sweep removes what is old of an instance's history. It is for who holds the
// lead.
func (t *tidying) sweep(ctx context.Context) error {
	if time.Since(t.swept) < t.dispatcher.pace.sweep {
		return nil
	}
	removed, more, err := t.revisions.Sweep(ctx, revisions.Sweeping{Keep: action.MaxRevisions, Grace: revisions.Grace, Most: sweepSome})
	if err != nil {
		return err
	}
	if removed > 0 {
		t.log.Debug().Int("values", removed).Msg("old revisions removed")
	}
	if !more {
		t.swept = time.Now()
	}
	return nil
}
