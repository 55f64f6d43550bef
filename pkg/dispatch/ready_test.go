package dispatch_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/wire"
)

// TestWhatReadinessSays: what keeps nobody from publishing is a warning, by its name
// and not by where it lies; what only a newer version reads is no longer served.
func TestWhatReadinessSays(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	d := f.dispatcher()
	for _, id := range instances {
		tenant{f, id}.change(t, d, func(*catalog.Snapshot) *catalog.Snapshot {
			return catalog.Empty(id).WithTarget("", hook("a", "https://a.example"))
		})
	}
	says := func(status int, is func(body string) bool) {
		t.Helper()
		require.Eventually(t, func() bool { got := d.ready(t); return got.status == status && is(got.body) }, time.Minute, 20*time.Millisecond,
			"%s", lazily(func() any { return d.ready(t).body }))
	}
	quiet := func(body string) bool { return strings.TrimSpace(body) == `{"status":"ready"}` }
	says(http.StatusOK, quiet)

	dir := t.TempDir()
	file := filepath.Join(dir, "callout.yaml")
	rewrite(t, file, twoTargets)
	follow(t, d, file)
	rewrite(t, file, "targets: [")
	says(http.StatusOK, func(body string) bool {
		return strings.Contains(body, "the file callout.yaml is not in force, the last good configuration is") && !strings.Contains(body, dir)
	})
	rewrite(t, file, twoTargets)
	says(http.StatusOK, quiet)

	keys := f.bucket(bus.BucketSecrets)
	for n := range 12 {
		_, err := keys.Put(within(t, 20*time.Second), fmt.Sprintf("%s.=.nobody%d", wire.Token(instances[n%2]), n), []byte("short"))
		require.NoError(t, err)
	}
	says(http.StatusOK, func(body string) bool {
		return strings.Count(body, "unreadable, and left out: ") == 10 && strings.Contains(body, "2 more entries are unreadable, and left out")
	})
	for n := range 12 {
		require.NoError(t, keys.Purge(within(t, 20*time.Second), fmt.Sprintf("%s.=.nobody%d", wire.Token(instances[n%2]), n)))
	}
	says(http.StatusOK, quiet)
	require.NoError(t, d.Stop(within(t, 20*time.Second)))

	_, err := f.bucket(bus.BucketCatalog).Put(within(t, 20*time.Second), wire.Token(instances[1])+".root", []byte(`{"format":99,"revision":1,"cut":2}`))
	require.NoError(t, err)
	d = f.dispatcher()
	says(http.StatusServiceUnavailable, func(body string) bool { return strings.Contains(body, `"code":"newer"`) })
	_, err = d.Instance(instances[0]).Catalog(within(t, 20*time.Second), 0)
	require.NoError(t, err, "the other instance is served")
}
