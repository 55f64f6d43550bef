package revisions_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/revisions"
)

// TestWhatIsNewIsFound: an instance that was made a moment ago, and has not been heard of
// here, is waited for; one that is not there is refused.
func TestWhatIsNewIsFound(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx := bustest.Within(t, time.Minute)
		gone, let, deaf := s.Connect(t, bus.Options{}).Instance("gone of "+i.ID), make(chan struct{}), make(chan struct{}, 10)
		bustest.Prepared(t, gone.Bus, gone.ID)
		made(t, gone, 1, wide)
		hear := sync.OnceFunc(func() { close(let) })
		defer hear()
		catalogs, first := revisions.FollowDeleted(ctx, i.Bus, func(instance string) { // and hears nothing meanwhile
			if instance == gone.ID {
				deaf <- struct{}{}
				<-let
			}
		})
		<-first
		require.NoError(t, revisions.Of(gone).Delete(ctx))
		<-deaf
		_, err := catalogs.Find(ctx, i.ID)
		bustest.Code(t, action.CodeUnknownInstance, err)
		made(t, i, 1, wide)
		_, err = catalogs.Of(i.ID).AtLeast(ctx, 0)
		bustest.Code(t, action.CodeUnknownInstance, err)
		found := make(chan error, 1)
		go func() {
			c, err := catalogs.Find(ctx, i.ID)
			if err == nil {
				_, err = c.AtLeast(ctx, 1)
			}
			found <- err
		}()
		select {
		case err := <-found:
			require.NoError(t, err)
			require.Fail(t, "found before it was heard of")
		case <-time.After(100 * time.Millisecond):
		}
		hear()
		require.NoError(t, <-found)
		_, err = catalogs.Find(ctx, "nobody")
		bustest.Code(t, action.CodeUnknownInstance, err)
	})
}
