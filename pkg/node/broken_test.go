package node_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/embed"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/catalog/file"
	"github.com/callout-hq/callout/pkg/node"
)

// TestStartOnABrokenCatalog: nothing starts with an empty or half one. A file
// cannot be applied over it; without one, the way back is open.
func TestStartOnABrokenCatalog(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	data := t.TempDir()
	config := func(name string) string {
		return fmt.Sprintf("targets: {%s: {type: webhook, url: %s/%s}}\nfunctions: {f: {targets: [{target: %s}]}}", name, hooks.URL, name, name)
	}
	options := node.Options{Data: data, Listen: "127.0.0.1:0", NATSListen: "127.0.0.1:0", AckWait: time.Second, Log: zerolog.Nop()}
	began := options
	began.Config, began.ConfigName = []byte(config("good")), "test.yaml"
	n, err := node.Start(within(t, 10*time.Second), began)
	require.NoError(t, err)
	next, problems := file.Parse("test.yaml", []byte(config("bad")))
	require.NotNil(t, next, "%v", problems)
	_, err = n.Dispatcher().Instance("default").Apply(within(t, 10*time.Second), next)
	require.NoError(t, err)
	require.NoError(t, n.Close(within(t, 5*time.Second)))
	breakPart(t, data, "default.rev.2")

	file := filepath.Join(t.TempDir(), "callout.yaml")
	require.NoError(t, os.WriteFile(file, []byte(config("file")), 0o600))
	followed := options
	followed.File = file
	_, err = node.Start(within(t, 10*time.Second), followed)
	require.Equal(t, action.CodeUnreadable, action.CodeOf(err), "%v", err)
	require.ErrorContains(t, err, `revision 2 of the configuration of instance "default" cannot be read; the last good one is revision 1`)

	r := run(t, nil, "", func(o *node.Options) { *o = options })
	result, err := r.client.Function(within(t, 5*time.Second), "f", []byte(`{}`))
	require.Equal(t, action.CodeUnreadable, action.CodeOf(err), "a worker does not go on as if nothing were configured")
	old, err := r.Dispatcher().Instance("default").CatalogAt(within(t, 5*time.Second), 1)
	require.NoError(t, err)
	_, after, err := r.Dispatcher().Instance("default").Edit(within(t, 5*time.Second), "rollback to 1", func(*catalog.Snapshot) (*catalog.Snapshot, error) { return old, nil })
	require.NoError(t, err)
	require.EqualValues(t, 3, after)
	require.Eventually(t, func() bool {
		result, err = r.client.Function(within(t, 5*time.Second), "f", []byte(`{}`))
		return err == nil && result.Revision == 3 && result.Outcome == action.Continue
	}, time.Minute, 5*time.Millisecond)
	hooks.await(t, "good", 1)
	require.Empty(t, hooks.got("bad"))
	require.Empty(t, hooks.got("file"))
}

// breakPart garbles the parts of a stored revision.
func breakPart(t *testing.T, data, revision string) {
	t.Helper()
	s, err := embed.Start(embed.Options{Data: data, Listen: "127.0.0.1:0", Log: zerolog.Nop()})
	require.NoError(t, err)
	defer s.Close()
	nc, err := nats.Connect(s.URL())
	require.NoError(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	kv, err := js.KeyValue(ctx, "callout_catalog")
	require.NoError(t, err)
	entry, err := kv.Get(ctx, revision)
	require.NoError(t, err)
	broken := 0
	keys, err := kv.Keys(ctx)
	require.NoError(t, err)
	for _, key := range keys {
		if _, hash, isChunk := strings.Cut(key, ".chunk."); isChunk && strings.Contains(string(entry.Value()), `"`+hash+`"`) {
			_, err := kv.Put(ctx, key, []byte("garbage"))
			require.NoError(t, err)
			broken++
		}
	}
	require.NotZero(t, broken)
}
