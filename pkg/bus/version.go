package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
)

// Version reads one revision. Revision 0 is the empty catalog. What it shares
// with from, which may be nil, is not read again. The error is not_found when
// there is no such revision, unreadable when a part of it is missing or broken.
func (b *Bus) Version(ctx context.Context, instance string, revision uint64, from *Version) (*Version, error) {
	v, s, delta, err := b.read(ctx, instance, revision, from)
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
func (b *Bus) Snapshot(ctx context.Context, instance string, revision uint64, from *Version) (*catalog.Snapshot, error) {
	_, s, _, err := b.read(ctx, instance, revision, from)
	return s, err
}

func (b *Bus) read(ctx context.Context, instance string, revision uint64, from *Version) (v *Version, s *catalog.Snapshot, delta catalog.Delta, err error) {
	if revision == 0 {
		return &Version{}, catalog.Empty(instance), delta, nil
	}
	m, err := b.manifest(ctx, instance, revision)
	if err != nil {
		return nil, nil, delta, err
	}
	v = &Version{Revision: m.Revision}
	if from != nil {
		if v.chunks, err = b.chunks(ctx, instance, m.Chunks, from.chunks); err == nil {
			s, delta, err = catalog.Reassemble(from.Matcher.Snapshot(), from.chunks, revision, v.chunks)
		}
	} else if v.chunks, err = b.chunks(ctx, instance, m.Chunks, nil); err == nil {
		s, err = catalog.Assemble(instance, revision, v.chunks)
	}
	if err != nil && action.CodeOf(err) == "" {
		err = unreadable(fmt.Sprintf("revision %d", revision), err)
	}
	return v, s, delta, err
}

// manifest reads the list of a revision's values.
func (b *Bus) manifest(ctx context.Context, instance string, revision uint64) (m manifest, err error) {
	value, ok, err := b.value(ctx, bucketCatalog, revKey(instance, revision))
	if err != nil {
		return m, err
	}
	if !ok {
		return m, action.NewError(action.CodeNotFound, action.StageCatalog, fmt.Sprintf("there is no revision %d, or it is no longer kept", revision)).WithField("revision")
	}
	if err := json.Unmarshal(value, &m); err != nil || m.Revision.Revision != revision {
		return m, unreadable(fmt.Sprintf("revision %d", revision), err)
	}
	return m, nil
}

// chunks gives the chunks of these hashes; known ones are not read.
func (b *Bus) chunks(ctx context.Context, instance string, hashes []string, known []*catalog.Chunk) ([]*catalog.Chunk, error) {
	have := make(map[string]*catalog.Chunk, len(known))
	for _, c := range known {
		have[c.Hash] = c
	}
	all := make([]*catalog.Chunk, len(hashes))
	var missing []int
	for i, hash := range hashes {
		if all[i] = have[hash]; all[i] == nil {
			missing = append(missing, i)
		}
	}
	err := together(len(missing), func(i int) (err error) {
		at := missing[i]
		all[at], err = readPart(ctx, b, bucketCatalog, chunkKey(instance, hashes[at]), hashes[at], catalog.ReadChunk)
		return err
	})
	return all, err
}

// readPart reads a value that is named by its content.
func readPart[T any](ctx context.Context, b *Bus, bucket, key, hash string, read func(hash string, value []byte) (T, error)) (T, error) {
	var none T
	value, ok, err := b.value(ctx, bucket, key)
	if err != nil {
		return none, err
	}
	if !ok {
		return none, unreadable("a part of the catalog", fmt.Errorf("%s is missing", key))
	}
	part, err := read(hash, value)
	if err != nil {
		return none, unreadable("a part of the catalog", fmt.Errorf("%s: %w", key, err))
	}
	return part, nil
}

// atOnce is how many values are read or stored at the same time.
const atOnce = 16

// together does something n times, several at once, and gives the first error
// by number. All have ended when it returns.
func together(n int, do func(i int) error) error {
	errs := make([]error, n)
	numbers := make(chan int)
	var all sync.WaitGroup
	for range min(n, atOnce) {
		all.Go(func() {
			for i := range numbers {
				errs[i] = do(i)
			}
		})
	}
	for i := range n {
		numbers <- i
	}
	close(numbers)
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// value reads one value; ok is false when there is none.
func (b *Bus) value(ctx context.Context, bucket, key string) (value []byte, ok bool, err error) {
	kv, err := b.bucket(ctx, bucket)
	if err != nil {
		return nil, false, err
	}
	entry, err := kv.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, failure(fmt.Errorf("%s: %w", key, err))
	}
	return entry.Value(), true, nil
}

// bucket opens a bucket, once: looking it up costs a round trip.
func (b *Bus) bucket(ctx context.Context, name string) (jetstream.KeyValue, error) {
	if kv, ok := b.buckets.Load(name); ok {
		return kv.(jetstream.KeyValue), nil
	}
	kv, err := b.js.KeyValue(ctx, name)
	if err != nil {
		return nil, failure(err)
	}
	b.buckets.Store(name, kv)
	return kv, nil
}
