package revisions

import (
	"context"
	"encoding/json"
	"math"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
)

// errDeleting is the error of an instance that is being deleted: for whoever asks
// there is none.
func errDeleting() error {
	return action.NewError(action.CodeUnknownInstance, action.StageCatalog, "the instance is being deleted")
}

// Deleting tells whether an instance is being deleted. One whose root cannot be
// read is not.
func (i Revisions) Deleting(ctx context.Context) (bool, error) {
	v, there, err := i.manifests().Get(ctx, i.rootKey())
	if err != nil || !there {
		return false, err
	}
	r, err := readRoot(v.Bytes)
	return err == nil && r.Deleting, nil //nolint:nilerr // it is told to who reads the catalog
}

// Delete stores that an instance is being deleted, in the place of its root: from
// then on there is none for anybody who follows, and what is left of it is for
// whoever comes by to remove. It is for who holds the lead.
func (i Revisions) Delete(ctx context.Context) error {
	v, there, err := i.manifests().Get(ctx, i.rootKey())
	if err != nil {
		return err
	}
	if !there {
		return action.NewError(action.CodeUnknownInstance, action.StageCatalog, "")
	}
	r, err := readRoot(v.Bytes)
	if err != nil { // it goes, whatever stands there
		r = Root{Revision: 1}
	}
	r.Format, r.Deleting = action.Format, true
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = i.manifests().Update(ctx, i.rootKey(), raw, v.Revision)
	return err
}

// EmptyConditions tells the cores of an instance that is being deleted that nothing
// is configured.
func (i Revisions) EmptyConditions(ctx context.Context) error {
	raw, err := json.Marshal(conditionList{Format: action.Format, Revision: 1, Replaces: math.MaxUint64, Deleted: true})
	if err != nil {
		return err
	}
	return i.Bucket(bus.BucketConditions).Put(ctx, i.Token, raw)
}

// RemoveKeys removes all keys of an instance that is being deleted, but for what
// says so.
func (i Revisions) RemoveKeys(ctx context.Context) error {
	return i.Instance.RemoveKeys(ctx, i.rootKey())
}

// heardFor is how long who follows may take to hear that the last is gone, before
// the word of it goes too.
const heardFor = time.Second

// Deleted removes the last that is left of an instance that is being deleted:
// that it is. One that was made again meanwhile stays.
func (i Revisions) Deleted(ctx context.Context) error {
	v, there, err := i.manifests().Get(ctx, i.rootKey())
	if err != nil || !there {
		return err
	}
	if r, err := readRoot(v.Bytes); err != nil || !r.Deleting {
		return err
	}
	if err := i.manifests().Purge(ctx, i.rootKey()); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return bus.Failure(ctx.Err())
	case <-time.After(heardFor):
	}
	return i.manifests().Sweep(ctx, bus.Value{Key: i.rootKey(), Revision: v.Revision + 1})
}
