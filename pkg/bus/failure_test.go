package bus_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
)

// TestFailures: every error of the client that we know has a code, also within
// another; what was to be stored and nobody knows of is another matter.
func TestFailures(t *testing.T) {
	t.Parallel()
	api := func(status int, code jetstream.ErrorCode) error {
		return &jetstream.APIError{Code: status, ErrorCode: code, Description: "as the server says it"}
	}
	const stream10008 = 10008 // JetStream system temporarily unavailable
	for name, c := range map[string]struct {
		err              error
		failed, unstored action.Code
	}{
		"nobody answers":             {nats.ErrNoResponders, action.CodeUnavailable, action.CodeUnavailable},
		"no stream answers":          {jetstream.ErrNoStreamResponse, action.CodeUnavailable, action.CodeUnavailable},
		"closed":                     {nats.ErrConnectionClosed, action.CodeUnavailable, action.CodeUnavailable},
		"not connected":              {nats.ErrReconnectBufExceeded, action.CodeUnavailable, action.CodeUnavailable},
		"disconnected":               {nats.ErrDisconnected, action.CodeUnavailable, action.CodeUnavailable},
		"reconnecting":               {nats.ErrConnectionReconnecting, action.CodeUnavailable, action.CodeUnavailable},
		"no answer in time":          {nats.ErrTimeout, action.CodeUnavailable, action.CodeNotStored},
		"our time is over":           {context.DeadlineExceeded, action.CodeUnavailable, action.CodeNotStored},
		"cancelled":                  {context.Canceled, action.CodeCancelled, action.CodeNotStored},
		"too large":                  {nats.ErrMaxPayload, action.CodeTooLarge, action.CodeTooLarge},
		"no stream":                  {jetstream.ErrStreamNotFound, action.CodeMissing, action.CodeMissing},
		"no bucket":                  {jetstream.ErrBucketNotFound, action.CodeMissing, action.CodeMissing},
		"no stream, says a watch":    {nats.ErrStreamNotFound, action.CodeMissing, action.CodeMissing},
		"full":                       {api(503, bus.CodeStreamFull), action.CodeStreamFull, action.CodeStreamFull},
		"no resources":               {api(503, bus.CodeResources), action.CodeStreamFull, action.CodeStreamFull},
		"nothing reserved":           {api(500, bus.CodeNoReservation), action.CodeStreamFull, action.CodeStreamFull},
		"there already":              {jetstream.ErrKeyExists, action.CodeConflict, action.CodeConflict},
		"changed":                    {api(400, bus.CodeWrongLastSeq), action.CodeConflict, action.CodeConflict},
		"changed, says a replica":    {api(400, 10164), action.CodeConflict, action.CodeConflict},
		"changed, by its message id": {api(400, bus.CodeWrongLastMsgID), action.CodeConflict, action.CodeConflict},
		"busy":                       {api(503, stream10008), action.CodeUnavailable, action.CodeUnavailable},
		"refused":                    {api(400, 10003), action.CodeInternal, action.CodeNotStored},
		"anything else":              {errors.New("something"), action.CodeInternal, action.CodeNotStored},
		"ours already":               {action.NewError(action.CodeGone, action.StageInvoke, "it said no"), action.CodeGone, action.CodeGone},
	} {
		for _, err := range []error{c.err, fmt.Errorf("key.of.something: %w", c.err)} {
			for want, failure := range map[*action.Error]action.Code{bus.Failure(err): c.failed, bus.NotStored(err): c.unstored} {
				require.Equal(t, failure, want.Code, name)
				require.ErrorIs(t, want, c.err, name)
				require.NotContains(t, want.Message, "as the server says it", name)
			}
		}
	}
	require.EqualValues(t, 10164, bus.CodeWrongLastSeqOnce)
}

// TestMissingStreams: what is asked of a stream that somebody has deleted says
// which it is, and not that NATS is away. The other instance goes on.
func TestMissingStreams(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	pair := bustest.Pair(t, s.Connect(t, bus.Options{}))
	ctx := bustest.Within(t, 60*time.Second)
	asks := map[string]func(bus.Instance) error{
		"publish": func(i bus.Instance) error {
			_, err := i.Publish(ctx, bus.NewEvent{AggregateID: "u", Type: "a"})
			return err
		},
		"async":         func(i bus.Instance) error { return i.StoreAsync(ctx, bus.AsyncDelivery{ID: "x", Target: "hook"}) },
		"last sequence": func(i bus.Instance) error { _, err := i.LastSequence(ctx); return err },
		"sequence at":   func(i bus.Instance) error { _, err := i.SequenceAt(ctx, time.Unix(0, 0)); return err },
		"state":         func(i bus.Instance) error { _, err := i.State(ctx, i.Dead); return err },
		"ready":         func(i bus.Instance) error { return i.Ready(ctx, i.ID) },
	}
	of := map[string]func(bus.Instance) string{
		"async": func(i bus.Instance) string { return i.Async }, "state": func(i bus.Instance) string { return i.Dead },
	}
	for _, i := range pair {
		for _, ask := range asks { // what is known of the stream is remembered
			require.NoError(t, ask(i))
		}
	}
	js := s.JetStream(t)
	for _, name := range []string{pair[0].Events, pair[0].Async, pair[0].Dead} {
		require.NoError(t, js.DeleteStream(ctx, name))
	}
	for name, ask := range asks {
		err := ask(pair[0])
		bustest.Code(t, action.CodeMissing, err)
		want := pair[0].Events
		if of[name] != nil {
			want = of[name](pair[0])
		}
		require.ErrorContains(t, err, want, name)
		require.NotContains(t, err.Error(), "cannot be reached", name)
		require.NoError(t, ask(pair[1]), name)
	}
	require.NoError(t, pair[0].EnsureStreams(ctx))
	for name, ask := range asks {
		require.NoError(t, ask(pair[0]), "%s, of one that was made again", name)
	}
}

// TestMissingBucket is the same for a bucket, which both instances share.
func TestMissingBucket(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	pair := bustest.Pair(t, s.Connect(t, bus.Options{}))
	ctx := bustest.Within(t, 60*time.Second)
	none := func(bus.Value) error { return nil }
	asks := map[string]func(k bus.Bucket, key string) error{
		"get":    func(k bus.Bucket, key string) error { _, _, err := k.Get(ctx, key); return err },
		"put":    func(k bus.Bucket, key string) error { return k.Put(ctx, key, nil) },
		"make":   func(k bus.Bucket, key string) error { _, err := k.Update(ctx, key+".made", nil, 0); return err },
		"change": func(k bus.Bucket, key string) error { _, err := k.Update(ctx, key, nil, 7); return err },
		"purge":  func(k bus.Bucket, key string) error { return k.Purge(ctx, key) },
		"sweep":  func(k bus.Bucket, key string) error { return k.Sweep(ctx, bus.Value{Key: key, Revision: 1}) },
		"each":   func(k bus.Bucket, key string) error { return k.Each(ctx, key, none) },
		"keys":   func(k bus.Bucket, key string) error { _, err := k.Keys(ctx, key); return err },
	}
	js := s.JetStream(t)
	for _, opened := range []bool{true, false} {
		b := pair[0].Bus
		if opened {
			_, _, err := b.Bucket(bus.BucketSecrets).Get(ctx, "nothing")
			require.NoError(t, err)
			require.NoError(t, js.DeleteKeyValue(ctx, bus.BucketSecrets))
		} else {
			b = s.Connect(t, bus.Options{})
		}
		for name, ask := range asks {
			for _, i := range pair {
				err := ask(b.Bucket(bus.BucketSecrets), i.Token+".key")
				bustest.Code(t, action.CodeMissing, err)
				require.ErrorContains(t, err, "KV_callout_secrets", name)
				require.NotContains(t, err.Error(), "cannot be reached", name)
			}
		}
	}
	require.NoError(t, pair[0].EnsureInstallation(ctx))
	for _, i := range pair {
		require.NoError(t, i.Bucket(bus.BucketSecrets).Put(ctx, i.Token+".key", nil), "one that was made again")
	}
}

// TestServerThatDoesNotAnswer is not taken for one that has lost something, and
// who waited for it is not kept waiting to find that out.
func TestServerThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	pair := bustest.Pair(t, s.Connect(t, bus.Options{}))
	_, _, err := pair[0].Bucket(bus.BucketSecrets).Get(bustest.Within(t, 10*time.Second), "key")
	require.NoError(t, err)
	require.NoError(t, s.DisableJetStream())
	var all sync.WaitGroup
	for _, i := range pair {
		ctx := bustest.Within(t, time.Minute)
		for name, ask := range map[string]func() error{
			"publish": func() error { _, err := i.Publish(ctx, bus.NewEvent{AggregateID: "u", Type: "a"}); return err },
			"read":    func() error { _, _, err := i.Bucket(bus.BucketSecrets).Get(ctx, "key"); return err },
			"ask":     func() error { _, err := i.LastSequence(bustest.Within(t, time.Second)); return err },
		} {
			all.Go(func() {
				assert.Equal(t, action.CodeUnavailable, action.CodeOf(ask()), name)
				assert.NoError(t, ctx.Err(), name)
			})
		}
	}
	all.Wait()
}
