package bus

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/wire"
)

// bucketDeclared holds what each core of an instance has declared, one value a
// core. Cores write to it themselves, in any language:
//
//	$KV.callout_declared.<instance>.<core>   {"core","methods","functions","event_types"}
const bucketDeclared = "callout_declared"

func declaredKey(instance, core string) string { return wire.Token(instance) + "." + wire.Token(core) }

// Declare stores what a core can be extended at, in the place of what it
// declared before; a declaration without names takes that back. An instance
// that is not there yet may be declared for. The errors are those of
// catalog.Declaration.Check; too_large for one core too many of an instance, or
// more than the bus carries; unavailable while NATS is away or no dispatcher
// has prepared it.
func (b *Bus) Declare(ctx context.Context, instance string, d catalog.Declaration) error {
	if instance == "" || action.CheckID(instance) != nil {
		return action.NewError(action.CodeBadField, action.StageDecode, "an instance has an id of at most 200 bytes without control characters").WithField("instance")
	}
	raw, err := d.Encode()
	if err != nil {
		return err
	}
	kv, err := b.js.KeyValue(ctx, bucketDeclared)
	if err != nil {
		return notDeclared(err)
	}
	key := declaredKey(instance, d.Core)
	if d.Names() == 0 {
		if err := kv.Purge(ctx, key, jetstream.PurgeTTL(markerTTL)); err != nil {
			return notDeclared(err)
		}
		return nil
	}
	if err := b.room(ctx, kv, instance, key); err != nil {
		return err
	}
	if _, err := kv.Put(ctx, key, raw); err != nil {
		return notDeclared(err)
	}
	return nil
}

// room refuses one core too many. Two that come at once may both be let in: the
// bound keeps the sum within reason, and is no promise.
func (b *Bus) room(ctx context.Context, kv jetstream.KeyValue, instance, key string) error {
	keys, err := kv.ListKeysFiltered(ctx, wire.Token(instance)+".*")
	if err != nil {
		return notDeclared(err)
	}
	defer func() { _ = keys.Stop() }() // it has served
	cores, known := 0, false
	for have := range keys.Keys() {
		known = known || have == key
		cores++
	}
	if cores >= catalog.MaxCores && !known {
		return action.NewError(action.CodeTooLarge, action.StageStore, "as many cores as an instance may have have declared already: take one back")
	}
	return nil
}

// notDeclared is the error of a store that did not answer.
func notDeclared(err error) error {
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		return action.NewError(action.CodeUnavailable, action.StageStore, "no dispatcher has prepared this NATS yet").WithCause(err)
	}
	return failure(err)
}

// Declared reads what the cores of an instance have declared, as it is stored
// now. What cannot be read, or is out of bounds, is left out and logged.
func (b *Bus) Declared(ctx context.Context, instance string) (*catalog.Declared, error) {
	kv, err := b.js.KeyValue(ctx, bucketDeclared)
	if err != nil {
		return nil, notDeclared(err)
	}
	w, err := kv.Watch(ctx, wire.Token(instance)+".*", jetstream.IgnoreDeletes())
	if err != nil {
		return nil, failure(err)
	}
	defer func() { _ = w.Stop() }() // the watch has served
	var cores []catalog.Declaration
	for {
		select {
		case entry := <-w.Updates():
			if entry == nil { // all that stands is read
				return catalog.Gather(cores), nil
			}
			if d, ok := b.declaration(entry); ok && len(cores) < 2*catalog.MaxCores {
				cores = append(cores, d)
			}
		case <-ctx.Done():
			return nil, failure(ctx.Err())
		}
	}
}

func (b *Bus) declaration(entry jetstream.KeyValueEntry) (catalog.Declaration, bool) {
	d, err := catalog.DecodeDeclaration(entry.Value())
	_, token, _ := strings.Cut(entry.Key(), ".")
	if err == nil && wire.Token(d.Core) != token {
		err = errors.New("it names another core than its key")
	}
	if err != nil {
		b.log.Error().Err(err).Str("key", entry.Key()).Msg("unreadable declaration, left out")
		return d, false
	}
	d.Declared = entry.Created()
	return d, true
}

// How long one try to declare takes at most, and how soon the next comes.
const (
	declareFor   = 5 * time.Second
	declareSoon  = 50 * time.Millisecond
	declareAgain = 2 * time.Second
)

// KeepDeclaring declares until it is stored, ctx ends, or the declaration is
// refused: after a while, and at once when the connection has been made anew.
func (b *Bus) KeepDeclaring(ctx context.Context, instance string, d catalog.Declaration) error {
	for wait := declareSoon; ; wait = min(2*wait, declareAgain) {
		renewed := *b.connection.Load()
		err := b.declareOnce(ctx, instance, d)
		switch action.CodeOf(err) {
		case "", action.CodeBadField, action.CodeTooLarge:
			return err
		}
		if ctx.Err() != nil {
			return err
		}
		b.log.Debug().Err(err).Str("core", d.Core).Msg("conditions not declared yet")
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-renewed.Done():
			wait = declareSoon
		case <-timer.C:
		}
		timer.Stop()
	}
}

func (b *Bus) declareOnce(ctx context.Context, instance string, d catalog.Declaration) error {
	ctx, cancel := context.WithTimeout(ctx, declareFor)
	defer cancel()
	return b.Declare(ctx, instance, d)
}
