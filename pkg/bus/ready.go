package bus

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

const (
	readyFor  = 2 * time.Second // how long an answer is waited for
	probeSize = 64 << 10        // bytes; what is left of a page of a full disk takes a small one
)

// Ready stores one message, as a publisher would, and asks the event streams of
// instances whether they can: a server can be reachable and still store
// nothing. It waits for at most two seconds. The error is missing, and names
// all that is, when a stream or a bucket is not there; newer when a newer version
// has stored in one.
func (b *Bus) Ready(ctx context.Context, instances ...string) error {
	ctx, cancel := context.WithTimeout(ctx, readyFor)
	defer cancel()
	look, err := b.Look(ctx)
	if err != nil {
		return err
	}
	needed := b.Needed(instances...)
	if lacks := look.Lacks(needed); len(lacks) > 0 {
		b.miss()
		return Missing(strings.Join(lacks, ", "), nil)
	}
	if err := look.Newer(needed); err != nil {
		return err
	}
	probe := make([]byte, min(probeSize, b.MaxBody()/2))
	if _, err := b.js.Publish(ctx, subjectReady, probe); err != nil {
		return NotStored(b.missing(ctx, streamReady, err))
	}
	for _, instance := range instances {
		if err := b.Instance(instance).writable(ctx); err != nil {
			return err
		}
	}
	return nil
}

// writable asks an event stream to remove what is not there. A stream that
// could not write once, as on a full disk, never stores anything again until
// its server is started anew; it does not answer publishers then, and only so
// can be asked without storing something in it.
func (i Instance) writable(ctx context.Context) error {
	stream, err := i.fresh(ctx, i.Events)
	if err != nil {
		return err
	}
	if err := stream.Purge(ctx, jetstream.WithPurgeSubject(wire.Marker(i.ID)+".none")); err != nil {
		return action.NewError(action.CodeNotStored, action.StageStore,
			fmt.Sprintf("the event stream of instance %q takes nothing until its NATS server is started anew: its disk was full, or failed", i.ID)).WithCause(err)
	}
	return nil
}
