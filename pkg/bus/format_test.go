package bus_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
)

// TestReadableAsksSeldom, however many want to know, and hears of a newer version
// all the same.
func TestReadableAsksSeldom(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, js, nc := bustest.Within(t, time.Minute), s.JetStream(t), s.Plain(t)
		asked, err := nc.SubscribeSync("$JS.API.STREAM.INFO." + i.Dead)
		require.NoError(t, err)
		require.NoError(t, nc.Flush())
		began, own := time.Now(), s.Connect(t, bus.Options{})
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				for range 20 {
					assert.NoError(t, own.Readable(ctx, i.Dead))
				}
			})
		}
		all.Wait()
		require.NoError(t, own.Conn().Flush())
		require.NoError(t, nc.Flush())
		count, _, err := asked.Pending()
		require.NoError(t, err)
		require.LessOrEqual(t, count, 1+int(time.Since(began)/(2*time.Second)), "of 1000 questions")
		require.NotZero(t, count)

		cfg := configOf(t, js, i.Dead)
		cfg.Metadata["callout_format"] = fmt.Sprint(action.Format + 1)
		_, err = js.UpdateStream(ctx, cfg)
		require.NoError(t, err)
		require.Eventually(t, func() bool { return own.Readable(ctx, i.Dead) != nil }, time.Minute, 5*time.Millisecond)
		bustest.Code(t, action.CodeNewer, own.Readable(ctx, i.Dead))
		require.NoError(t, own.Readable(ctx, i.Async), "another stream is none the worse")
		bustest.Code(t, action.CodeMissing, own.Readable(ctx, own.Instance("nobody").Dead))
	})
}

// TestWhoStartsAsksForFormats of what is there: what is missing is none of its
// business, and neither is a server that is away.
func TestWhoStartsAsksForFormats(t *testing.T) {
	t.Parallel()
	s, ctx := bustest.Start(t), bustest.Within(t, 30*time.Second)
	b, js := s.Connect(t, bus.Options{}), s.JetStream(t)
	require.NoError(t, b.CheckFormats(ctx), "nothing is there yet")
	for _, i := range bustest.Pair(t, b) {
		cfg := configOf(t, js, i.Events) // is its instance's business
		cfg.Metadata["callout_format"] = "99"
		_, err := js.UpdateStream(ctx, cfg)
		require.NoError(t, err)
	}
	require.NoError(t, b.CheckFormats(ctx))
	for format, want := range map[string]action.Code{"": "", fmt.Sprint(action.Format): "", "99": action.CodeNewer, "next": action.CodeNewer} {
		cfg := configOf(t, js, bus.BucketStream(bus.BucketJobs))
		cfg.Metadata["callout_format"] = format
		_, err := js.UpdateStream(ctx, cfg)
		require.NoError(t, err)
		bustest.Code(t, want, b.CheckFormats(ctx))
	}
	b.Close()
	require.NoError(t, b.CheckFormats(ctx))
}

// TestMessagesTellTheirFormat when they have no body of ours.
func TestMessagesTellTheirFormat(t *testing.T) {
	t.Parallel()
	h := nats.Header{}
	require.NoError(t, bus.CheckMessage(h), "format 1 had no number")
	bus.SetFormat(h)
	require.NoError(t, bus.CheckMessage(h))
	h.Set("Callout-Format", fmt.Sprint(action.Format+1))
	bustest.Code(t, action.CodeNewer, bus.CheckMessage(h))
	require.ErrorContains(t, bus.CheckMessage(h), "a newer version of Callout")
}
