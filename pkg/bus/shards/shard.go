package shards

import (
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/callout-hq/callout/pkg/wire"
)

// Shard names one shard of an instance.
type Shard struct {
	Instance string
	Number   int // from 1 on
}

// Usual is how many shards the lines of an instance are packed into where nobody says
// otherwise, once it has more than PackFrom of them. It bounds over how many workers they
// spread, and costs a write for each shard in which something goes on.
const (
	Usual    = 8
	PackFrom = 64
)

// Unasked is how many shards an instance has whose dispatcher was not told; 0 = the usual
// number, once there are many lines. Only tests set it, which run both ways.
var Unasked int

// None tells, where a number of shards is asked for, that there is to be none.
const None = -1

// Most is how many shards an instance may have.
const Most = 64

// key is where its holder stands in the bucket.
func (s Shard) key() string { return "shard." + wire.Token(s.Instance) + "." + strconv.Itoa(s.Number) }

func (s Shard) subject() string { return wire.PositionSubject(s.Instance, s.Number) }

// String is the shard as a person reads it.
func (s Shard) String() string { return s.Instance + "#" + strconv.Itoa(s.Number) }

// shardOf reads what key writes.
func shardOf(key string) (s Shard, ok bool) {
	parts := strings.Split(key, ".")
	if len(parts) != 3 || parts[0] != "shard" {
		return s, false
	}
	id, err := wire.ID(parts[1])
	number, wrong := strconv.Atoi(parts[2])
	s = Shard{id, number}
	return s, err == nil && wrong == nil && number > 0 && number <= Most && s.key() == key // a shard has one key
}

// rank tells who of two workers is to hold a shard: the higher one. Each pair has a
// number of its own, so that a worker that comes or goes moves few shards (rendezvous
// hashing, Thaler and Ravishankar 1998).
func (s Shard) rank(session string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s.String() + " " + session)) // it never fails
	x := h.Sum64()
	x ^= x >> 33 // FNV alone leaves names that differ at their end alike at their beginning
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	return x
}
