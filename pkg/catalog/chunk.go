package catalog

import (
	"errors"

	"github.com/callout-hq/callout/pkg/action"
)

// Chunk is a run of a catalog's objects in order, stored as one value that is
// named by its content. Two revisions share the chunks in which nothing
// changed. It is immutable.
type Chunk struct {
	Hash    string
	records []record
}

// record is one object with what is known of it, or only the scope that begins
// here. The keys are short: there are many.
type record struct {
	Org       string            `json:"o,omitempty"`
	Phase     action.Phase      `json:"p,omitempty"`
	Target    *action.Target    `json:"t,omitempty"`
	Execution *action.Execution `json:"e,omitempty"`
	Meta      *Meta             `json:"m,omitempty"`
}

// NewChunk is a chunk that has to be stored, with the value under its hash.
type NewChunk struct {
	*Chunk
	Value []byte
	First string // an object in it, for people
}

// Chunks divides a catalog into chunks, in order: scope by scope, targets by name,
// then the executions as they were written. Where one ends depends on the names
// of the objects, so that a change moves no end but those beside it. before are
// the chunks of the catalog that this one was stamped against: those in which
// nothing is new are taken over, the others are listed once each.
func (s *Stamped) Chunks(before []*Chunk) (all []*Chunk, fresh []NewChunk) {
	known := make(map[itemKey]*Chunk, len(before))
	for _, c := range before {
		known[c.records[0].key()] = c
	}
	seen := map[string]bool{}
	items := s.items()
	for from := 0; from < len(items); {
		to := chunkEnd(items, from)
		run := items[from:to]
		from = to
		if c := known[run[0].key]; c != nil && s.unchanged(c, run) {
			all = append(all, c)
			continue
		}
		for _, made := range s.newChunks(run) {
			all = append(all, made.Chunk)
			if !seen[made.Hash] {
				seen[made.Hash] = true
				fresh = append(fresh, made)
			}
		}
	}
	return all, fresh
}

// Again gives a chunk as it has to be stored, for one whose value was lost. Its
// hash is another where another version of Callout wrote the value.
func (c *Chunk) Again() NewChunk {
	made := NewChunk{Chunk: &Chunk{records: c.records}, First: c.records[0].key().ref.Name}
	made.Hash, made.Value = pack(c.records)
	return made
}

// Hashes names chunks in order.
func Hashes(chunks []*Chunk) []string {
	all := make([]string, len(chunks))
	for i, c := range chunks {
		all[i] = c.Hash
	}
	return all
}

// ReadChunk reads the value stored under a hash. The error tells that it is not
// what was stored.
func ReadChunk(hash string, value []byte) (*Chunk, error) {
	c := &Chunk{Hash: hash}
	if err := unpack(hash, value, &c.records); err != nil {
		return nil, err
	}
	if len(c.records) == 0 {
		return nil, errors.New("it is empty")
	}
	return c, nil
}
