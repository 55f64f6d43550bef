package bus

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/wire"
)

// Sweep says what is swept away of an instance's catalog.
type Sweep struct {
	Keep  int           // newest revisions that are kept whatever happens
	Grace time.Duration // how long a value is kept that nothing names
	Most  int           // values removed in one go
}

// stored is a value's key, and its place in the bucket's stream: written again,
// it has another.
type stored struct {
	bucket, key string
	sequence    uint64
	at          time.Time
}

// SweepCatalog removes old revisions that no event in the stream needs any more,
// then what no revision names. more tells that there is more to remove. It is
// for who holds the lead; a value that somebody stores again meanwhile is not
// removed all the same. When a revision that is kept cannot be read, nothing is
// removed.
func (b *Bus) SweepCatalog(ctx context.Context, instance string, s Sweep) (removed int, more bool, err error) {
	revisions, err := b.keys(ctx, bucketCatalog, wire.Token(instance)+".rev.*")
	if err != nil || len(revisions) <= s.Keep {
		return 0, false, err
	}
	kept, err := b.keptRevisions(ctx, instance, revisions, s.Keep)
	if err != nil {
		return 0, false, err
	}
	old := time.Now().Add(-s.Grace)
	dead := slices.DeleteFunc(revisions, func(v stored) bool {
		n := numberOf(v.key)
		return kept.revisions[n] || n >= kept.oldest && v.at.After(old)
	})
	for _, list := range []struct {
		bucket string
		named  map[string]bool
	}{{bucketCatalog, kept.chunks}, {bucketConditions, kept.conditions}} {
		if len(dead) >= s.Most {
			break // revisions go first: what is left names nothing that is gone
		}
		chunks, err := b.keys(ctx, list.bucket, chunkKey(instance, "*"))
		if err != nil {
			return 0, false, err
		}
		for _, v := range chunks {
			if !list.named[hashPart(v.key)] && v.at.Before(old) {
				dead = append(dead, v)
			}
		}
	}
	more = len(dead) > s.Most
	dead = dead[:min(len(dead), s.Most)]
	for _, v := range dead {
		if err := b.purge(ctx, v); err != nil {
			return removed, true, err
		}
		removed++
	}
	return removed, more, b.purgeMarkers(ctx, instance, kept.cut)
}

// keptValues are those that must stay.
type keptValues struct {
	revisions  map[uint64]bool
	oldest     uint64 // revision
	cut        uint64 // its marker's sequence
	chunks     map[string]bool
	conditions map[string]bool
}

// keptRevisions follows the revisions from the newest on down: as many as are
// kept anyway, and further down to the one in force at the first event.
func (b *Bus) keptRevisions(ctx context.Context, instance string, revisions []stored, keep int) (keptValues, error) {
	k := keptValues{revisions: map[uint64]bool{}, chunks: map[string]bool{}, conditions: map[string]bool{}}
	latest, _, err := b.LatestRoot(ctx, instance)
	if err != nil {
		return k, err
	}
	first, err := b.SequenceAt(ctx, instance, time.Unix(0, 0))
	if err != nil {
		return k, err
	}
	needed := marker{Revision: latest.Revision}
	if first < latest.Cut {
		if needed, _, err = b.markerUpTo(ctx, instance, first); err != nil {
			return k, err
		}
	}
	manifests, errs := make([]manifest, len(revisions)), make([]error, len(revisions))
	at := make(map[uint64]int, len(revisions))
	_ = together(len(revisions), func(i int) error { // what cannot be read matters only where it is needed
		manifests[i], errs[i] = b.manifest(ctx, instance, numberOf(revisions[i].key))
		return nil
	})
	for i, v := range revisions {
		at[numberOf(v.key)] = i
	}
	cut := latest.Cut
	for n := latest.Revision; n > 0 && (len(k.revisions) < keep || n >= needed.Revision); {
		i, there := at[n]
		if !there && n < latest.Revision {
			break // those below went earlier
		}
		if !there {
			return k, unreadable(fmt.Sprintf("revision %d", n), nil)
		}
		if errs[i] != nil {
			return k, errs[i]
		}
		m := manifests[i]
		k.revisions[n], k.oldest, k.cut = true, n, cut
		for _, hash := range m.Chunks {
			k.chunks[hash] = true
		}
		n, cut = m.Before, m.BeforeCut
	}
	list, err := b.conditionList(ctx, instance)
	for _, hash := range list.Chunks {
		k.conditions[hash] = true
	}
	return k, err
}

// keys lists the keys of a bucket that match, without their values.
func (b *Bus) keys(ctx context.Context, bucket, match string) ([]stored, error) {
	kv, err := b.bucket(ctx, bucket)
	if err != nil {
		return nil, err
	}
	w, err := kv.Watch(ctx, match, jetstream.IgnoreDeletes(), jetstream.MetaOnly())
	if err != nil {
		return nil, failure(err)
	}
	defer func() { _ = w.Stop() }() // the watch has served
	var all []stored
	for {
		select {
		case entry := <-w.Updates():
			if entry == nil { // all that stands is read
				return all, nil
			}
			all = append(all, stored{bucket: bucket, key: entry.Key(), sequence: entry.Revision(), at: entry.Created()})
		case <-ctx.Done():
			return nil, failure(ctx.Err())
		}
	}
}

// purge removes a value, unless it has been stored again.
func (b *Bus) purge(ctx context.Context, v stored) error {
	stream, err := b.js.Stream(ctx, "KV_"+v.bucket)
	if err != nil {
		return failure(err)
	}
	if err := stream.Purge(ctx, jetstream.WithPurgeSubject("$KV."+v.bucket+"."+v.key), jetstream.WithPurgeSequence(v.sequence+1)); err != nil {
		return failure(err)
	}
	return nil
}

// purgeMarkers removes the markers of revisions that are gone.
func (b *Bus) purgeMarkers(ctx context.Context, instance string, below uint64) error {
	if below <= 1 {
		return nil
	}
	stream, err := b.js.Stream(ctx, EventStream(instance))
	if err != nil {
		return failure(err)
	}
	if err := stream.Purge(ctx, jetstream.WithPurgeSubject(wire.Marker(instance)), jetstream.WithPurgeSequence(below)); err != nil {
		return failure(err)
	}
	return nil
}

func numberOf(key string) uint64 {
	n, _ := strconv.ParseUint(key[strings.LastIndexByte(key, '.')+1:], 10, 64) // another key has none
	return n
}

func hashPart(key string) string { return key[strings.LastIndexByte(key, '.')+1:] }
