package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/wire"
)

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
	Fenced    bool             `json:"fenced,omitempty"`    // it waits for lines of another lane count to drain
	Drained   bool             `json:"drained,omitempty"`   // all below DrainTo is done: it is being removed
	Redrive   bool             `json:"redrive,omitempty"`   // dead letters of the instance that are sent again
	Replay    bool             `json:"replay,omitempty"`    // events from Cut to DrainTo once more
	MaxStop   time.Duration    `json:"max_stop,omitempty"`  // how long it may stand; 0 = action.DefaultMaxStop
	Revision  uint64           `json:"revision"`            // of the catalog that made or changed it
}

// unorderedSlots is how many deliveries of an unordered line may be in work or
// waiting for a retry at once, over the fleet.
const unorderedSlots = 256

// Stream is the stream a line reads.
func (l Line) Stream() string {
	if l.Async {
		return AsyncStream(l.Instance)
	}
	return EventStream(l.Instance)
}

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
func (b *Bus) consumer(l Line) jetstream.ConsumerConfig {
	cfg := jetstream.ConsumerConfig{
		Durable: l.Name, FilterSubject: l.filter(), AckPolicy: jetstream.AckExplicitPolicy,
		AckWait: b.opts.AckWait, MaxDeliver: -1, MaxAckPending: 1, MaxWaiting: 512,
		DeliverPolicy: jetstream.DeliverAllPolicy,
		Description:   l.title(), Metadata: map[string]string{
			"callout_instance": l.Instance, "callout_org": l.Org, "callout_condition": l.Condition.Match,
			"callout_target": l.Target, "callout_owner": l.Owner, "callout_lane": fmt.Sprintf("%d/%d", l.Lane, l.Lanes),
			"callout_revision": strconv.FormatUint(l.Revision, 10),
		},
	}
	if l.Unordered {
		cfg.MaxAckPending = unorderedSlots
	}
	if l.Fenced {
		cfg.PauseUntil = farAway()
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

// AddLine makes the consumer of a line that is new, and then tells the workers
// of it. A consumer of its name that is there already was left by a dispatcher
// that died before it told them: nobody has taken anything from it.
func (b *Bus) AddLine(ctx context.Context, l Line) error {
	cfg := b.consumer(l)
	c, err := b.js.CreateConsumer(ctx, l.Stream(), cfg)
	if errors.Is(err, jetstream.ErrConsumerExists) { // it was to be another
		if err = b.js.DeleteConsumer(ctx, l.Stream(), l.Name); err == nil {
			c, err = b.js.CreateConsumer(ctx, l.Stream(), cfg)
		}
	}
	if err != nil {
		return failure(fmt.Errorf("line %s: %w", l.Name, err))
	}
	// Whether it stands is not compared.
	if stands := c.CachedInfo().Paused; stands && !l.Fenced {
		err = b.ResumeLine(ctx, l)
	} else if !stands && l.Fenced {
		err = b.StopLine(ctx, l)
	}
	if err != nil {
		return err
	}
	return b.putLine(ctx, l)
}

// EnsureLine makes or changes a line's consumer and then tells the workers of
// it. A consumer that exists keeps its position, and stands if it stood.
func (b *Bus) EnsureLine(ctx context.Context, l Line) error {
	cfg := b.consumer(l)
	existing, err := b.js.Consumer(ctx, l.Stream(), l.Name)
	switch {
	case errors.Is(err, jetstream.ErrConsumerNotFound):
		_, err = b.js.CreateConsumer(ctx, l.Stream(), cfg)
	case err == nil:
		have := existing.CachedInfo().Config
		cfg.DeliverPolicy, cfg.OptStartSeq = have.DeliverPolicy, have.OptStartSeq // cannot change
		cfg.PauseUntil = have.PauseUntil                                          // is resumed, not edited
		_, err = b.js.UpdateConsumer(ctx, l.Stream(), cfg)
	}
	if err != nil {
		return failure(fmt.Errorf("line %s: %w", l.Name, err))
	}
	return b.putLine(ctx, l)
}

// RemoveLine deletes a line's consumer and forgets the line. It is forgotten
// last, and marked as drained first: who takes over from a dispatcher that died
// on the way removes the rest, and does not take the consumer for lost.
func (b *Bus) RemoveLine(ctx context.Context, l Line) error {
	if !l.Drained {
		l.Drained = true
		if err := b.putLine(ctx, l); err != nil {
			return err
		}
	}
	err := b.js.DeleteConsumer(ctx, l.Stream(), l.Name)
	if err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return failure(err)
	}
	kv, err := b.js.KeyValue(ctx, bucketLines)
	if err != nil {
		return failure(err)
	}
	for _, key := range []string{recordKey(l.Instance, l.Name), positionKey(l.Instance, l.Name), lineKey(l.Instance, l.Name)} {
		if err := kv.Purge(ctx, key, jetstream.PurgeTTL(markerTTL)); err != nil {
			return failure(err)
		}
	}
	return nil
}

func (b *Bus) putLine(ctx context.Context, l Line) error {
	kv, err := b.js.KeyValue(ctx, bucketLines)
	if err != nil {
		return failure(err)
	}
	raw, err := json.Marshal(l)
	if err != nil {
		return err
	}
	if _, err := kv.Put(ctx, lineKey(l.Instance, l.Name), raw); err != nil {
		return failure(err)
	}
	return nil
}

// Lines reads the lines of an instance.
func (b *Bus) Lines(ctx context.Context, instance string) ([]Line, error) {
	var lines []Line
	err := b.each(ctx, bucketLines, wire.Token(instance)+".line.>", func(_ string, raw []byte) error {
		var l Line
		if err := json.Unmarshal(raw, &l); err != nil {
			return err
		}
		lines = append(lines, l)
		return nil
	})
	return lines, err
}

// LineNow reads one line as it is now; ok is false when it has been removed.
func (b *Bus) LineNow(ctx context.Context, instance, name string) (l Line, ok bool, err error) {
	kv, err := b.js.KeyValue(ctx, bucketLines)
	if err != nil {
		return l, false, failure(err)
	}
	entry, err := kv.Get(ctx, lineKey(instance, name))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return l, false, nil
	}
	if err != nil {
		return l, false, failure(err)
	}
	return l, true, json.Unmarshal(entry.Value(), &l)
}

// Backlog is what a line has before it, by the server's own count.
type Backlog struct {
	Pending uint64 // not yet handed out
	InWork  int    // handed out, not yet acknowledged
	Floor   uint64 // every sequence up to it is done
}

// Lag is all that waits or is in work.
func (l Backlog) Lag() uint64 { return l.Pending + uint64(l.InWork) }

// Backlog asks the server. One reading may be a moment behind a publish:
// nothing is concluded from a single zero.
func (b *Bus) Backlog(ctx context.Context, l Line) (Backlog, error) {
	c, err := b.js.Consumer(ctx, l.Stream(), l.Name)
	if err != nil {
		return Backlog{}, failure(err)
	}
	info := c.CachedInfo()
	return Backlog{Pending: info.NumPending, InWork: info.NumAckPending, Floor: info.AckFloor.Stream}, nil
}

// LastAck is when a line last went on; zero = never.
func (b *Bus) LastAck(ctx context.Context, l Line) (time.Time, error) {
	c, err := b.js.Consumer(ctx, l.Stream(), l.Name)
	if err != nil {
		return time.Time{}, failure(err)
	}
	return lastAck(c.CachedInfo()), nil
}

func lastAck(info *jetstream.ConsumerInfo) time.Time {
	if info.AckFloor.Last == nil {
		return time.Time{}
	}
	return *info.AckFloor.Last
}

// StopLine holds a line until somebody resumes it. The server keeps it stopped
// over restarts.
func (b *Bus) StopLine(ctx context.Context, l Line) error {
	if _, err := b.js.PauseConsumer(ctx, l.Stream(), l.Name, *farAway()); err != nil {
		return failure(err)
	}
	return nil
}

// farAway is the date that a pause without an end needs.
func farAway() *time.Time {
	far := time.Now().AddDate(100, 0, 0)
	return &far
}

// wakeIn is how far ahead a pause is set to end when a line is resumed, at
// first and at most.
const (
	wakeIn     = 10 * time.Millisecond
	wakeAtMost = 640 * time.Millisecond
)

// ResumeLine lets a stopped line go on. The pause is set to end in a moment
// rather than lifted: lifting it wakes nobody, and pulls that are waiting would
// get nothing until they expire. The moment is by the server's own clock; when
// it is past before the server hears of it, one further ahead is set.
func (b *Bus) ResumeLine(ctx context.Context, l Line) error {
	c, err := b.js.Consumer(ctx, l.Stream(), l.Name)
	if err != nil {
		return failure(err)
	}
	for ahead := wakeIn; ; ahead *= 2 {
		paused, err := b.js.PauseConsumer(ctx, l.Stream(), l.Name, c.CachedInfo().TimeStamp.Add(ahead))
		if err != nil {
			return failure(err)
		}
		if paused.Paused || ahead >= wakeAtMost {
			return nil
		}
	}
}

func lineKey(instance, name string) string { return wire.Token(instance) + ".line." + name }

// RecordKey is the key under which FollowLines reports the record of a line.
func (l Line) RecordKey() string { return recordKey(l.Instance, l.Name) }

// recordOf is the key of the record of one of its deliveries, where the line keeps
// no order.
func (l Line) recordOf(sequence uint64) string {
	return l.RecordKey() + "." + strconv.FormatUint(sequence, 10)
}

func recordKey(instance, name string) string { return wire.Token(instance) + ".record." + name }
func positionKey(instance, name string) string {
	return wire.Token(instance) + ".position." + name
}
func pausedKey(instance, owner, target string) string {
	return wire.Token(instance) + ".paused." + wire.Token(owner) + "." + wire.Token(target)
}

func resumedKey(instance, owner, target string) string {
	return wire.Token(instance) + ".resumed." + wire.Token(owner) + "." + wire.Token(target)
}

// kindOf tells what a key of the lines' bucket holds.
func kindOf(key string) string {
	parts := strings.SplitN(key, ".", 3)
	if len(parts) < 3 {
		return ""
	}
	return parts[1]
}
