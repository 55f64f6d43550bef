package bus

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// HoldLine keeps a line from handing anything out until a time, by the server's
// clock: it goes on by itself then, also when whoever held it has died.
func (b *Bus) HoldLine(ctx context.Context, l Line, d time.Duration) error {
	c, err := b.js.Consumer(ctx, l.Stream(), l.Name)
	if err == nil {
		_, err = b.js.PauseConsumer(ctx, l.Stream(), l.Name, c.CachedInfo().TimeStamp.Add(d))
	}
	if err != nil {
		return failure(err)
	}
	return nil
}

// HandedOut is the highest sequence that a line has ever handed out.
func (b *Bus) HandedOut(ctx context.Context, l Line) (uint64, error) {
	c, err := b.js.Consumer(ctx, l.Stream(), l.Name)
	if err != nil {
		return 0, failure(err)
	}
	return c.CachedInfo().Delivered.Stream, nil
}

// Records reads the records of an unordered line, one a delivery, by sequence.
func (b *Bus) Records(ctx context.Context, l Line) (map[uint64]action.LineRecord, error) {
	records := map[uint64]action.LineRecord{}
	err := b.each(ctx, bucketLines, recordKey(l.Instance, l.Name)+".*", func(key string, raw []byte) error {
		var r action.LineRecord
		sequence, err := strconv.ParseUint(key[strings.LastIndexByte(key, '.')+1:], 10, 64)
		if err == nil {
			err = json.Unmarshal(raw, &r)
		}
		records[sequence] = r
		return err
	})
	return records, err
}

// ForgetRecord removes the record of one delivery of an unordered line.
func (b *Bus) ForgetRecord(ctx context.Context, l Line, sequence uint64) error {
	kv, err := b.js.KeyValue(ctx, bucketLines)
	if err != nil {
		return failure(err)
	}
	key := l.recordOf(sequence)
	if err := kv.Purge(ctx, key, jetstream.PurgeTTL(markerTTL)); err != nil {
		return failure(err)
	}
	return nil
}

// NextAsync reads the first async delivery at or behind a sequence that a line
// has before it, with what its headers say.
func (b *Bus) NextAsync(ctx context.Context, l Line, sequence uint64) (m Message, d AsyncDelivery, ok bool, err error) {
	stream, err := b.js.Stream(ctx, l.Stream())
	if err != nil {
		return m, d, false, failure(err)
	}
	raw, err := stream.GetMsg(ctx, max(sequence, 1), jetstream.WithGetMsgSubject(l.filter()))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return m, d, false, nil
	}
	if err != nil {
		return m, d, false, failure(err)
	}
	return Message{Subject: raw.Subject, Sequence: raw.Sequence, StoredAt: raw.Time, Body: raw.Data}, AsyncDelivery{
		ID: raw.Header.Get(wire.HeaderDelivery), Instance: l.Instance, Owner: l.Owner, Target: l.Target,
		Phase: action.Phase(raw.Header.Get(wire.HeaderPhase)), Body: raw.Data,
	}, true, nil
}

// TakeAsync takes an async delivery out of its stream for good. One that is not
// there is no error.
func (b *Bus) TakeAsync(ctx context.Context, l Line, sequence uint64) error {
	stream, err := b.js.Stream(ctx, l.Stream())
	if err != nil {
		return failure(err)
	}
	err = stream.DeleteMsg(ctx, sequence)
	if err == nil {
		return nil
	}
	if _, gone := stream.GetMsg(ctx, sequence); errors.Is(gone, jetstream.ErrMsgNotFound) {
		return nil
	}
	return failure(err)
}

// Departed is a name that a target had before it left the catalog or got
// another. Events may wait for it: its signing key is kept under its id, since
// another target may get the name.
type Departed struct {
	Instance string    `json:"-"`
	Owner    string    `json:"-"`
	ID       string    `json:"-"`
	Target   string    `json:"-"`
	Key      string    `json:"key"`
	Left     time.Time `json:"left"`
}

// The key of a departed target has two tokens more than that of a target, which
// may be named so too.
const departedToken = "departed"

func (t Departed) key() string {
	return strings.Join([]string{wire.Token(t.Instance), wire.Token(t.Owner), departedToken, wire.Token(t.ID), wire.Token(t.Target)}, ".")
}

// PutDeparted keeps the keys of targets that leave the catalog.
func (b *Bus) PutDeparted(ctx context.Context, targets []Departed) error {
	kv, err := b.bucket(ctx, bucketSecrets)
	if err != nil {
		return err
	}
	return together(len(targets), func(i int) error {
		raw, err := json.Marshal(targets[i])
		if err != nil {
			return err
		}
		if _, err := kv.Put(ctx, targets[i].key(), raw); err != nil {
			return failure(err)
		}
		return nil
	})
}

// DepartedKey reads the signing key of a target that has left, whatever its
// name was; it is "" when it is not kept.
func (b *Bus) DepartedKey(ctx context.Context, instance, owner, id string) (string, error) {
	of := strings.Join([]string{wire.Token(instance), wire.Token(owner), departedToken, wire.Token(id)}, ".")
	all, err := b.departed(ctx, instance, of+".*")
	if err != nil || len(all) == 0 {
		return "", err
	}
	return all[0].Key, nil
}

// Departed lists the targets of an instance that have left and whose keys are
// kept, once for each name that they had.
func (b *Bus) Departed(ctx context.Context, instance string) ([]Departed, error) {
	return b.departed(ctx, instance, wire.Token(instance)+".*."+departedToken+".*.*")
}

func (b *Bus) departed(ctx context.Context, instance, keys string) ([]Departed, error) {
	var all []Departed
	err := b.each(ctx, bucketSecrets, keys, func(key string, raw []byte) error {
		tokens := strings.Split(key, ".")
		t := Departed{Instance: instance}
		var err error
		for i, into := range map[int]*string{1: &t.Owner, 3: &t.ID, 4: &t.Target} {
			if *into, err = wire.ID(tokens[i]); err != nil {
				return err
			}
		}
		all = append(all, t)
		return json.Unmarshal(raw, &all[len(all)-1])
	})
	return all, err
}

// ForgetDeparted removes the key of a departed target; with name, also what is kept
// under its name: its key and its pause.
func (b *Bus) ForgetDeparted(ctx context.Context, t Departed, name bool) error {
	kv, err := b.bucket(ctx, bucketSecrets)
	if err != nil {
		return err
	}
	if name {
		if err := b.ResumeTarget(ctx, t.Instance, t.Owner, t.Target); err != nil {
			return err
		}
		if err := kv.Purge(ctx, secretKey(t.Instance, t.Owner, t.Target)); err != nil {
			return failure(err)
		}
	}
	if err := kv.Purge(ctx, t.key()); err != nil {
		return failure(err)
	}
	return nil
}
