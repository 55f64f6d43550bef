package present

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/wire"
)

// How often a process tells that it is there, how long one try may take, and how
// long taking it back may.
const (
	tellEvery = bus.PresentFor / 3
	tellFor   = 2 * time.Second
	leaveFor  = 500 * time.Millisecond
)

func keyOf(p action.Presence) string { return string(p.Role) + "." + wire.Token(p.ID) }

// Keep tells that a process is there, until ctx ends; then it takes that back,
// which takes half a second at most. what is asked each time, by one goroutine. A
// try that fails is made again: who is not heard of for bus.PresentFor is gone.
func Keep(ctx context.Context, b *bus.Bus, what func() action.Presence) {
	ticker := time.NewTicker(tellEvery)
	defer ticker.Stop()
	for {
		renewed := b.Renewed()
		if err := tell(ctx, b, what()); err != nil && ctx.Err() == nil {
			b.Log().Debug().Err(err).Msg("that this process is there could not be told")
		}
		select {
		case <-ctx.Done():
			leave(b, what())
			return
		case <-renewed:
		case <-ticker.C:
		}
	}
}

func tell(ctx context.Context, b *bus.Bus, p action.Presence) error {
	ctx, cancel := context.WithTimeout(ctx, tellFor)
	defer cancel()
	raw, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return b.Bucket(bus.BucketPresent).Put(ctx, keyOf(p), raw)
}

func leave(b *bus.Bus, p action.Presence) {
	ctx, cancel := context.WithTimeout(context.Background(), leaveFor)
	defer cancel()
	if !b.Connected() {
		return // it lapses
	}
	_ = b.Bucket(bus.BucketPresent).Purge(ctx, keyOf(p)) // if it cannot be taken back, it lapses
}

// List gives the processes of a role that were heard of within bus.PresentFor,
// those that started first in front. What cannot be read is left out: it lapses.
// The error is too_large when there are more than action.MaxPresent, unavailable
// while NATS is away, and missing while no dispatcher has prepared it.
func List(ctx context.Context, b *bus.Bus, role action.Role) ([]action.Presence, error) {
	var all []action.Presence
	err := b.Bucket(bus.BucketPresent).Each(ctx, string(role)+".*", func(v bus.Value) error {
		p, err := read(v)
		if err != nil {
			b.Log().Debug().Err(err).Str("key", bus.ShownKey(v.Key)).Msg("a process that cannot be read")
			return nil
		}
		if len(all) == action.MaxPresent {
			return action.NewError(action.CodeTooLarge, action.StageStore, fmt.Sprintf("there are more than %d processes with the role %s", action.MaxPresent, role))
		}
		all = append(all, p)
		return nil
	})
	slices.SortFunc(all, func(a, b action.Presence) int { return cmp.Or(a.Started.Compare(b.Started), cmp.Compare(a.ID, b.ID)) })
	return all, err
}

// countEvery is how often who is there is counted, and countFor how long that may take.
const (
	countEvery = 2 * time.Second
	countFor   = 2 * time.Second
)

// Count tells do how many processes of a role there are, when it begins and whenever that
// has changed, until ctx ends; at least one, since who asks is one. Who comes is counted
// within two seconds, who goes within three, and who dies when he was not heard of for
// bus.PresentFor. While NATS does not say, nothing changes.
func Count(ctx context.Context, b *bus.Bus, role action.Role, do func(processes int)) {
	ticker := time.NewTicker(countEvery)
	defer ticker.Stop()
	for {
		if n, err := count(ctx, b, role); err == nil {
			do(max(n, 1))
		} else if ctx.Err() == nil {
			b.Log().Debug().Err(err).Str("role", string(role)).Msg("how many processes there are is not known")
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// count asks the server for the keys alone, which every role may.
func count(ctx context.Context, b *bus.Bus, role action.Role) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, countFor)
	defer cancel()
	stream, err := b.Stream(ctx, wire.BucketStream(bus.BucketPresent))
	if err != nil {
		return 0, err
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(wire.BucketSubject(bus.BucketPresent, string(role)+".*")))
	if err != nil {
		return 0, bus.Failure(err)
	}
	return len(info.State.Subjects), nil
}

func read(v bus.Value) (p action.Presence, err error) {
	if err = bus.Decode(v.Bytes, &p); err == nil {
		err = p.Check()
	}
	if err == nil && keyOf(p) != v.Key {
		err = errors.New("it names another process than its key")
	}
	p.Seen = v.At
	return p, err
}
