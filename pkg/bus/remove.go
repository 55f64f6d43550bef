package bus

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/action"
)

// ofInstances are the buckets with keys of instances, in the order in which an
// instance that is deleted leaves them: its lines first, so that nobody takes from
// them, and what tells that it is being deleted last, which is in the catalog.
var ofInstances = []string{BucketLines, BucketJobs, BucketSecrets, BucketKeys, BucketDeclared, BucketQuotas, BucketConditions, BucketCatalog}

// streamsOf are the streams of an instance, its log of attempts among them.
func (i Instance) streamsOf() []string { return []string{i.Events, i.Async, i.Dead, i.Attempts} }

// RemoveStreams removes the streams of an instance that is deleted, with all that
// is in them and whoever reads there. Those that are gone already are no error.
func (i Instance) RemoveStreams(ctx context.Context) error {
	if err := i.removePositions(ctx); err != nil {
		return err
	}
	for _, name := range i.streamsOf() {
		if err := i.js.DeleteStream(ctx, name); err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
			return Failure(err)
		}
	}
	return nil
}

// removePositions removes how far the packed lines of the instance have come, and what
// is kept of them.
func (i Instance) removePositions(ctx context.Context) error {
	stream, err := i.js.Stream(ctx, StreamPositions)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil
	}
	for _, subject := range []string{"callout.position." + i.Token + ".*", "callout.kept." + i.Token + ".*"} {
		if err == nil {
			err = stream.Purge(ctx, jetstream.WithPurgeSubject(subject))
		}
	}
	if err != nil {
		return Failure(err)
	}
	return nil
}

// RemoveKeys removes all keys of an instance that is deleted, but for one of the
// catalog, which is to go last. Where somebody follows what goes, the removal is
// remembered for a while, for who is away.
func (i Instance) RemoveKeys(ctx context.Context, last string) error {
	for _, name := range ofInstances {
		if err := i.removeKeysIn(ctx, name, last); err != nil {
			return err
		}
	}
	return nil
}

// RemoveLines removes what the buckets have of the lines of an instance that is
// deleted: nobody takes from them any more then.
func (i Instance) RemoveLines(ctx context.Context) error {
	return i.removeKeysIn(ctx, BucketLines, "")
}

func (i Instance) removeKeysIn(ctx context.Context, bucket, last string) error {
	k := i.Bucket(bucket)
	keys, err := i.keysIn(ctx, k)
	if err != nil {
		return err
	}
	return Together(len(keys), func(n int) error {
		switch {
		case bucket == BucketCatalog && keys[n].Key == last:
			return nil
		case followed[bucket]:
			return k.Purge(ctx, keys[n].Key)
		}
		return k.Sweep(ctx, keys[n])
	})
}

// keysIn lists the keys of the instance in a bucket.
func (i Instance) keysIn(ctx context.Context, k Bucket) ([]Value, error) {
	keys, err := k.Keys(ctx, i.Token+".>")
	if err != nil {
		return nil, err
	}
	own, there, err := k.Get(ctx, i.Token) // which the conditions have
	if err == nil && there {
		keys = append(keys, own)
	}
	return keys, err
}

// Left tells whether anything of an instance is there: a stream, or a key of its
// catalog. Of one that was deleted there is nothing, while whatever somebody
// removes of one by mistake leaves the rest. The log of attempts does not count, which
// is made without asking who leads. It costs several requests.
func (i Instance) Left(ctx context.Context) (bool, error) {
	for _, name := range []string{i.Events, i.Async, i.Dead} {
		_, err := i.State(ctx, name)
		if action.CodeOf(err) == action.CodeMissing {
			continue
		}
		return err == nil, err
	}
	keys, err := i.keysIn(ctx, i.Bucket(BucketCatalog))
	return len(keys) > 0, err
}
