package revisions

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/wire"
)

// Root tells which revision of an instance's catalog is in force, and the
// sequence of the marker that carries it.
type Root struct {
	Format   int    `json:"format,omitempty"`
	Revision uint64 `json:"revision"`
	Cut      uint64 `json:"cut"`
	Deleting bool   `json:"deleting,omitempty"` // the instance is: for whoever asks there is none
}

// rootEnd ends the key of every root.
const rootEnd = ".root"

func (i Revisions) rootKey() string { return i.Token + rootEnd }

// SetRoot puts a revision in force for calls and tells everybody who follows,
// and hands the conditions to the cores. base is the one in force before, whose
// conditions are not stored again where they are the same.
func (i Revisions) SetRoot(ctx context.Context, v, base *Version) error {
	raw, err := json.Marshal(Root{Format: action.Format, Revision: v.Revision.Revision, Cut: v.Cut})
	if err != nil {
		return err
	}
	if err := i.manifests().Put(ctx, i.rootKey(), raw); err != nil {
		return err
	}
	return i.setConditions(ctx, v, base, false)
}

// Latest is the revision the event stream is marked with: it counts even when a
// dispatcher died before it could set the root. ok is false when the instance
// has no stream yet. The error is missing when the stream has no marker.
func (i Revisions) Latest(ctx context.Context) (r Root, ok bool, err error) {
	m, err := i.lastMarker(ctx)
	if action.CodeOf(err) == action.CodeMissing {
		if _, stateErr := i.State(ctx, i.Events); action.CodeOf(stateErr) == action.CodeMissing {
			return r, false, nil
		}
	}
	return Root{Revision: m.Revision, Cut: m.cut}, err == nil, err
}

// Current is the root as it was last set; ok is false when none was. A root that
// is there and cannot be read is the error unreadable, one that says that the
// instance is being deleted unknown_instance.
func (i Revisions) Current(ctx context.Context) (r Root, ok bool, err error) {
	v, ok, err := i.manifests().Get(ctx, i.rootKey())
	if err != nil || !ok {
		return r, false, err
	}
	if r, err = readRoot(v.Bytes); err == nil && r.Deleting {
		return Root{}, false, errDeleting()
	}
	return r, err == nil, err
}

func readRoot(raw []byte) (r Root, err error) {
	if err = bus.Decode(raw, &r); err == nil {
		err = action.CheckFormat(r.Format)
	}
	if err == nil && r.Revision == 0 {
		err = errors.New("it names no revision")
	}
	if err != nil {
		return Root{}, unreadable("the root of the catalog", err)
	}
	return r, nil
}

// Roots lists the instances that have a root, readable or not. A name that no
// instance can have is left out.
func Roots(ctx context.Context, b *bus.Bus) ([]string, error) {
	var instances []string
	bucket := b.Bucket(bus.BucketCatalog)
	keys, err := bucket.Keys(ctx, "*"+rootEnd)
	for _, v := range keys {
		instance, err := instanceOf(v.Key)
		if err != nil { // nobody can have made it by an edit
			bucket.Judge(v, err)
			continue
		}
		instances = append(instances, instance)
	}
	return instances, err
}

// instanceOf reads the instance from the key of its root.
func instanceOf(key string) (string, error) {
	instance, err := wire.ID(strings.TrimSuffix(key, rootEnd))
	if err == nil {
		err = action.CheckID(instance)
	}
	if err == nil && instance == "" {
		err = errors.New("an instance has a name")
	}
	return instance, err
}

// toldRoot is a root as it was told, and when the bucket was made that it stands
// in.
type toldRoot struct {
	Root
	made  time.Time
	place uint64 // of the value in its bucket
	gone  bool   // somebody removed it, and nothing else is left of the instance
}

// followRoots reports the root of every instance, now and on every change. One
// that was lost with its bucket is not told of: a dispatcher puts it back. The
// callback runs in one goroutine; the channel is closed when all that stood was
// read.
func followRoots(ctx context.Context, b *bus.Bus, do func(instance string, r toldRoot, err error)) <-chan struct{} {
	bucket := b.Bucket(bus.BucketCatalog)
	return bucket.Follow(ctx, "*"+rootEnd, func(v bus.Value) {
		instance, err := instanceOf(v.Key)
		if err != nil && v.Bytes == nil {
			err = nil
		}
		if !bucket.Judge(v, err) || instance == "" {
			return
		}
		if v.Lost {
			b.Log().Error().Str("instance", instance).Msg("the catalog is missing in NATS, the last one stays in force: a dispatcher puts it back")
			return
		}
		r, err := readRoot(v.Bytes)
		told := toldRoot{Root: r, made: v.Made, place: v.Revision}
		if v.Bytes == nil {
			err = unreadable("the root of the catalog", errors.New("somebody removed it"))
			told.gone = isGone(ctx, b.Instance(instance))
		}
		do(instance, told, err)
	})
}

// isGone tells whether an instance whose root was removed was deleted meanwhile, as
// far as that can be told now.
func isGone(ctx context.Context, i bus.Instance) bool {
	ctx, cancel := context.WithTimeout(ctx, readFor)
	defer cancel()
	left, err := i.Left(ctx)
	return err == nil && !left
}
