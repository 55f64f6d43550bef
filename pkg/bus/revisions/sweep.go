package revisions

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/wire"

	"github.com/callout-hq/callout/pkg/bus"
)

// Sweeping says what is swept away of an instance's catalog.
type Sweeping struct {
	Keep  int           // newest revisions that are kept whatever happens
	Grace time.Duration // how long a value is kept that nothing names
	Most  int           // values removed in one go
}

// Sweep removes old revisions that no event in the stream needs any more,
// then what no revision names. more tells that there is more to remove. It is
// for who holds the lead; a value that somebody stores again meanwhile is not
// removed all the same. When a revision that is kept cannot be read, nothing is
// removed.
func (i Revisions) Sweep(ctx context.Context, s Sweeping) (removed int, more bool, err error) {
	revisions, err := i.manifests().Keys(ctx, i.Token+".rev.*")
	if err != nil || len(revisions) <= s.Keep {
		return 0, false, err
	}
	kept, err := i.keptRevisions(ctx, revisions, s.Keep)
	if err != nil {
		return 0, false, err
	}
	old := time.Now().Add(-s.Grace)
	dead := slices.DeleteFunc(revisions, func(v bus.Value) bool {
		n := numberOf(v.Key)
		return kept.revisions[n] || n >= kept.oldest && v.At.After(old)
	})
	from := slices.Repeat([]string{bus.BucketCatalog}, len(dead)) // the bucket of each
	for _, list := range []struct {
		bucket string
		named  map[string]bool
	}{{bus.BucketCatalog, kept.chunks}, {bus.BucketConditions, kept.conditions}} {
		if len(dead) >= s.Most {
			break // revisions go first: what is left names nothing that is gone
		}
		chunks, err := i.Bucket(list.bucket).Keys(ctx, i.chunkKey("*"))
		if err != nil {
			return 0, false, err
		}
		for _, v := range chunks {
			if !list.named[hashPart(v.Key)] && v.At.Before(old) {
				dead, from = append(dead, v), append(from, list.bucket)
			}
		}
	}
	more = len(dead) > s.Most
	dead = dead[:min(len(dead), s.Most)]
	for n, v := range dead {
		if err := i.Bucket(from[n]).Sweep(ctx, v); err != nil {
			return removed, true, err
		}
		removed++
	}
	return removed, more, i.purgeMarkers(ctx, kept.cut)
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
func (i Revisions) keptRevisions(ctx context.Context, revisions []bus.Value, keep int) (keptValues, error) {
	k := keptValues{revisions: map[uint64]bool{}, chunks: map[string]bool{}, conditions: map[string]bool{}}
	latest, _, err := i.Latest(ctx)
	if err != nil {
		return k, err
	}
	first, err := i.SequenceAt(ctx, time.Unix(0, 0))
	if err != nil {
		return k, err
	}
	needed := marker{Revision: latest.Revision}
	if first < latest.Cut {
		var found bool
		if needed, _, found, err = i.markerUpTo(ctx, first); err == nil && !found {
			needed, err = i.firstMarker(ctx) // the event belongs to the oldest that is kept
		}
		if err != nil {
			return k, err
		}
	}
	manifests, errs := make([]manifest, len(revisions)), make([]error, len(revisions))
	at := make(map[uint64]int, len(revisions))
	_ = bus.Together(len(revisions), func(n int) error { // what cannot be read matters only where it is needed
		manifests[n], errs[n] = i.manifest(ctx, numberOf(revisions[n].Key))
		return nil
	})
	for n, v := range revisions {
		at[numberOf(v.Key)] = n
	}
	cut := latest.Cut
	for n := latest.Revision; n > 0 && (len(k.revisions) < keep || n >= needed.Revision); {
		place, there := at[n]
		if !there && n < latest.Revision {
			break // those below went earlier
		}
		if !there {
			return k, unreadable(fmt.Sprintf("revision %d", n), nil)
		}
		if errs[place] != nil {
			return k, errs[place]
		}
		m := manifests[place]
		k.revisions[n], k.oldest, k.cut = true, n, cut
		for _, hash := range m.Chunks {
			k.chunks[hash] = true
		}
		n, cut = m.Before, m.BeforeCut
	}
	list, err := i.conditionList(ctx)
	for _, hash := range list.Chunks {
		k.conditions[hash] = true
	}
	return k, err
}

// purgeMarkers removes the markers of revisions that are gone.
func (i Revisions) purgeMarkers(ctx context.Context, below uint64) error {
	if below <= 1 {
		return nil
	}
	stream, err := i.Stream(ctx, i.Events)
	if err != nil {
		return err
	}
	if err := stream.Purge(ctx, jetstream.WithPurgeSubject(wire.Marker(i.ID)), jetstream.WithPurgeSequence(below)); err != nil {
		return i.StreamFailure(ctx, i.Events, err)
	}
	return nil
}

func numberOf(key string) uint64 {
	n, _ := strconv.ParseUint(key[strings.LastIndexByte(key, '.')+1:], 10, 64) // another key has none
	return n
}

func hashPart(key string) string { return key[strings.LastIndexByte(key, '.')+1:] }
