package bus

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// leadFor is how long a dispatcher that died keeps the others from an
// instance's lines; leadRetry is how often they look.
const (
	leadFor   = 3 * time.Second
	leadRetry = 5 * time.Millisecond
)

// Lead runs do as the only dispatcher that touches the lines of an instance.
// It waits for its turn until ctx ends. do's context ends when the lead is
// lost, which happens only when the bus is away for long.
func (b *Bus) Lead(ctx context.Context, instance string, do func(context.Context) error) error {
	kv, err := b.js.KeyValue(ctx, bucketLeads)
	if err != nil {
		return failure(err)
	}
	key, name := wire.Token(instance), []byte(nuid.Next())
	revision, err := kv.Create(ctx, key, name)
	for errors.Is(err, jetstream.ErrKeyExists) {
		select {
		case <-ctx.Done():
			return action.NewError(action.CodeConflict, action.StageCatalog, "another dispatcher is at work on the instance").WithCause(ctx.Err())
		case <-time.After(leadRetry):
		}
		revision, err = kv.Create(ctx, key, name)
	}
	if err != nil {
		return failure(err)
	}
	leading, lost := context.WithCancelCause(ctx)
	kept := make(chan uint64)
	go func() { kept <- keepLead(leading, lost, kv, key, name, revision) }()
	err = do(leading)
	lost(nil)
	revision = <-kept
	release, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	// If it cannot be given back, it lapses.
	_ = kv.Delete(release, key, jetstream.LastRevision(revision))
	return err
}

// keepLead renews the lead until ctx ends, and tells its last revision.
func keepLead(ctx context.Context, lost context.CancelCauseFunc, kv jetstream.KeyValue, key string, name []byte, revision uint64) uint64 {
	ticker := time.NewTicker(leadFor / 4)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return revision
		case <-ticker.C:
		}
		next, err := kv.Update(ctx, key, name, revision)
		if err == nil {
			revision = next
		} else if ctx.Err() == nil && isCode(err, codeWrongLastSeq) {
			lost(action.NewError(action.CodeConflict, action.StageCatalog, "another dispatcher has taken over the instance"))
			return revision
		}
	}
}
