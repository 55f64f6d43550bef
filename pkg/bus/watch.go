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

// entry is what a watch brings of a key: its value, or that it was removed.
type entry struct {
	Value
	removed bool
}

// watch is the one loop over a watch: do gets every entry, in the order in which
// they were written, and nil once when all that stood is read. It ends with the first
// error of do, or when ctx ends or the watch is closed under it.
func (k Bucket) watch(ctx context.Context, match string, do func(*entry) error, opts ...jetstream.WatchOpt) error {
	kv, err := k.open(ctx)
	if err != nil {
		return err
	}
	w, err := kv.Watch(ctx, match, opts...)
	if err != nil {
		return k.failure(ctx, match, err)
	}
	defer k.bus.leave(w)
	told, listed := uint64(0), false // everything up to there; what stood
	tell := func(e *entry) error {
		if e.Revision <= told { // it was behind the list, and comes by itself too
			return nil
		}
		told = e.Revision
		if !k.usable(e) {
			return nil
		}
		return do(e)
	}
	quiet := time.NewTicker(quietFor)
	defer quiet.Stop()
	list := func() error {
		if listed {
			return nil
		}
		listed = true
		quiet.Stop()
		if err := k.rest(ctx, match, &told, tell); err != nil {
			return err
		}
		return do(nil)
	}
	for {
		select {
		case <-ctx.Done():
			return Failure(context.Cause(ctx))
		case came, open := <-w.Updates():
			if !listed {
				quiet.Reset(quietFor)
			}
			switch {
			case !open:
				return Failure(cmp.Or(context.Cause(ctx), errWatchEnded))
			case came != nil:
				err = tell(&entry{valueOf(came), came.Operation() != jetstream.KeyValuePut})
			default:
				err = list()
			}
		case <-quiet.C:
			if _, more, failed := k.behind(ctx, match, told+1); failed == nil && !more {
				err = list()
			}
		}
		if err != nil {
			return err
		}
	}
}

// quietFor is how long nothing may come of a list that is not told to its end, before
// the server is asked whether more of it stands. The server counts what stands as a
// watch begins, and the client waits for so many entries: of one that lapses, or is
// purged, before its turn comes neither hears again.
const quietFor = 250 * time.Millisecond

// usable tells whether an entry has a key that can be used. One that has not is
// nobody's, and left out.
func (k Bucket) usable(e *entry) bool {
	err := checkKey(e.Key)
	if err == nil {
		return true
	}
	if e.removed {
		err = nil
	}
	k.Judge(Value{Key: e.Key, Revision: e.Revision}, err)
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
