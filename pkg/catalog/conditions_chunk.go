package catalog

import (
	"errors"
	"maps"
	"slices"
)

// ConditionChunk is a run of conditions, stored as one value that is named by
// its content. It is immutable.
type ConditionChunk struct {
	Hash string
	list []orgCondition
}

type orgCondition struct {
	Org string `json:"o,omitempty"`
	CallCondition
}

// NewConditionChunk is one that has to be stored, with the value under its hash.
type NewConditionChunk struct {
	*ConditionChunk
	Value []byte
}

// Chunks divides conditions into chunks, as Snapshot.Chunks does.
func (c Conditions) Chunks(before []*ConditionChunk) (all []*ConditionChunk, fresh []NewConditionChunk) {
	known := make(map[orgCondition]*ConditionChunk, len(before))
	for _, chunk := range before {
		known[chunk.list[0]] = chunk
	}
	seen := map[string]bool{}
	list := c.list()
	for len(list) > 0 {
		run := list[:conditionsTo(list)]
		list = list[len(run):]
		chunk := known[run[0]]
		if chunk == nil || !slices.Equal(chunk.list, run) {
			made := NewConditionChunk{ConditionChunk: &ConditionChunk{list: slices.Clone(run)}}
			made.Hash, made.Value = pack(run)
			chunk = made.ConditionChunk
			if !seen[chunk.Hash] {
				seen[chunk.Hash] = true
				fresh = append(fresh, made)
			}
		}
		all = append(all, chunk)
	}
	return all, fresh
}

func (c Conditions) list() []orgCondition {
	n := 0
	for _, conditions := range c.Orgs {
		n += len(conditions)
	}
	list := make([]orgCondition, 0, n)
	for _, org := range slices.Sorted(maps.Keys(c.Orgs)) {
		for _, condition := range c.Orgs[org] {
			list = append(list, orgCondition{org, condition})
		}
	}
	return list
}

// conditionsTo gives the end of the chunk that begins with the list.
func conditionsTo(list []orgCondition) int {
	for i := range list {
		k := itemKey{org: list[i].Org, ref: Ref{list[i].Phase, list[i].Match}}
		if i+1 == mostChunk || k.ends() {
			return i + 1
		}
	}
	return len(list)
}

// ReadConditionChunk reads the value stored under a hash. The error tells that
// it is not what was stored.
func ReadConditionChunk(hash string, value []byte) (*ConditionChunk, error) {
	c := &ConditionChunk{Hash: hash}
	if err := unpack(hash, value, &c.list); err != nil {
		return nil, err
	}
	if len(c.list) == 0 {
		return nil, errors.New("it is empty")
	}
	return c, nil
}

// AssembleConditions puts the chunks of conditions together again.
func AssembleConditions(instance string, revision uint64, chunks []*ConditionChunk) Conditions {
	c := Conditions{Instance: instance, Revision: revision, Orgs: map[string][]CallCondition{}}
	for _, chunk := range chunks {
		for _, condition := range chunk.list {
			c.Orgs[condition.Org] = append(c.Orgs[condition.Org], condition.CallCondition)
		}
	}
	return c
}
