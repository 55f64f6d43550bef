package bus

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/wire"
)

// conditionList is what stands for the conditions of an instance: the values
// that they are made of, each named by its content.
type conditionList struct {
	Revision uint64   `json:"revision"`
	Chunks   []string `json:"chunks"`
}

// setConditions hands the conditions of a revision to the cores. Only what
// changed is stored.
func (b *Bus) setConditions(ctx context.Context, instance string, v, base *Version) error {
	kv, err := b.bucket(ctx, bucketConditions)
	if err != nil {
		return err
	}
	var fresh []catalog.NewConditionChunk
	if base.conditions != nil && v.Matcher.SameConditions(base.Matcher) {
		v.conditions = base.conditions
	} else {
		v.conditions, fresh = v.Matcher.Conditions().Chunks(base.conditions)
	}
	if base.conditions == nil { // another process stored them
		stored, err := b.conditionList(ctx, instance)
		if err != nil {
			return err
		}
		fresh = slices.DeleteFunc(fresh, func(c catalog.NewConditionChunk) bool { return slices.Contains(stored.Chunks, c.Hash) })
	}
	err = together(len(fresh), func(i int) error {
		if _, err := kv.Put(ctx, chunkKey(instance, fresh[i].Hash), fresh[i].Value); err != nil {
			return failure(err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	list := conditionList{Revision: v.Revision.Revision}
	for _, c := range v.conditions {
		list.Chunks = append(list.Chunks, c.Hash)
	}
	raw, err := json.Marshal(list)
	if err != nil {
		return err
	}
	if len(raw) > b.MaxBody()-maxOverhead {
		return action.NewError(action.CodeTooLarge, action.StageCatalog, "the configuration has too many conditions for the bus")
	}
	if _, err := kv.Put(ctx, wire.Token(instance), raw); err != nil {
		return failure(err)
	}
	return nil
}

// conditionList reads what the cores were given last; the zero value when that
// is nothing, or cannot be read.
func (b *Bus) conditionList(ctx context.Context, instance string) (list conditionList, err error) {
	value, ok, err := b.value(ctx, bucketConditions, wire.Token(instance))
	if err != nil || !ok || json.Unmarshal(value, &list) != nil {
		return conditionList{}, err
	}
	return list, nil
}

// ConditionsRevision is the revision whose conditions the cores were given last.
func (b *Bus) ConditionsRevision(ctx context.Context, instance string) (uint64, error) {
	list, err := b.conditionList(ctx, instance)
	return list.Revision, err
}

// readFor is how long reading may take that follows a change.
const readFor = 10 * time.Second

// FollowConditions reports the conditions of one instance to a core, now and on
// every change, in one goroutine. Conditions that cannot be read are left out:
// those before stay.
func (b *Bus) FollowConditions(ctx context.Context, instance string, do func(catalog.Conditions)) <-chan struct{} {
	var known []*catalog.ConditionChunk
	return b.follow(ctx, bucketConditions, wire.Token(instance), func(key string, value []byte) {
		var list conditionList
		if value != nil {
			if err := json.Unmarshal(value, &list); err != nil {
				b.log.Error().Err(err).Str("key", key).Msg("unreadable conditions")
				return
			}
		}
		reading, cancel := context.WithTimeout(ctx, readFor)
		defer cancel()
		var chunks []*catalog.ConditionChunk
		err := persist(reading, func() (err error) {
			chunks, err = b.conditionChunks(reading, instance, list.Chunks, known)
			return err
		})
		if err != nil {
			if ctx.Err() == nil {
				b.log.Error().Err(err).Str("instance", instance).Uint64("revision", list.Revision).Msg("conditions not loaded, those before stay in force")
			}
			return
		}
		known = chunks
		do(catalog.AssembleConditions(instance, list.Revision, chunks))
	})
}

func (b *Bus) conditionChunks(ctx context.Context, instance string, hashes []string, known []*catalog.ConditionChunk) ([]*catalog.ConditionChunk, error) {
	have := make(map[string]*catalog.ConditionChunk, len(known))
	for _, c := range known {
		have[c.Hash] = c
	}
	all := make([]*catalog.ConditionChunk, len(hashes))
	err := together(len(hashes), func(i int) (err error) {
		if all[i] = have[hashes[i]]; all[i] == nil {
			all[i], err = readPart(ctx, b, bucketConditions, chunkKey(instance, hashes[i]), hashes[i], catalog.ReadConditionChunk)
		}
		return err
	})
	return all, err
}

// missesMost is how often something is looked for that should be there: a replica
// may not have it yet.
const missesMost = 5

// persist tries again what fails for a reason that may pass, until ctx ends.
func persist(ctx context.Context, do func() error) error {
	misses := 0
	for wait := 20 * time.Millisecond; ; wait *= 2 {
		err := do()
		switch action.CodeOf(err) {
		case action.CodeUnavailable, action.CodeNotStored:
		case action.CodeNotFound, action.CodeUnreadable:
			if misses++; misses == missesMost {
				return err
			}
		default:
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
		}
	}
}
