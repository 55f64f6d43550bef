package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/wire"
)

// Root tells which revision of an instance's catalog is in force, and the
// sequence of the marker that carries it.
type Root struct {
	Revision uint64 `json:"revision"`
	Cut      uint64 `json:"cut"`
}

// Version is one revision of an instance's catalog as it is stored. It is
// immutable, but for what its only writer fills in.
type Version struct {
	action.Revision
	Cut     uint64 // sequence of its marker; 0 when it was not this process that stored it
	Matcher *catalog.Matcher

	chunks     []*catalog.Chunk
	conditions []*catalog.ConditionChunk // of who stored it, once they were needed
}

// manifest lists the values that a revision is made of, each named by its
// content, so that only what changed is stored again.
type manifest struct {
	action.Revision
	BeforeCut uint64   `json:"before_cut"` // sequence of the marker of the revision before
	Chunks    []string `json:"chunks"`
}

func rootKey(instance string) string { return wire.Token(instance) + ".root" }
func revKey(instance string, n uint64) string {
	return wire.Token(instance) + ".rev." + strconv.FormatUint(n, 10)
}
func chunkKey(instance, hash string) string { return wire.Token(instance) + ".chunk." + hash }

// Grace is how long values are kept that no revision names: an edit under way
// may be about to. An edit that takes half as long from its first value to its
// marker is given up.
const Grace = 10 * time.Minute

// StoreCatalog stores a catalog that was stamped against base as the revision
// behind it, and marks the event stream with that. It does not make it the root: the lines come first, see
// SetRoot. What it shares with base is not stored again. If another
// revision has come since base, the error is conflict. The revision's number is
// written into the catalog, which nobody else may know yet; about says what made
// it.
func (b *Bus) StoreCatalog(ctx context.Context, base *Version, s catalog.Stamped, about action.Revision) (*Version, error) {
	last, err := b.lastMarker(ctx, s.Instance)
	if err != nil {
		return nil, err
	}
	if last.Revision != base.Revision.Revision {
		return nil, action.NewError(action.CodeConflict, action.StageCatalog,
			fmt.Sprintf("the catalog is at revision %d by now, this edit was made from %d", last.Revision, base.Revision.Revision))
	}
	began := time.Now()
	v := &Version{Revision: about}
	var fresh []catalog.NewChunk
	v.chunks, fresh = s.Chunks(base.chunks)
	if err := b.putChunks(ctx, s.Instance, fresh); err != nil {
		return nil, err
	}
	v.Before = last.Revision
	if v.Revision.Revision, err = b.putManifest(ctx, s.Instance, v, last.cut); err != nil {
		return nil, err
	}
	if time.Since(began) > Grace/2 {
		return nil, action.NewError(action.CodeConflict, action.StageCatalog, "the edit took too long; nothing was changed")
	}
	v.Cut, err = b.putMarker(ctx, s.Instance, v.Revision.Revision, last.cut)
	if err != nil {
		return nil, err
	}
	s.Revision = v.Revision.Revision
	return v, nil
}

// putChunks stores chunks. One that is there already is stored again: it may be
// left over from a revision that is gone, and about to be swept away.
func (b *Bus) putChunks(ctx context.Context, instance string, fresh []catalog.NewChunk) error {
	kv, err := b.bucket(ctx, bucketCatalog)
	if err != nil {
		return err
	}
	for _, c := range fresh {
		if len(c.Value) > b.MaxBody()-maxOverhead {
			return action.NewError(action.CodeTooLarge, action.StageCatalog, fmt.Sprintf("%q is too large for the bus", c.First))
		}
	}
	return together(len(fresh), func(i int) error {
		if _, err := kv.Put(ctx, chunkKey(instance, fresh[i].Hash), fresh[i].Value); err != nil {
			return failure(err)
		}
		return nil
	})
}

// maxOverhead is what the headers of a stored value may take of a message.
const maxOverhead = 4 << 10

// putManifest stores the list of a revision's values under the next free
// number. One may be taken by a dispatcher that died before its marker: the
// marker decides what counts.
func (b *Bus) putManifest(ctx context.Context, instance string, v *Version, beforeCut uint64) (uint64, error) {
	kv, err := b.bucket(ctx, bucketCatalog)
	if err != nil {
		return 0, err
	}
	m := manifest{Revision: v.Revision, BeforeCut: beforeCut, Chunks: catalog.Hashes(v.chunks)}
	for n := v.Before + 1; ; n++ {
		m.Revision.Revision = n
		raw, err := json.Marshal(m)
		if err != nil {
			return 0, err
		}
		if len(raw) > b.MaxBody()-maxOverhead {
			return 0, action.NewError(action.CodeTooLarge, action.StageCatalog,
				fmt.Sprintf("the configuration has too many objects for the bus: the list of its %d parts is too large", len(m.Chunks)))
		}
		_, err = kv.Create(ctx, revKey(instance, n), raw)
		if err == nil {
			return n, nil
		}
		if !errors.Is(err, jetstream.ErrKeyExists) {
			return 0, failure(err)
		}
	}
}

// SetRoot puts a revision in force for calls and tells everybody who follows,
// and hands the conditions to the cores. base is the one in force before, whose
// conditions are not stored again where they are the same.
func (b *Bus) SetRoot(ctx context.Context, instance string, v, base *Version) error {
	kv, err := b.bucket(ctx, bucketCatalog)
	if err != nil {
		return err
	}
	raw, err := json.Marshal(Root{Revision: v.Revision.Revision, Cut: v.Cut})
	if err != nil {
		return err
	}
	if _, err := kv.Put(ctx, rootKey(instance), raw); err != nil {
		return failure(err)
	}
	return b.setConditions(ctx, instance, v, base)
}

// LatestRoot is the revision the event stream is marked with: it counts even
// when a dispatcher died before it could set the root. ok is false when the
// instance has no stream yet.
func (b *Bus) LatestRoot(ctx context.Context, instance string) (r Root, ok bool, err error) {
	_, err = b.js.Stream(ctx, EventStream(instance))
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return r, false, nil
	}
	if err != nil {
		return r, false, failure(err)
	}
	m, err := b.lastMarker(ctx, instance)
	return Root{Revision: m.Revision, Cut: m.cut}, err == nil, err
}

// CurrentRoot is the root as it was last set; ok is false when none was. A root
// that is there and cannot be read is the error unreadable.
func (b *Bus) CurrentRoot(ctx context.Context, instance string) (r Root, ok bool, err error) {
	value, ok, err := b.value(ctx, bucketCatalog, rootKey(instance))
	if err != nil || !ok {
		return r, false, err
	}
	if err := json.Unmarshal(value, &r); err != nil {
		return r, false, unreadable("the root of the catalog", err)
	}
	return r, true, nil
}

// Roots lists the instances that have a root, readable or not.
func (b *Bus) Roots(ctx context.Context) ([]string, error) {
	var instances []string
	err := b.each(ctx, bucketCatalog, "*.root", func(key string, _ []byte) error {
		instance, err := wire.ID(strings.TrimSuffix(key, ".root"))
		if err == nil {
			instances = append(instances, instance)
		}
		return err
	})
	return instances, err
}

// followRoots reports the root of every instance, now and on every change. The
// callback runs in one goroutine; the channel is closed when all that stood
// was read.
func (b *Bus) followRoots(ctx context.Context, do func(instance string, r Root, err error)) <-chan struct{} {
	return b.follow(ctx, bucketCatalog, "*.root", func(key string, value []byte) {
		instance, err := wire.ID(strings.TrimSuffix(key, ".root"))
		if err != nil {
			b.log.Error().Err(err).Str("key", key).Msg("unreadable name of an instance")
			return
		}
		var r Root
		if err := json.Unmarshal(value, &r); err != nil {
			do(instance, r, unreadable("the root of the catalog", err))
			return
		}
		do(instance, r, nil)
	})
}

// unreadable is the error of something stored that is not there, or not what was
// stored.
func unreadable(what string, cause error) *action.Error {
	return action.NewError(action.CodeUnreadable, action.StageCatalog, what+" cannot be read").WithCause(cause)
}
