package catalog

import (
	"github.com/callout-hq/callout/pkg/action"
)

// Where a chunk ends. A chunk is cheap to store again when one
// of its objects changes, and there are few enough of them to be listed.
const (
	meanChunk = 64        // objects in a chunk, on average
	mostChunk = 256       // objects in a chunk, at most
	mostBytes = 256 << 10 // of a packed chunk of more than one object
)

// itemKey names an object, or a scope when name and phase are empty.
type itemKey struct {
	org  string
	kind itemKind
	ref  Ref
}

type itemKind int

const (
	itemScope itemKind = iota
	itemObject
)

// item is an object in the order in which they are stored.
type item struct {
	key   itemKey
	entry *action.Execution // nil for a target and a scope
}

func (r *record) key() itemKey {
	k := itemKey{org: r.Org, ref: Ref{Phase: r.Phase}}
	switch {
	case r.Target != nil:
		k.kind, k.ref.Name = itemObject, r.Target.Name
	case r.Execution != nil:
		k.kind, k.ref.Name = itemObject, r.Execution.Name
	}
	return k
}

// items lists everything in the order in which it is stored.
func (s *Snapshot) items() []item {
	all := make([]item, 0, len(s.Scopes)+s.Objects())
	for _, org := range s.Orgs() {
		all = append(all, item{key: itemKey{org: org}})
		sc := s.Scopes[org]
		if sc == nil {
			continue
		}
		for _, name := range sortedKeys(sc.Targets) {
			all = append(all, item{key: itemKey{org, itemObject, Ref{Name: name}}})
		}
		for _, phase := range action.Phases {
			section := sc.Sections[phase]
			for i := range section {
				e := &section[i]
				all = append(all, item{key: itemKey{org, itemObject, Ref{phase, e.Name}}, entry: e})
			}
		}
	}
	return all
}

// chunkEnd gives the end of the chunk that begins at from.
func chunkEnd(items []item, from int) int {
	for i := from; ; i++ {
		if i+1 == len(items) || i+1-from == mostChunk || items[i].key.ends() {
			return i + 1
		}
	}
}

// ends tells whether a chunk ends behind an object. It depends on nothing but
// the name: FNV-1a of it.
func (k *itemKey) ends() bool {
	h := uint64(14695981039346656037)
	for _, part := range [...]string{k.org, "\x00", string(k.ref.Phase), "\x00", k.ref.Name} {
		for i := range len(part) {
			h = (h ^ uint64(part[i])) * 1099511628211
		}
	}
	return h%meanChunk == 0
}

// unchanged tells whether a chunk has exactly the objects of a run, of which
// none is new in any way.
func (s *Stamped) unchanged(c *Chunk, run []item) bool {
	if len(c.records) != len(run) {
		return false
	}
	for i := range run {
		k := run[i].key
		if c.records[i].key() != k || k.kind == itemObject && s.touched[Place{k.org, k.ref}] {
			return false
		}
	}
	return true
}

// newChunks makes a chunk of a run of objects, or several when they are large.
func (s *Snapshot) newChunks(run []item) []NewChunk {
	c := &Chunk{records: make([]record, len(run))}
	for i := range run {
		c.records[i] = s.record(&run[i])
	}
	made := NewChunk{Chunk: c, First: run[0].key.ref.Name}
	if c.Hash, made.Value = pack(c.records); len(made.Value) > mostBytes && len(run) > 1 {
		half := len(run) / 2
		return append(s.newChunks(run[:half]), s.newChunks(run[half:])...)
	}
	return []NewChunk{made}
}

// record copies what is kept of an object: the section or the map that it stands
// in is not kept for it.
func (s *Snapshot) record(it *item) record {
	r := record{Org: it.key.org, Phase: it.key.ref.Phase}
	switch {
	case it.key.kind == itemScope:
		return r
	case it.entry != nil:
		r.Execution = clone(*it.entry)
	default:
		r.Target = clone(s.Scopes[it.key.org].Targets[it.key.ref.Name])
	}
	if meta, known := s.MetaOf(it.key.org, it.key.ref); known {
		r.Meta = &meta
	}
	return r
}
