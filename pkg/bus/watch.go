package bus

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/action"
)

// each calls do for every key that matches, as the bucket stands now.
func (b *Bus) each(ctx context.Context, bucket, keys string, do func(key string, value []byte) error) error {
	kv, err := b.js.KeyValue(ctx, bucket)
	if err != nil {
		return failure(err)
	}
	w, err := kv.Watch(ctx, keys, jetstream.IgnoreDeletes())
	if err != nil {
		return failure(err)
	}
	defer func() { _ = w.Stop() }() // the watch has served
	for {
		select {
		case entry := <-w.Updates():
			if entry == nil { // all that stands is read
				return nil
			}
			if err := do(entry.Key(), entry.Value()); err != nil {
				return err
			}
		case <-ctx.Done():
			return failure(ctx.Err())
		}
	}
}

// follow calls do for every key that matches, now and whenever one changes,
// until ctx ends. A deleted key has a nil value. first is closed when all that
// stood at the beginning was read. A watch that breaks is begun again.
func (b *Bus) follow(ctx context.Context, bucket, keys string, do func(key string, value []byte)) (first <-chan struct{}) {
	ready := make(chan struct{})
	var once sync.Once
	go func() {
		for wait := 50 * time.Millisecond; ctx.Err() == nil; wait = min(2*wait, time.Second) {
			err := b.followOnce(ctx, bucket, keys, do, func() { once.Do(func() { close(ready) }) })
			if ctx.Err() != nil {
				return
			}
			b.log.Debug().Err(err).Str("bucket", bucket).Msg("watch interrupted")
			select {
			case <-ctx.Done():
			case <-time.After(wait):
			}
		}
	}()
	return ready
}

// followOnce ends when the connection has been made anew: a watch notices only
// after its heartbeats, many seconds later, that a restarted server forgot it.
func (b *Bus) followOnce(ctx context.Context, bucket, keys string, do func(string, []byte), ready func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(*b.connection.Load(), cancel)()
	kv, err := b.js.KeyValue(ctx, bucket)
	if err != nil {
		return err
	}
	w, err := kv.Watch(ctx, keys)
	if err != nil {
		return err
	}
	defer func() { _ = w.Stop() }() // ends with its context anyway
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case entry, open := <-w.Updates():
			switch {
			case !open:
				return nil
			case entry == nil:
				ready()
			case entry.Operation() == jetstream.KeyValuePut:
				do(entry.Key(), entry.Value())
			default:
				do(entry.Key(), nil)
			}
		}
	}
}

// FleetEvents is what is followed besides the catalog; what is nil is not
// reported.
type FleetEvents struct {
	Line   func(key string, l *Line)              // nil = removed
	Record func(key string, r *action.LineRecord) // nil = removed
	Paused func(t TargetKey, reason action.Code)  // "" = resumed
	// Resumed tells until when a target was paused; it comes before the news
	// that it goes on.
	Resumed func(t TargetKey, at time.Time)
}

// FollowLines follows lines, records and paused targets of all instances. The
// callbacks run in one goroutine. The channel is closed when all that stood
// was read.
func (b *Bus) FollowLines(ctx context.Context, on FleetEvents) <-chan struct{} {
	return b.follow(ctx, bucketLines, ">", func(key string, value []byte) {
		var err error
		switch kindOf(key) {
		case "line":
			var l *Line
			err = unmarshal(value, &l)
			if err == nil && on.Line != nil {
				on.Line(key, l)
			}
		case "record":
			var r *action.LineRecord
			err = unmarshal(value, &r)
			if err == nil && on.Record != nil {
				on.Record(key, r)
			}
		case "paused":
			var t TargetKey
			if t, err = pauseOf(key); err == nil && on.Paused != nil {
				on.Paused(t, action.Code(value))
			}
		case "resumed":
			var t TargetKey
			var at time.Time
			if t, err = pauseOf(key); err == nil {
				err = at.UnmarshalText(value)
			}
			if err == nil && on.Resumed != nil {
				on.Resumed(t, at)
			}
		}
		if err != nil {
			b.log.Error().Err(err).Str("key", key).Msg("unreadable entry")
		}
	})
}

// unmarshal leaves a pointer nil when there is nothing to read.
func unmarshal[T any](raw []byte, into **T) error {
	if raw == nil {
		return nil
	}
	*into = new(T)
	return json.Unmarshal(raw, *into)
}

// pauseOf reads the target from the key of its pause, or of the pause's end.
func pauseOf(key string) (TargetKey, error) {
	tokens := strings.Split(key, ".")
	return readTargetKey(slices.Delete(tokens, 1, 2)) // the kind of the entry
}

// RecordKey is the key under which FollowLines reports.
func (d *Delivery) RecordKey() string { return d.recordKey }
