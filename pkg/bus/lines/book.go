package lines

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/shards"
)

// The book of lines is what the workers follow: a line is told to them when its
// consumer is there, marked as drained before that goes, and forgotten last.

func (i Lines) book() bus.Bucket { return i.Bucket(bus.BucketLines) }

// Add makes the consumer of a line that is new, and then tells the workers of
// it. A consumer of its name that is there already was left by a dispatcher
// that died before it told them: nobody has taken anything from it.
func (i Lines) Add(ctx context.Context, l Line) error {
	if l.Packed() {
		return i.put(ctx, l)
	}
	cfg := i.consumer(l)
	c, err := i.JetStream().CreateConsumer(ctx, i.stream(l), cfg)
	if errors.Is(err, jetstream.ErrConsumerExists) { // it was to be another
		if err = i.JetStream().DeleteConsumer(ctx, i.stream(l), l.Name); err == nil {
			c, err = i.JetStream().CreateConsumer(ctx, i.stream(l), cfg)
		}
	}
	if err != nil {
		return i.failure(ctx, l, err)
	}
	// Whether it stands is not compared.
	if stands := c.CachedInfo().Paused; stands && !l.Fenced {
		err = i.Resume(ctx, l)
	} else if !stands && l.Fenced {
		err = i.Stop(ctx, l)
	}
	if err != nil {
		return err
	}
	return i.put(ctx, l)
}

// Ensure makes or changes a line's consumer and then tells the workers of it. A
// consumer that exists keeps its position, and stands if it stood.
func (i Lines) Ensure(ctx context.Context, l Line) error {
	if l.Packed() {
		return i.put(ctx, l)
	}
	_, err := i.Begin(ctx, l)
	return err
}

// Begin does what Ensure does, and tells what waits in the line. Of a line that was
// not there it is told before any worker hears of it, so that it is all there is.
func (i Lines) Begin(ctx context.Context, l Line) (Backlog, error) {
	if l.Packed() {
		all, err := shards.Read(ctx, i.Bus, l.shard())
		if err != nil {
			return Backlog{}, err
		}
		p, err := i.writtenIn(ctx, all, l)
		if err == nil {
			p, err = i.counted(ctx, l, p)
		}
		if err != nil {
			return Backlog{}, err
		}
		return p.standing(0).Backlog, i.put(ctx, l)
	}
	cfg := i.consumer(l)
	existing, err := i.JetStream().Consumer(ctx, i.stream(l), l.Name)
	switch {
	case errors.Is(err, jetstream.ErrConsumerNotFound):
		existing, err = i.JetStream().CreateConsumer(ctx, i.stream(l), cfg)
	case err == nil:
		have := existing.CachedInfo().Config
		cfg.DeliverPolicy, cfg.OptStartSeq = have.DeliverPolicy, have.OptStartSeq // cannot change
		cfg.PauseUntil = have.PauseUntil                                          // is resumed, not edited
		cfg.AckWait = have.AckWait                                                // changes when nobody holds a delivery
		existing, err = i.JetStream().UpdateConsumer(ctx, i.stream(l), cfg)
	}
	if err != nil {
		return Backlog{}, i.failure(ctx, l, err)
	}
	l.AckWait = cfg.AckWait
	return backlogOf(existing.CachedInfo()), i.put(ctx, l)
}

// Remove deletes a line's consumer and forgets the line. It is forgotten last,
// and marked as drained first: who takes over from a dispatcher that died on the
// way removes the rest, and does not take the consumer for lost.
func (i Lines) Remove(ctx context.Context, l Line) error {
	if !l.Drained {
		l.Drained = true
		if err := i.put(ctx, l); err != nil {
			return err
		}
	}
	if l.Packed() {
		if err := i.tell(ctx, l, question{Do: askForget}); err != nil {
			return err
		}
		if err := i.unkeep(ctx, l); err != nil {
			return err
		}
	} else if err := i.JetStream().DeleteConsumer(ctx, i.stream(l), l.Name); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return i.failure(ctx, l, err)
	}
	if err := i.forgetRecords(ctx, l); err != nil {
		return err
	}
	for _, kind := range []string{kindRecord, kindPosition, kindLine} {
		if err := i.book().Purge(ctx, l.entryKey(kind)); err != nil {
			return err
		}
	}
	return nil
}

// forgetRecords removes the records of deliveries of a line without an order
// that goes before they have ended.
func (i Lines) forgetRecords(ctx context.Context, l Line) error {
	if !l.Unordered {
		return nil
	}
	left, err := i.book().Keys(ctx, l.RecordKey()+".*")
	if err != nil {
		return err
	}
	return bus.Together(len(left), func(n int) error { return i.book().Purge(ctx, left[n].Key) })
}

func (i Lines) put(ctx context.Context, l Line) error {
	l.Format = action.Format
	if l.AckWait == 0 {
		l.AckWait = i.AckWait()
	}
	raw, err := json.Marshal(l)
	if err != nil {
		return err
	}
	if l.Packed() {
		if err := i.keep(ctx, l); err != nil {
			return err
		}
	}
	return i.book().Put(ctx, l.entryKey(kindLine), raw)
}

// List reads the lines of the instance. What cannot be read is left out, what only
// a newer version reads among it.
func (i Lines) List(ctx context.Context) ([]Line, error) {
	all, _, err := i.ListHeld(ctx)
	return all, err
}

// ListHeld is List, and gives those beside them that only a newer version reads, as
// far as this one understands their entries. They are held: nothing is taken from
// them or changed of them, and no other is made in their place.
func (i Lines) ListHeld(ctx context.Context) (all, held []Line, err error) {
	err = i.book().Each(ctx, i.Token+"."+kindLine+".>", func(v bus.Value) error {
		l, err := readLine(v)
		switch {
		case i.book().Judge(v, err):
			all = append(all, l)
		case action.CodeOf(err) == action.CodeNewer:
			_ = bus.Decode(v.Bytes, &l) // it was decoded before
			l.Instance, l.Name = i.ID, strings.SplitN(v.Key, ".", 3)[2]
			held = append(held, l)
		}
		return nil
	})
	return all, held, err
}

// Now reads one line as it is now; ok is false when it has been removed.
func (i Lines) Now(ctx context.Context, name string) (l Line, ok bool, err error) {
	v, ok, err := i.book().Get(ctx, Line{Instance: i.ID, Name: name}.entryKey(kindLine))
	if err != nil || !ok {
		return l, false, err
	}
	l, err = readLine(v)
	return l, err == nil, err
}

func readLine(v bus.Value) (l Line, err error) {
	if err = bus.Decode(v.Bytes, &l); err == nil {
		err = action.CheckFormat(l.Format)
	}
	if err == nil {
		err = l.agrees(v.Key)
	}
	if err != nil {
		return Line{}, fmt.Errorf("the line at %s: %w", bus.ShownKey(v.Key), err)
	}
	return l, nil
}

// maxName is how long the name of a line may be, in bytes: what is asked of its
// consumer has it in the subject.
const maxName = 200

// agrees tells whether a line is what its key says, and one that this version can
// have made; the error says why not.
func (l Line) agrees(key string) error {
	switch {
	case len(l.Name) > maxName || strings.Trim(l.Name, "-_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "":
		return fmt.Errorf("its name has %d bytes, or is none of a consumer", len(l.Name))
	case l.entryKey(kindLine) != key:
		return errors.New("it names another line than its key")
	case l.Shard < 0 || l.Shard > shards.Most:
		return fmt.Errorf("it is in shard %d", l.Shard)
	case !slices.Contains([]int{1, 4, 16, 64}, l.Lanes) || l.Lane < 0 || l.Lane >= l.Lanes:
		return fmt.Errorf("it has lane %d of %d", l.Lane, l.Lanes)
	}
	for _, id := range []string{l.Instance, l.Org, l.Owner, l.Target, l.TargetID} {
		if err := action.CheckID(id); err != nil {
			return err
		}
	}
	return nil
}

// failure tells which line an error is about.
func (i Lines) failure(ctx context.Context, l Line, err error) error {
	return i.StreamFailure(ctx, i.stream(l), fmt.Errorf("line %s: %w", l.Name, err))
}

// IsLost tells of an error that the consumer of a line is not there.
func IsLost(err error) bool { return errors.Is(err, jetstream.ErrConsumerNotFound) }
