package lines

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/shards"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/wire"
)

// Lines are the lines of one instance. It is a value, and may be used from any
// goroutine. Errors are *action.Error.
type Lines struct {
	bus.Instance
	counts *counts // nil: what waits is counted each time
}

// Of gives the lines of an instance.
func Of(i bus.Instance) Lines { return Lines{Instance: i} }

// Line is one durable consumer and what it stands for: events of one
// subscription on one lane, or the async deliveries of one target. The
// dispatcher writes it, workers read it.
type Line struct {
	Name      string           `json:"name"` // of the consumer
	Instance  string           `json:"instance"`
	Org       string           `json:"org,omitempty"`       // scope of the execution
	Condition action.Condition `json:"condition,omitzero"`  // of an event line
	Owner     string           `json:"owner,omitempty"`     // scope of the target's definition
	Target    string           `json:"target"`              //
	TargetID  string           `json:"target_id,omitempty"` // which stays when its name changes
	Lane      int              `json:"lane"`                //
	Lanes     int              `json:"lanes"`               //
	Unordered bool             `json:"unordered,omitempty"` // keeps no order, has one record a delivery
	Async     bool             `json:"async,omitempty"`     // async deliveries of calls, not events
	Cut       uint64           `json:"cut,omitempty"`       // sequence of the marker it begins behind
	DrainTo   uint64           `json:"drain_to,omitempty"`  // it is removed once all below is done; 0 = it stays
	Until     uint64           `json:"until,omitempty"`     // events stored under a later revision are another line's, which takes its place; 0 = none does
	LeftAt    int64            `json:"left_at,omitempty"`   // when DrainTo was set, in nanoseconds since 1970
	Fenced    bool             `json:"fenced,omitempty"`    // it waits for lines of another lane count to drain
	Drained   bool             `json:"drained,omitempty"`   // all below DrainTo is done: it is being removed
	Redrive   bool             `json:"redrive,omitempty"`   // dead letters of the instance that are sent again
	Replay    bool             `json:"replay,omitempty"`    // events from Cut to DrainTo once more
	MaxStop   time.Duration    `json:"max_stop,omitempty"`  // how long it may stand; 0 = action.DefaultMaxStop
	Revision  uint64           `json:"revision"`            // of the catalog that made or changed it
	AckWait   time.Duration    `json:"ack_wait,omitempty"`  // of its consumer, or about to be; 0 = as the worker was told
	MadeAt    int64            `json:"made_at,omitempty"`   // when its stream was made, in nanoseconds since 1970
	Job       string           `json:"job,omitempty"`       // that makes dead letters of what waits in it: it stands meanwhile
	Shard     int              `json:"shard,omitempty"`     // which it is in, from 1 on; 0 = it has a consumer of its own
	Format    int              `json:"format,omitempty"`
}

// Packed tells whether a line has its place in a shard, beside others, rather than a
// consumer of its own. Only those that keep an order of events may.
func (l Line) Packed() bool { return l.Shard > 0 && !l.Async && !l.Unordered }

// PackedIn is the number of the shard that a packed line is in; 0 = it is not packed.
func (l Line) PackedIn() int {
	if !l.Packed() {
		return 0
	}
	return l.Shard
}

// ShardOf is the shard, of so many, that a line is packed into: lines of an organization
// and a target are beside each other, and the lanes of a target are spread, which it has so
// that many workers send to it.
func ShardOf(l Line, shards int) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(l.Org + "\x00" + l.Owner + "\x00" + l.Target)) // it never fails
	return 1 + int((h.Sum32()%uint32(shards)+uint32(l.Lane))%uint32(shards))
}

// shard is the one that a packed line is in.
func (l Line) shard() shards.Shard { return shards.Shard{Instance: l.Instance, Number: l.Shard} }

// Key is the identity of a line: no other line has it, in any instance or at any
// time. A name alone is that of a line in each instance.
type Key struct {
	Instance string
	Async    bool
	Name     string
}

// Key is the line's identity.
func (l Line) Key() Key { return Key{l.Instance, l.Async, l.Name} }

// UnorderedMost is how many deliveries of an unordered line may be in work or
// waiting for a retry at once, over the fleet.
const UnorderedMost = 1024

func (l Line) filter() string {
	if l.Redrive {
		return wire.RedriveOf(l.Instance)
	}
	if l.Async {
		return wire.AsyncSubject(l.Instance, l.Owner, l.Target)
	}
	return wire.LineFilter(l.Instance, l.Org, l.Condition, l.Lane, l.Lanes)
}

// consumer is the durable consumer of a line. It begins at a recorded
// sequence, never at "new": what is stored between an edit and the consumer's
// birth would be lost.
func (i Lines) consumer(l Line) jetstream.ConsumerConfig {
	cfg := jetstream.ConsumerConfig{
		Durable: l.Name, FilterSubject: l.filter(), AckPolicy: jetstream.AckExplicitPolicy,
		AckWait: cmp.Or(l.AckWait, i.AckWait()), MaxDeliver: -1, MaxAckPending: 1, MaxWaiting: 512,
		DeliverPolicy: jetstream.DeliverAllPolicy,
		Description:   l.title(), Metadata: map[string]string{
			"callout_instance": l.Instance, "callout_org": l.Org, "callout_condition": l.Condition.Match,
			"callout_target": l.Target, "callout_owner": l.Owner, "callout_lane": fmt.Sprintf("%d/%d", l.Lane, l.Lanes),
			"callout_revision": strconv.FormatUint(l.Revision, 10), metaLine: l.kept(),
		},
	}
	if l.Unordered {
		cfg.MaxAckPending = UnorderedMost
	}
	if l.Fenced || l.Job != "" {
		cfg.PauseUntil = new(farAway())
	}
	if l.Cut > 0 {
		cfg.DeliverPolicy, cfg.OptStartSeq = jetstream.DeliverByStartSequencePolicy, l.Cut
	}
	return cfg
}

// Takes tells whether a line's subscription has an event under a catalog, and
// gives its target there if so, else nil: its execution is the best match of its
// scope, and has the target. The lane count counts too: while a changed one
// migrates, old and new lines see the same events. The target is the catalog's
// own and must not be written to.
func (l *Line) Takes(m *catalog.Matcher, at wire.StoredEvent) *action.Target {
	turn := m.Subscribed(l.Org, l.Condition, l.Owner, l.Target, at.Type, at.Org)
	if turn == nil || !l.Replay && turn.Target.LineLanes() != l.Lanes {
		return nil
	}
	return turn.Target
}

// title is the line as a person reads it.
func (l Line) title() string {
	what := "async " + l.Target
	if l.Redrive {
		what = "dead letters sent again"
	} else if !l.Async {
		what = l.Condition.Match + " to " + l.Target
	}
	if l.Org != "" {
		what = l.Org + ": " + what
	}
	if l.Replay {
		what += ", replay"
	}
	if l.Lanes > 1 {
		what += fmt.Sprintf(", lane %d of %d", l.Lane, l.Lanes)
	}
	return what
}

// stream is the stream that a line reads.
func (i Lines) stream(l Line) string {
	if l.Async {
		return i.Async
	}
	return i.Events
}

// The keys of a line's entries. Those of a record are known to who watches.
func (l Line) entryKey(kind string) string { return wire.Token(l.Instance) + "." + kind + "." + l.Name }

// What a key of the lines' bucket holds.
const (
	kindLine     = "line"
	kindRecord   = "record"
	kindPosition = "position"
	kindPaused   = "paused"
	kindResumed  = "resumed"
)

// RecordKey is the key under which Follow reports the record of a line.
func (l Line) RecordKey() string { return l.entryKey(kindRecord) }

// recordOf is the key of the record of one of its deliveries, where the line keeps
// no order.
func (l Line) recordOf(sequence uint64) string {
	return l.RecordKey() + "." + strconv.FormatUint(sequence, 10)
}

// kindOf tells what a key of the lines' bucket holds.
func kindOf(key string) string {
	parts := strings.SplitN(key, ".", 3)
	if len(parts) < 3 {
		return ""
	}
	return parts[1]
}
