package revisions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/catalog"
)

// conditionList is what stands for the conditions of an instance: the values
// that they are made of, each named by its content.
type conditionList struct {
	Format   int      `json:"format,omitempty"`
	Revision uint64   `json:"revision"`
	Chunks   []string `json:"chunks"`
	// Replaces is a higher revision that never was one: somebody else wrote it, or
	// the catalog was lost with it. Cores that go by it go back.
	Replaces uint64 `json:"replaces,omitempty"`
	// Deleted tells that the instance is being deleted: there are none any more.
	Deleted bool `json:"deleted,omitempty"`
}

// readConditionList reads the list. The error tells of one that no dispatcher wrote.
func readConditionList(raw []byte) (list conditionList, err error) {
	if err = bus.Decode(raw, &list); err == nil {
		err = action.CheckFormat(list.Format)
	}
	if err == nil && list.Revision == 0 {
		err = errors.New("they are of no revision")
	}
	return list, err
}

// HandConditions hands the conditions of the revision in force to the cores, all of
// them: for a dispatcher that died before it did, or what somebody else has put in
// their place. It is for who holds the lead.
func (i Revisions) HandConditions(ctx context.Context, v *Version) error {
	handed := *v // conditions are for its only writer to fill in
	return i.setConditions(ctx, &handed, &Version{}, true)
}

// setConditions hands the conditions of a revision to the cores. Only what
// changed is stored, or all of it.
func (i Revisions) setConditions(ctx context.Context, v, base *Version, all bool) error {
	var fresh []catalog.NewConditionChunk
	if base.conditions != nil && v.Matcher.SameConditions(base.Matcher) {
		v.conditions = base.conditions
	} else {
		v.conditions, fresh = v.Matcher.Conditions().Chunks(base.conditions)
	}
	list := conditionList{Format: action.Format, Revision: v.Revision.Revision}
	if base.conditions == nil { // another process stored those before
		stored, err := i.conditionList(ctx)
		if err != nil {
			return err
		}
		switch {
		case stored.Revision > list.Revision:
			list.Replaces = stored.Revision
		case stored.Revision == 0 && v.Before == 0: // a core may still go by those of an instance that was deleted
			list.Replaces = math.MaxUint64
		}
		if !all {
			fresh = slices.DeleteFunc(fresh, func(c catalog.NewConditionChunk) bool { return slices.Contains(stored.Chunks, c.Hash) })
		}
	}
	err := bus.Together(len(fresh), func(n int) error {
		return i.Bucket(bus.BucketConditions).Put(ctx, i.chunkKey(fresh[n].Hash), fresh[n].Value)
	})
	if err != nil {
		return err
	}
	for _, c := range v.conditions {
		list.Chunks = append(list.Chunks, c.Hash)
	}
	raw, err := json.Marshal(list)
	if err != nil {
		return err
	}
	if len(raw) > i.MaxBody()-maxOverhead {
		return action.NewError(action.CodeTooLarge, action.StageCatalog, "the configuration has too many conditions for the bus")
	}
	return i.Bucket(bus.BucketConditions).Put(ctx, i.Token, raw)
}

// conditionList reads what the cores were given last; the zero value when that
// is nothing, or cannot be read.
func (i Revisions) conditionList(ctx context.Context) (list conditionList, err error) {
	v, ok, err := i.Bucket(bus.BucketConditions).Get(ctx, i.Token)
	if err != nil || !ok {
		return conditionList{}, err
	}
	list, bad := readConditionList(v.Bytes)
	if bad != nil || list.Deleted {
		return conditionList{}, nil
	}
	return list, nil
}

// ToldConditions is what stands for the conditions of an instance as it was told.
type ToldConditions struct {
	Instance string
	Revision uint64 // 0 = it was removed, or cannot be read
}

// WatchConditions tells of the conditions of all instances that are handed to the
// cores, now and on every change, in one goroutine, and of what is spoilt of them
// with the revision 0.
func WatchConditions(ctx context.Context, b *bus.Bus, do func(ToldConditions)) <-chan struct{} {
	k := b.Bucket(bus.BucketConditions)
	return k.Follow(ctx, ">", func(v bus.Value) {
		token, part, isPart := strings.Cut(v.Key, ".")
		instance, err := instanceOf(token)
		if err != nil {
			k.Judge(v, err)
			return
		}
		told := ToldConditions{Instance: instance}
		switch {
		case v.Bytes == nil:
			if isPart { // swept away, or missed by who reads the list
				k.Judge(v, nil)
				return
			}
		case isPart:
			hash, is := strings.CutPrefix(part, "chunk.")
			if _, err = catalog.ReadConditionChunk(hash, v.Bytes); !is {
				err = errors.New("its key is none of this bucket")
			}
			if k.Judge(v, err) {
				return
			}
		default:
			var list conditionList
			if list, err = readConditionList(v.Bytes); !list.Deleted {
				told.Revision = list.Revision
			}
		}
		k.Judge(v, err)
		do(told)
	})
}

// ConditionsRevision is the revision whose conditions the cores were given last.
func (i Revisions) ConditionsRevision(ctx context.Context) (uint64, error) {
	list, err := i.conditionList(ctx)
	return list.Revision, err
}

// FollowConditions reports the conditions of one instance to a core, now and on
// every change, in one goroutine. Conditions that cannot be read, were removed or
// are older than those before are left out: those before stay. Of an instance that
// was deleted there are none.
func (i Revisions) FollowConditions(ctx context.Context, do func(catalog.Conditions)) <-chan struct{} {
	f := followedConditions{Revisions: i, do: do}
	k := i.Bucket(bus.BucketConditions)
	return k.Hear(ctx, i.Token, func(v bus.Value) {
		if v.Lost && f.revision == 0 { // of an instance that was deleted
			return
		}
		if v.Lost { // a dispatcher puts them back: nobody took them out of force
			i.Log().Error().Str("instance", i.ID).Msg("the conditions are missing in NATS, those before stay in force")
			return
		}
		err := f.take(ctx, v)
		if ctx.Err() == nil && !k.Judge(v, err) {
			i.Log().Error().Str("instance", i.ID).Msg("conditions not loaded, those before stay in force")
		}
	})
}

// followedConditions are the conditions of an instance as a core goes by them.
type followedConditions struct {
	Revisions
	do       func(catalog.Conditions)
	known    []*catalog.ConditionChunk
	revision uint64 // 0 = none were read yet
}

func (f *followedConditions) take(ctx context.Context, v bus.Value) error {
	if v.Bytes == nil {
		if f.revision == 0 {
			return nil
		}
		return errors.New("somebody removed them")
	}
	list, err := readConditionList(v.Bytes)
	if err != nil {
		return err
	}
	if list.Deleted {
		f.known, f.revision = nil, 0
		f.do(catalog.AssembleConditions(f.ID, 0, nil))
		return nil
	}
	if list.Revision < f.revision && list.Replaces < f.revision {
		return fmt.Errorf("they are of revision %d, those before of %d", list.Revision, f.revision)
	}
	ctx, cancel := context.WithTimeout(ctx, readFor)
	defer cancel()
	var chunks []*catalog.ConditionChunk
	err = persist(ctx, func() (err error) {
		chunks, err = f.conditionChunks(ctx, list.Chunks, f.known)
		return err
	})
	if err != nil {
		return err
	}
	f.known, f.revision = chunks, list.Revision
	f.do(catalog.AssembleConditions(f.ID, list.Revision, chunks))
	return nil
}

func (i Revisions) conditionChunks(ctx context.Context, hashes []string, known []*catalog.ConditionChunk) ([]*catalog.ConditionChunk, error) {
	have := make(map[string]*catalog.ConditionChunk, len(known))
	for _, c := range known {
		have[c.Hash] = c
	}
	all := make([]*catalog.ConditionChunk, len(hashes))
	err := bus.Together(len(hashes), func(n int) (err error) {
		if all[n] = have[hashes[n]]; all[n] == nil {
			all[n], err = readPart(ctx, i.Bucket(bus.BucketConditions), i.chunkKey(hashes[n]), hashes[n], catalog.ReadConditionChunk)
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
		case action.CodeUnavailable, action.CodeNotStored, action.CodeMissing:
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
