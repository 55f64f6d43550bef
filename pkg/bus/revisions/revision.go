package revisions

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/catalog"
)

// Revisions are the revisions of one instance's catalog. It is a value, and may
// be used from any goroutine. Errors are *action.Error.
type Revisions struct{ bus.Instance }

// Of gives the revisions of an instance.
func Of(i bus.Instance) Revisions { return Revisions{i} }

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
	Format int `json:"format,omitempty"`
	action.Revision
	BeforeCut uint64   `json:"before_cut"` // sequence of the marker of the revision before
	Chunks    []string `json:"chunks"`
}

func (i Revisions) manifests() bus.Bucket { return i.Bucket(bus.BucketCatalog) }

func (i Revisions) revisionKey(n uint64) string {
	return i.Token + ".rev." + strconv.FormatUint(n, 10)
}

func (i Revisions) chunkKey(hash string) string { return i.Token + ".chunk." + hash }

// Grace is how long values are kept that no revision names: an edit under way
// may be about to. An edit that takes half as long from its first value to its
// marker is given up.
const Grace = 10 * time.Minute

// Add stores a catalog that was stamped against base as the revision behind it,
// and marks the event stream with that. It does not make it the root: the lines
// come first, see SetRoot. What it shares with base is not stored again. If
// another revision has come since base, the error is conflict. The revision's
// number is written into the catalog, which nobody else may know yet; about says
// what made it.
func (i Revisions) Add(ctx context.Context, base *Version, s catalog.Stamped, about action.Revision) (*Version, error) {
	last, err := i.lastMarker(ctx)
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
	if err := i.putChunks(ctx, fresh); err != nil {
		return nil, err
	}
	v.Before = last.Revision
	if v.Revision.Revision, err = i.putManifest(ctx, v, last.cut); err != nil {
		return nil, err
	}
	if time.Since(began) > Grace/2 {
		return nil, action.NewError(action.CodeConflict, action.StageCatalog, "the edit took too long; nothing was changed")
	}
	v.Cut, err = i.putMarker(ctx, v.Revision.Revision, last.cut)
	if err != nil {
		return nil, err
	}
	s.Revision = v.Revision.Revision
	return v, nil
}

// putChunks stores chunks. One that is there already is stored again: it may be
// left over from a revision that is gone, and about to be swept away.
func (i Revisions) putChunks(ctx context.Context, fresh []catalog.NewChunk) error {
	for _, c := range fresh {
		if len(c.Value) > i.MaxBody()-maxOverhead {
			return action.NewError(action.CodeTooLarge, action.StageCatalog, fmt.Sprintf("%q is too large for the bus", c.First))
		}
	}
	return bus.Together(len(fresh), func(n int) error {
		return i.manifests().Put(ctx, i.chunkKey(fresh[n].Hash), fresh[n].Value)
	})
}

// maxOverhead is what the headers of a stored value may take of a message.
const maxOverhead = 4 << 10

// putManifest stores the list of a revision's values under the next free
// number. One may be taken by a dispatcher that died before its marker: the
// marker decides what counts.
func (i Revisions) putManifest(ctx context.Context, v *Version, beforeCut uint64) (uint64, error) {
	m := manifest{Format: action.Format, Revision: v.Revision, BeforeCut: beforeCut, Chunks: catalog.Hashes(v.chunks)}
	for n := v.Before + 1; ; n++ {
		m.Revision.Revision = n
		raw, err := json.Marshal(m)
		if err != nil {
			return 0, err
		}
		if len(raw) > i.MaxBody()-maxOverhead {
			return 0, action.NewError(action.CodeTooLarge, action.StageCatalog,
				fmt.Sprintf("the configuration has too many objects for the bus: the list of its %d parts is too large", len(m.Chunks)))
		}
		_, err = i.manifests().Update(ctx, i.revisionKey(n), raw, 0)
		if err == nil {
			return n, nil
		}
		if action.CodeOf(err) != action.CodeConflict {
			return 0, err
		}
	}
}

// unreadable is the error of something stored that is not there, or not what was
// stored. What a newer version stored says so.
func unreadable(what string, cause error) *action.Error {
	if action.CodeOf(cause) == action.CodeNewer {
		return action.NewError(action.CodeNewer, action.StageCatalog, what+" was stored by a newer version of Callout: start that version").WithCause(cause)
	}
	return action.NewError(action.CodeUnreadable, action.StageCatalog, what+" cannot be read").WithCause(cause)
}
