package shards

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
)

// ErrHeld tells that a worker holds the shard.
var ErrHeld = errors.New("a worker holds the shard")

const (
	aloneTries = 64
	aloneAgain = 20 * time.Millisecond // at most, and at random, between two tries
)

// Alone changes the places of a shard that nobody holds, such as a dispatcher does for
// who asks. change is called with the places as they are, again when somebody else has
// written meanwhile. The error is ErrHeld while a worker holds the shard: he is to be
// asked; conflict when so many others write that it is never first.
//
// It may be called by several at a time, here and elsewhere: each writes all places with
// one message, which is refused if anything was written since they were read. That
// nobody holds the shard is asked in between. So who takes it before that is seen, and
// who takes it later reads what was written here, or has it refused.
func Alone(ctx context.Context, b *bus.Bus, shard Shard, change func(p Places) (Change, error)) error {
	by := newID()
	for range aloneTries {
		p, newest, last, err := read(ctx, b, shard)
		if err != nil {
			return err
		}
		if err := held(ctx, b, shard); err != nil {
			return err
		}
		c, err := change(p)
		if err != nil {
			return err
		}
		p.apply(c)
		l := &Log{bus: b, shard: shard, by: by, epoch: newest.Epoch + 1, last: last}
		if err := l.Whole(ctx, p); !errors.Is(err, ErrFenced) {
			return err
		}
		select {
		case <-ctx.Done():
			return bus.Failure(ctx.Err())
		case <-time.After(rand.N(aloneAgain)):
		}
	}
	return takenOver(shard)
}

// held gives ErrHeld when a worker holds a shard that is there.
func held(ctx context.Context, b *bus.Bus, shard Shard) error {
	k := b.Bucket(bus.BucketHolders)
	v, _, err := k.Get(ctx, shard.key())
	if err != nil || len(v.Bytes) == 0 {
		return err
	}
	there, err := alive(ctx, k, string(v.Bytes))
	if err == nil && there {
		return ErrHeld
	}
	return err
}

// aliveAgain is how often a session is asked for.
const aliveAgain = 100 * time.Millisecond

// alive tells whether a session is there: it says so within the lease that it has said
// last. One that does not is taken for dead.
func alive(ctx context.Context, k bus.Bucket, id string) (bool, error) {
	first, there, err := k.Get(ctx, sessionKey(id))
	w := wordOf(first.Bytes)
	if err != nil || !there || w.dead {
		return false, err
	}
	for began := time.Now(); time.Since(began) <= w.lease; {
		select {
		case <-ctx.Done():
			return false, bus.Failure(ctx.Err())
		case <-time.After(aliveAgain):
		}
		now, there, err := k.Get(ctx, sessionKey(id))
		if err != nil || !there || wordOf(now.Bytes).dead {
			return false, err
		}
		if now.Revision != first.Revision {
			return true, nil
		}
	}
	if _, err := k.Update(ctx, sessionKey(id), word{dead: true}.bytes(), first.Revision); err != nil {
		if action.CodeOf(err) == action.CodeConflict {
			return true, nil
		}
		return false, err
	}
	_ = k.Purge(ctx, sessionKey(id)) // else it stays, as dead
	return false, nil
}
