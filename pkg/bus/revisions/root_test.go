package revisions_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/revisions"
)

func TestRoots(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	pair := bustest.Pair(t, s.Connect(t, bus.Options{}))
	ctx := bustest.Within(t, 30*time.Second)
	none, err := revisions.Roots(ctx, pair[0].Bus)
	require.NoError(t, err)
	require.Empty(t, none)
	for n, i := range pair {
		versions := made(t, i, n+1, snapshot)
		current, ok, err := revisions.Of(i).Current(ctx)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, revisions.Root{Format: action.Format, Revision: uint64(n + 1), Cut: versions[n+1].Cut}, current)
	}
	_, err = s.Bucket(t, bus.BucketCatalog).Put(ctx, "no=token.root", []byte("{}"))
	require.NoError(t, err)
	all, err := revisions.Roots(ctx, pair[0].Bus)
	require.NoError(t, err)
	require.ElementsMatch(t, bustest.IDs, all, "what is no name is left out")
}

// TestNewerFormats: what a newer version has stored is refused by name, and the
// catalog that is in force stays.
func TestNewerFormats(t *testing.T) {
	t.Parallel()
	newer := action.Format + 1
	for name, store := range map[string]func(t *testing.T, s *bustest.Server, i bus.Instance){
		"root": func(t *testing.T, s *bustest.Server, i bus.Instance) {
			_, err := s.Bucket(t, bus.BucketCatalog).Put(bustest.Within(t, 10*time.Second), i.Token+".root", fmt.Appendf(nil, `{"format":%d,"revision":2}`, newer))
			require.NoError(t, err)
		},
		"manifest": func(t *testing.T, s *bustest.Server, i bus.Instance) {
			kv, ctx := s.Bucket(t, bus.BucketCatalog), bustest.Within(t, 10*time.Second)
			_, err := kv.Put(ctx, i.Token+".rev.2", fmt.Appendf(nil, `{"format":%d,"revision":2,"chunks":[]}`, newer))
			require.NoError(t, err)
			_, err = s.JetStream(t).Publish(ctx, "callout.catalog."+i.Token, []byte(`{"revision":2}`))
			require.NoError(t, err)
			_, err = kv.Put(ctx, i.Token+".root", fmt.Appendf(nil, `{"format":%d,"revision":2}`, action.Format))
			require.NoError(t, err)
			_, err = revisions.Of(i).Version(ctx, 2, nil)
			bustest.Code(t, action.CodeNewer, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
				ctx := bustest.Within(t, 30*time.Second)
				made(t, i, 1, snapshot)
				catalogs, first := revisions.Follow(ctx, i.Bus)
				<-first
				require.NoError(t, catalogs.Of(i.ID).Fault())
				store(t, s, i)
				require.Eventually(t, func() bool { return catalogs.Of(i.ID).Fault() != nil }, time.Minute, time.Millisecond)
				bustest.Code(t, action.CodeNewer, catalogs.Of(i.ID).Fault())
				m, err := catalogs.Of(i.ID).AtLeast(ctx, 0)
				require.NoError(t, err)
				require.Equal(t, at(i, 1), urlOf(m), "the old one is in force")

				fresh, first := revisions.Follow(ctx, i.Bus)
				<-first
				_, err = fresh.Of(i.ID).AtLeast(ctx, 0)
				bustest.Code(t, action.CodeNewer, err)
				require.ErrorContains(t, err, "a newer version of Callout")
			})
		})
	}
}

func TestUnreadableRoot(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx := bustest.Within(t, 30*time.Second)
		_, err := s.Bucket(t, bus.BucketCatalog).Put(ctx, i.Token+".root", []byte("root"))
		require.NoError(t, err)
		_, _, err = revisions.Of(i).Current(ctx)
		bustest.Code(t, action.CodeUnreadable, err)
		all, err := revisions.Roots(ctx, i.Bus)
		require.NoError(t, err)
		require.Contains(t, all, i.ID)
		catalogs, first := revisions.Follow(ctx, i.Bus)
		<-first
		_, err = catalogs.Of(i.ID).AtLeast(ctx, 0)
		bustest.Code(t, action.CodeUnreadable, err)
		require.NotContains(t, catalogs.Instances(), i.ID)
		require.Contains(t, catalogs.Known(), i.ID)
	})
}
