package revisions

import (
	"context"
	"encoding/json"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
)

// Restore stores a version again whose bucket was lost, under its own number, and
// sees to it that the event stream is marked with it. Those before it are gone:
// an event that was stored under one of them belongs to this one from now on. It
// does not make it the root: the lines come first, see SetRoot. It is for who
// holds the lead.
func (i Revisions) Restore(ctx context.Context, v *Version) (*Version, error) {
	whole := *v
	fresh := make([]catalog.NewChunk, len(v.chunks))
	whole.chunks = make([]*catalog.Chunk, len(v.chunks))
	for n, c := range v.chunks {
		fresh[n] = c.Again()
		whole.chunks[n] = fresh[n].Chunk
	}
	if err := i.putChunks(ctx, fresh); err != nil {
		return nil, err
	}
	raw, err := json.Marshal(manifest{Format: action.Format, Revision: v.Revision, Chunks: catalog.Hashes(whole.chunks)})
	if err != nil {
		return nil, err
	}
	if err := i.manifests().Put(ctx, i.revisionKey(v.Revision.Revision), raw); err != nil {
		return nil, err
	}
	if whole.Cut, err = i.mark(ctx, v.Revision.Revision); err != nil {
		return nil, err
	}
	return &whole, i.purgeMarkers(ctx, whole.Cut)
}

// mark sees to it that the newest marker names a revision.
func (i Revisions) mark(ctx context.Context, revision uint64) (cut uint64, err error) {
	last, err := i.rawMarker(ctx)
	if err != nil && !i.isNoMarker(err) && action.CodeOf(err) != action.CodeUnreadable {
		return 0, err
	}
	if err == nil && last.Revision == revision {
		return last.cut, nil
	}
	return i.putMarker(ctx, revision, last.cut)
}

// Stored tells whether a revision is there.
func (i Revisions) Stored(ctx context.Context, revision uint64) (bool, error) {
	_, ok, err := i.manifests().Get(ctx, i.revisionKey(revision))
	return ok, err
}

// Marked is the revision that the event stream is marked with; ok is false when it
// has no marker. The error is unreadable for a marker that cannot be believed. What
// was found the last time, as known, is not looked into again.
func (i Revisions) Marked(ctx context.Context, known Root) (r Root, ok bool, err error) {
	m, _, found, err := i.markerUpTo(ctx, 0)
	if err == nil && !found { // a replica may not have it yet
		m, err = i.rawMarker(ctx)
		if i.isNoMarker(err) {
			return r, false, nil
		}
	}
	r = Root{Revision: m.Revision, Cut: m.cut}
	if err != nil || r == known {
		return r, true, err
	}
	return r, true, i.follows(ctx, m)
}

// DropStrays takes out the newest markers that somebody else put there: those that
// cannot be read, or go back. The ones below tell what is in force. It is for who
// holds the lead: no edit puts one there meanwhile. One behind a revision that is
// not stored stays.
func (i Revisions) DropStrays(ctx context.Context) (dropped int, err error) {
	for range maxStray {
		m, err := i.rawMarker(ctx)
		if err == nil {
			err = i.follows(ctx, m)
		}
		if action.CodeOf(err) != action.CodeUnreadable {
			if i.isNoMarker(err) {
				err = nil
			}
			return dropped, err
		}
		below, found, belowErr := i.readableBelow(ctx, m.cut)
		if belowErr == nil && found && below.Revision > 0 {
			var there bool
			if there, belowErr = i.Stored(ctx, below.Revision); belowErr == nil && !there {
				return dropped, err
			}
		}
		if belowErr != nil && action.CodeOf(belowErr) != action.CodeUnreadable {
			return dropped, belowErr
		}
		stream, streamErr := i.Stream(ctx, i.Events)
		if streamErr != nil {
			return dropped, streamErr
		}
		if deleteErr := stream.DeleteMsg(ctx, m.cut); deleteErr != nil {
			return dropped, i.StreamFailure(ctx, i.Events, deleteErr)
		}
		i.Log().Error().Err(err).Str("instance", i.ID).Uint64("sequence", m.cut).Msg("a catalog marker that somebody else put into the event stream is taken out")
		dropped++
	}
	return dropped, nil
}

// Newest is the newest version that is known here; nil when there is none.
func (c *Catalog) Newest() *Version { return c.current() }
