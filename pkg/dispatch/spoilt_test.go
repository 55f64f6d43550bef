package dispatch_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/bus/revisions"
	"github.com/callout-hq/callout/pkg/wire"
)

// TestWhatIsSpoiltIsPutRight: somebody else writes into what is kept of an instance,
// each time in another one. Where a dispatcher knows what stood there it stands
// again, and readiness is quiet; the neighbours are as they were.
func TestWhatIsSpoiltIsPutRight(t *testing.T) {
	t.Parallel()
	f, r := newFleet(t), newReceiver(t)
	d := f.patient()
	put := func(ctx context.Context, bucket, key, value string) error {
		_, err := f.bucket(bucket).Put(ctx, key, []byte(value))
		return err
	}
	spoils := map[string]func(ctx context.Context, token string, w *whole) error{
		"nothing": func(context.Context, string, *whole) error { return nil },
		"a key": func(ctx context.Context, token string, _ *whole) error {
			return put(ctx, bus.BucketSecrets, token+".=.x", "short")
		},
		"a line": func(ctx context.Context, token string, w *whole) error {
			return put(ctx, bus.BucketLines, token+".line."+w.linesOf(t)[0].Name, "{")
		},
		"a lost line": func(ctx context.Context, token string, w *whole) error {
			return f.bucket(bus.BucketLines).Purge(ctx, token+".line."+w.linesOf(t)[0].Name)
		},
		"an old root": func(ctx context.Context, token string, _ *whole) error {
			return put(ctx, bus.BucketCatalog, token+".root", `{"revision":1,"cut":2,"format":1}`)
		},
		"a bad root": func(ctx context.Context, token string, _ *whole) error {
			return put(ctx, bus.BucketCatalog, token+".root", "garbage")
		},
		"a marker": func(ctx context.Context, _ string, w *whole) error {
			_, err := f.js.Publish(ctx, wire.Marker(w.id), []byte(`{"revision":1}`))
			return err
		},
		"conditions": func(ctx context.Context, token string, _ *whole) error {
			return put(ctx, bus.BucketConditions, token, `{"format":1,"revision":99,"chunks":[]}`)
		},
	}
	all := map[string]*whole{}
	for name := range spoils {
		all[name] = tenant{f, name}.whole(t, d, r)
	}
	for name, w := range all { // it is known by now, or nobody could put it back
		require.Eventually(t, func() bool { return d.Looked(w.bus().Instance(w.id).Events).Messages == 5 }, time.Minute, 10*time.Millisecond, name)
	}
	for name, spoil := range spoils {
		require.NoError(t, spoil(within(t, 20*time.Second), wire.Token(name), all[name]), name)
	}
	for name, w := range all {
		require.Eventually(t, func() bool {
			i := w.bus().Instance(w.id)
			ctx := within(t, 20*time.Second)
			root, _, err := revisions.Of(i).Current(ctx)
			handed, _ := revisions.Of(i).ConditionsRevision(ctx)
			key, _, _ := i.Secret(ctx, "", "x")
			some, _ := lines.Of(i).List(ctx)
			latest, _, latestErr := revisions.Of(i).Latest(ctx)
			return err == nil && latestErr == nil && root.Revision == w.revision && handed == w.revision && latest.Revision == w.revision && key == w.key && len(some) == 5
		}, time.Minute, 20*time.Millisecond, "%s: %s", name, d.log)
		w.stands(t, name)
		require.Equal(t, w.names, w.namesOf(t), name)
	}
	require.Eventually(t, func() bool {
		got := d.ready(t)
		return got.status == http.StatusOK && !strings.Contains(got.body, "warnings")
	}, time.Minute, 50*time.Millisecond, "%s", lazily(func() any { return d.ready(t).body }))
	require.NotContains(t, d.log.String(), `"instance":"nothing","found"`, "it was left alone")
}
