package dispatch_test

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/attempts"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/dispatch"
)

func containsAll(text string, parts ...string) bool {
	return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(text, part) })
}

func ready(t *testing.T, d *running) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(within(t, 20*time.Second), http.MethodGet, d.URL()+"/readyz", nil)
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	return answer.StatusCode, string(body)
}

// TestTheLogOfAttemptsIsLookedAfter: it is made with its instance and made again
// when it is gone. That it cannot be is a warning, and nothing else.
func TestTheLogOfAttemptsIsLookedAfter(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	d := f.dispatcher()
	both(t, f, func(t *testing.T, of tenant) {
		ctx := within(t, time.Minute)
		_, err := d.Instance(of.id).Apply(ctx, catalog.Empty(of.id))
		require.NoError(t, err)
		b := f.bus().Instance(of.id)
		stream, err := f.js.Stream(ctx, b.Attempts)
		require.NoError(t, err, "it is made with the instance")
		made := stream.CachedInfo().Created
		require.NoError(t, f.js.DeleteStream(ctx, b.Attempts))
		require.Eventually(t, func() bool {
			stream, err := f.js.Stream(ctx, b.Attempts)
			return err == nil && stream.CachedInfo().Created.After(made)
		}, time.Minute, 10*time.Millisecond)

		require.NoError(t, f.js.DeleteStream(ctx, b.Attempts))
		stranger := jetstream.StreamConfig{Name: "stranger-" + b.Attempts, Subjects: []string{"callout.attempt." + b.Token + ".>"}}
		require.Eventually(t, func() bool {
			_, err := f.js.CreateStream(ctx, stranger)
			if err != nil {
				_ = f.js.DeleteStream(ctx, b.Attempts) // it was made again first
			}
			return err == nil
		}, time.Minute, time.Millisecond)
		require.Eventually(t, func() bool {
			status, body := ready(t, d)
			require.Equal(t, http.StatusOK, status, body)
			return containsAll(body, "attempts is not recorded", b.Attempts)
		}, time.Minute, 10*time.Millisecond)
		_, err = d.Instance(of.id).Deliveries(ctx, attempts.Filter{}, 10, nil)
		require.Equal(t, action.CodeMissing, action.CodeOf(err), "%v", err)
		require.NoError(t, f.js.DeleteStream(ctx, stranger.Name))
		require.Eventually(t, func() bool {
			_, body := ready(t, d)
			return !containsAll(body, b.Attempts)
		}, time.Minute, 10*time.Millisecond)
	})
}

// TestNoLogOfAttempts: who starts to keep none takes away what there is, and looks
// after nothing.
func TestNoLogOfAttempts(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	first := f.dispatcher()
	for _, id := range instances {
		_, err := first.Instance(id).Apply(within(t, 20*time.Second), catalog.Empty(id))
		require.NoError(t, err)
	}
	require.NoError(t, first.Stop(within(t, 20*time.Second)))
	none := f.dispatcherWith(f.busAt(f.url, bus.Options{AttemptsAge: bus.NoAttempts}), dispatch.Options{}.Hurried(hurried, 2*hurried))
	both(t, f, func(t *testing.T, of tenant) {
		_, err := f.js.Stream(within(t, 20*time.Second), f.bus().Instance(of.id).Attempts)
		require.ErrorIs(t, err, jetstream.ErrStreamNotFound)
		_, err = none.Instance(of.id).Attempts(within(t, 20*time.Second), "a", 0)
		require.Equal(t, action.CodeNotFound, action.CodeOf(err), "%v", err)
		require.ErrorContains(t, err, "--attempts-age")
	})
	status, body := ready(t, none)
	require.Equal(t, http.StatusOK, status)
	require.NotContains(t, body, "attempts")
}
