package bus

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// errWatchEnded is the error of a watch that the client closed before all was
// read.
var errWatchEnded = errors.New("the watch ended before all was read")

// Each calls do for every value that matches, as the bucket stands now. It ends
// with the first error of do.
func (k Bucket) Each(ctx context.Context, match string, do func(v Value) error) error {
	return k.walk(ctx, match, func(entry jetstream.KeyValueEntry) error {
		return do(valueOf(entry))
	}, jetstream.IgnoreDeletes())
}

// Keys lists the keys that match, without their values.
func (k Bucket) Keys(ctx context.Context, match string) ([]Value, error) {
	var all []Value
	err := k.walk(ctx, match, func(entry jetstream.KeyValueEntry) error {
		all = append(all, Value{Key: entry.Key(), Revision: entry.Revision(), At: entry.Created()})
		return nil
	}, jetstream.IgnoreDeletes(), jetstream.MetaOnly())
	return all, err
}

func (k Bucket) walk(ctx context.Context, match string, do func(jetstream.KeyValueEntry) error, opts ...jetstream.WatchOpt) error {
	ctx, cancel := k.bus.Session(ctx, time.Now().Add(walkFor))
	defer cancel()
	err := k.watch(ctx, match, func(entry jetstream.KeyValueEntry) error {
		if entry == nil {
			return errAllRead
		}
		return do(entry)
	}, opts...)
	if errors.Is(err, errAllRead) {
		return nil
	}
	return err
}

// walkFor bounds how long reading all of a bucket may take.
const walkFor = time.Minute

// errAllRead ends a watch that was for what stands.
var errAllRead = errors.New("all is read")

// watch is the one loop over a watch: do gets every entry, and nil once when all
// that stood is read. It ends with the first error of do, or when ctx ends or
// the watch is closed under it.
func (k Bucket) watch(ctx context.Context, match string, do func(jetstream.KeyValueEntry) error, opts ...jetstream.WatchOpt) error {
	kv, err := k.open(ctx)
	if err != nil {
		return err
	}
	w, err := kv.Watch(ctx, match, opts...)
	if err != nil {
		return k.failure(ctx, match, err)
	}
	defer k.bus.leave(w)
	for {
		select {
		case <-ctx.Done():
			return Failure(context.Cause(ctx))
		case entry, open := <-w.Updates():
			if !open {
				return Failure(cmp.Or(context.Cause(ctx), errWatchEnded))
			}
			if entry != nil && !k.usable(entry) {
				continue
			}
			if err := do(entry); err != nil {
				return err
			}
		}
	}
}

// usable tells whether an entry has a key that can be used. One that has not is
// nobody's, and left out.
func (k Bucket) usable(entry jetstream.KeyValueEntry) bool {
	err := checkKey(entry.Key())
	if err == nil {
		return true
	}
	if entry.Operation() != jetstream.KeyValuePut { // it is gone
		err = nil
	}
	k.Judge(Value{Key: entry.Key(), Revision: entry.Revision()}, err)
	return false
}

// leaveFor is how long nothing may come of a watch that was left and that the
// client has not closed. It never closes one that ended as it was being made.
const leaveFor = 5 * time.Second

// leave ends a watch that has served. What it has brought beyond that is read
// and thrown away: the client's goroutine would wait for a reader for ever.
func (b *Bus) leave(w jetstream.KeyWatcher) {
	_ = w.Stop() // only fails when the connection is gone
	go b.drain(w.Updates())
}

// drain reads until the client has closed a watch, or brings nothing more. Once the
// connection is closed that is when there is nothing left: an entry that is on its
// way by then has room.
func (b *Bus) drain(updates <-chan jetstream.KeyValueEntry) {
	quiet := time.NewTimer(leaveFor)
	defer quiet.Stop()
	for {
		select {
		case _, open := <-updates:
			if !open {
				return
			}
			quiet.Reset(leaveFor)
		case <-quiet.C:
			return
		case <-b.closed.Done():
			for range len(updates) {
				<-updates
			}
			return
		}
	}
}
