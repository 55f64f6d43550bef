package revisions

import (
	"context"
	"fmt"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/catalog"
)

// Version reads one revision. Revision 0 is the empty catalog. What it shares
// with from, which may be nil, is not read again. The error is not_found when
// there is no such revision, unreadable when a part of it is missing or broken.
func (i Revisions) Version(ctx context.Context, revision uint64, from *Version) (*Version, error) {
	v, s, delta, err := i.read(ctx, revision, from)
	if err != nil {
		return nil, err
	}
	if from != nil {
		v.Matcher, err = from.Matcher.Next(s, delta)
	} else {
		v.Matcher, err = catalog.Compile(s)
	}
	if err != nil {
		return nil, unreadable(fmt.Sprintf("revision %d", revision), err)
	}
	return v, nil
}

// Snapshot is Version for who needs what is configured only.
func (i Revisions) Snapshot(ctx context.Context, revision uint64, from *Version) (*catalog.Snapshot, error) {
	_, s, _, err := i.read(ctx, revision, from)
	return s, err
}

func (i Revisions) read(ctx context.Context, revision uint64, from *Version) (v *Version, s *catalog.Snapshot, delta catalog.Delta, err error) {
	if revision == 0 {
		return &Version{}, catalog.Empty(i.ID), delta, nil
	}
	m, err := i.manifest(ctx, revision)
	if err != nil {
		return nil, nil, delta, err
	}
	v = &Version{Revision: m.Revision}
	if from != nil {
		if v.chunks, err = i.chunks(ctx, m.Chunks, from.chunks); err == nil {
			s, delta, err = catalog.Reassemble(from.Matcher.Snapshot(), from.chunks, revision, v.chunks)
		}
	} else if v.chunks, err = i.chunks(ctx, m.Chunks, nil); err == nil {
		s, err = catalog.Assemble(i.ID, revision, v.chunks)
	}
	if err != nil && action.CodeOf(err) == "" {
		err = unreadable(fmt.Sprintf("revision %d", revision), err)
	}
	return v, s, delta, err
}

// manifest reads the list of a revision's values.
func (i Revisions) manifest(ctx context.Context, revision uint64) (m manifest, err error) {
	v, ok, err := i.manifests().Get(ctx, i.revisionKey(revision))
	if err != nil {
		return m, err
	}
	if !ok {
		return m, action.NewError(action.CodeNotFound, action.StageCatalog, fmt.Sprintf("there is no revision %d, or it is no longer kept", revision)).WithField("revision")
	}
	if err = bus.Decode(v.Bytes, &m); err == nil {
		err = action.CheckFormat(m.Format)
	}
	if err != nil || m.Revision.Revision != revision {
		return m, unreadable(fmt.Sprintf("revision %d", revision), err)
	}
	return m, nil
}

// chunks gives the chunks of these hashes; known ones are not read.
func (i Revisions) chunks(ctx context.Context, hashes []string, known []*catalog.Chunk) ([]*catalog.Chunk, error) {
	have := make(map[string]*catalog.Chunk, len(known))
	for _, c := range known {
		have[c.Hash] = c
	}
	all := make([]*catalog.Chunk, len(hashes))
	var missing []int
	for n, hash := range hashes {
		if all[n] = have[hash]; all[n] == nil {
			missing = append(missing, n)
		}
	}
	err := bus.Together(len(missing), func(n int) (err error) {
		at := missing[n]
		all[at], err = readPart(ctx, i.manifests(), i.chunkKey(hashes[at]), hashes[at], catalog.ReadChunk)
		return err
	})
	return all, err
}

// readPart reads a value that is named by its content.
func readPart[T any](ctx context.Context, from bus.Bucket, key, hash string, read func(hash string, value []byte) (T, error)) (T, error) {
	var none T
	v, ok, err := from.Get(ctx, key)
	if err != nil {
		return none, err
	}
	if !ok {
		return none, unreadable("a part of the catalog", fmt.Errorf("%s is missing", key))
	}
	part, err := read(hash, v.Bytes)
	if err != nil {
		return none, unreadable("a part of the catalog", fmt.Errorf("%s: %w", key, err))
	}
	return part, nil
}
