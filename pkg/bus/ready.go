package bus

import (
	"context"
	"fmt"
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
// nothing. It waits for at most two seconds; an instance without a stream is
// not ready.
func (b *Bus) Ready(ctx context.Context, instances ...string) error {
	ctx, cancel := context.WithTimeout(ctx, readyFor)
	defer cancel()
	probe := make([]byte, min(probeSize, b.MaxBody()/2))
	if _, err := b.js.Publish(ctx, subjectReady, probe); err != nil {
		return failure(err)
	}
	for _, instance := range instances {
		if err := b.writable(ctx, instance); err != nil {
			return err
		}
	}
	return nil
}

// writable asks an event stream to remove what is not there. A stream that
// could not write once, as on a full disk, never stores anything again until
// its server is started anew; it does not answer publishers then, and only so
// can be asked without storing something in it.
func (b *Bus) writable(ctx context.Context, instance string) error {
	stream, err := b.js.Stream(ctx, EventStream(instance))
	if err != nil {
		return failure(err)
	}
	if err := stream.Purge(ctx, jetstream.WithPurgeSubject(wire.Marker(instance)+".none")); err != nil {
		return action.NewError(action.CodeNotStored, action.StageStore,
			fmt.Sprintf("the event stream of instance %q takes nothing until its NATS server is started anew: its disk was full, or failed", instance)).WithCause(err)
	}
	return nil
}
