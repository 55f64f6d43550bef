package wire

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
)

// The buckets of an installation. Conditions and secrets have their own, so
// that a core may read the first and never the second.
const (
	BucketCatalog    = "callout_catalog"    // revisions and their chunks
	BucketConditions = "callout_conditions" // for cores
	BucketDeclared   = "callout_declared"   // what cores can be extended at
	BucketSecrets    = "callout_secrets"    // signing keys
	BucketLines      = "callout_lines"      // lines, their records, paused targets
	BucketLeads      = "callout_leads"      // who leads an instance, and who follows a file
	BucketJobs       = "callout_jobs"       // what takes longer than a request may
	BucketPresent    = "callout_present"    // which processes are there
	BucketQuotas     = "callout_quotas"     // how much an instance may have and do
	BucketKeys       = "callout_keys"       // keys of instances themselves, and public keys of targets
	BucketTokens     = "callout_tokens"     // who may ask over HTTP
	BucketHolders    = "callout_holders"    // which worker holds which shard
)

// BucketStream is the name of the stream that a bucket lies in.
func BucketStream(bucket string) string { return "KV_" + bucket }

// BucketSubject is where what stands under a key is written; a key may have the
// wildcards of NATS.
func BucketSubject(bucket, key string) string { return "$KV." + bucket + "." + key }

// StreamPositions is the stream in which workers write how far the lines of a shard
// have come.
const StreamPositions = "CALLOUT_POSITIONS"

// AllPositions covers the subjects of that stream.
const AllPositions = "callout.position.*.*"

// PositionsOf covers those of an instance.
func PositionsOf(instance string) string { return "callout.position." + Token(instance) + ".*" }

// PositionSubject is where the positions of a shard of an instance are written.
func PositionSubject(instance string, shard int) string {
	return "callout.position." + Token(instance) + "." + strconv.Itoa(shard)
}

// AllKept covers where the entries of packed lines are kept, for the case that the book
// of lines loses them.
const AllKept = "callout.kept.*.*"

// KeptSubject is where that of a line is kept.
func KeptSubject(instance, line string) string { return "callout.kept." + Token(instance) + "." + line }

// AllShards covers the subjects at which the holders of shards are asked.
const AllShards = "callout.shard.*.*"

// ShardSubject is where the worker is asked that holds a shard. It belongs to
// dispatchers: what is sent there stops and moves lines.
func ShardSubject(instance string, shard int) string {
	return "callout.shard." + Token(instance) + "." + strconv.Itoa(shard)
}

// Streams are the names of an instance's streams.
type Streams struct {
	Events   string // events and catalog markers
	Dead     string // dead letters
	Async    string // async deliveries and redrives
	Attempts string // what became of each attempt
}

// StreamsOf names the streams of an instance.
func StreamsOf(instance string) Streams {
	of := ShortToken(instance)
	return Streams{Events: "CALLOUT_EVENTS_" + of, Dead: "CALLOUT_DEAD_" + of, Async: "CALLOUT_ASYNC_" + of, Attempts: "CALLOUT_ATTEMPTS_" + of}
}

// All lists them.
func (s Streams) All() []string { return []string{s.Events, s.Dead, s.Async, s.Attempts} }

// ShortToken is Token within the 255 characters that the name of a stream may have.
func ShortToken(id string) string {
	token := Token(id)
	if len(token) <= 128 {
		return token
	}
	sum := sha256.Sum256([]byte(id))
	return token[:64] + "-" + hex.EncodeToString(sum[:16])
}

// CallGroup is the queue group of workers: each call reaches one of them.
const CallGroup = "callout-workers"

// Cancelled is where all workers are told of a caller that goes away. The call is
// named by the subject it is to be answered to.
const Cancelled = "callout.cancel"
