package node_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/dispatch"
	"github.com/callout-hq/callout/pkg/node"
)

// TestRestartsRefuseNobodyForGood restarts two dispatchers in turn while events
// are published through both: a publisher is told to come again at most, never
// that an instance is unknown, which would be final.
func TestRestartsRefuseNobodyForGood(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	end := make(chan struct{})
	var publishers sync.WaitGroup
	for _, id := range twoInstances {
		for range 3 {
			publishers.Go(func() { f.publishing(id, end) })
		}
	}
	for round := range 2 * times(t, 4) {
		n := round % 2
		listen := strings.TrimPrefix(f.url(n), "http://")
		require.NoError(t, f.dispatchers[n].Stop(within(t, 10*time.Second)))
		d := f.dispatcher(listen)
		f.mu.Lock()
		f.dispatchers[n] = d
		f.mu.Unlock()
		for _, id := range twoInstances {
			f.awaitFlow(id)
		}
	}
	close(end)
	publishers.Wait()
	require.Empty(t, f.wrong)
}

// TestAnUnreadableInstanceHoldsUpNoOther: its routes tell to come again, those of
// the other one answer, and readiness says it.
func TestAnUnreadableInstanceHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	kv, err := f.js.KeyValue(t.Context(), "callout_catalog")
	require.NoError(t, err)
	_, err = kv.Put(t.Context(), "default.rev.1", []byte("garbage"))
	require.NoError(t, err)
	require.NoError(t, f.dispatchers[1].Stop(within(t, 10*time.Second)))
	d := f.dispatcher("127.0.0.1:0")
	f.mu.Lock()
	f.dispatchers[1] = d
	f.mu.Unlock()
	status, body := f.post(1, twoInstances[0], "0-1")
	require.Equal(t, http.StatusServiceUnavailable, status, "%s", body)
	require.Contains(t, string(body), `"unreadable"`)
	status, body = f.post(1, twoInstances[1], "1-1")
	require.Equal(t, http.StatusAccepted, status, "%s", body)
	status, text := f.ready(1)
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, text, "revision 1")
}

// TestANewerCatalogIsRefused by who runs and by who starts: it is no empty one.
func TestANewerCatalogIsRefused(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	ctx := within(t, time.Minute)
	kv, err := f.js.KeyValue(ctx, "callout_catalog")
	require.NoError(t, err)
	_, err = kv.Put(ctx, "default.root", fmt.Appendf(nil, `{"format":%d,"revision":9,"cut":9}`, action.Format+1))
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		status, body := f.ready(0)
		return status == http.StatusServiceUnavailable && strings.Contains(body, `"newer"`)
	}, time.Minute, 10*time.Millisecond, "a value of it")
	status, body := f.post(0, twoInstances[0], "0-1")
	require.Equal(t, http.StatusAccepted, status, "what was in force stays: %s", body)
	f.number(f.bus().Instance("").Needed()[0], action.Format+1)
	_, err = dispatch.Start(within(t, 20*time.Second), dispatch.Options{Bus: f.bus(), Log: zerolog.Nop(), Listen: "127.0.0.1:0"})
	require.Equal(t, action.CodeNewer, action.CodeOf(err), "%v", err)
	require.ErrorContains(t, err, "KV_callout_catalog")
}

// number writes the number of a form on a stream.
func (f *fleet) number(stream string, format int) {
	f.t.Helper()
	s, err := f.js.Stream(f.t.Context(), stream)
	require.NoError(f.t, err)
	cfg := s.CachedInfo().Config
	cfg.Metadata["callout_format"] = fmt.Sprint(format)
	_, err = f.js.UpdateStream(f.t.Context(), cfg)
	require.NoError(f.t, err)
}

// TestNewerEventsAreHeld by a worker that runs: none is acknowledged unread, and
// all are delivered when it can read them.
func TestNewerEventsAreHeld(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	ctx, b := within(t, time.Minute), f.bus()
	for n, id := range twoInstances { // the worker has looked once
		status, body := f.post(0, id, fmt.Sprintf("%d-0", n))
		require.Equal(t, http.StatusAccepted, status, "%s", body)
		require.Eventually(t, func() bool { return f.arrived(id) == 1 }, time.Minute, 10*time.Millisecond)
		f.number(b.Instance(id).Events, action.Format+1)
	}
	arrived := func() bool { return f.arrived(twoInstances[0])+f.arrived(twoInstances[1]) > 2 }
	require.Never(t, arrived, 3*time.Second, 100*time.Millisecond, "nothing has come; by then it has looked again")
	for n, id := range twoInstances {
		_, err := b.Instance(id).Publish(ctx, bus.NewEvent{ID: fmt.Sprint(n), AggregateID: "u", Type: "user.added",
			Body: fmt.Appendf(nil, `{"userID":"%d-1","aggregateID":"u","event_type":"user.added"}`, n)})
		require.NoError(t, err)
	}
	require.Never(t, arrived, 3*time.Second, 100*time.Millisecond)
	for _, id := range twoInstances {
		f.number(b.Instance(id).Events, action.Format)
		require.Eventually(t, func() bool { return f.arrived(id) == 2 }, time.Minute, 10*time.Millisecond)
	}
}

// TestReadinessTellsOfABrokenFile, and stays green: what was good is in force.
func TestReadinessTellsOfABrokenFile(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	path := filepath.Join(t.TempDir(), "callout.yaml")
	good := strings.ReplaceAll(oneHook, "HOOKS", hooks.URL)
	require.NoError(t, os.WriteFile(path, []byte(good), 0o600))
	r := run(t, hooks, "", func(o *node.Options) { o.Config, o.File = nil, path })
	answer := func() (status int, body string) {
		f := fleet{dispatchers: [2]*dispatch.Dispatcher{r.Dispatcher()}}
		return f.ready(0)
	}
	status, body := answer()
	require.Equal(t, 200, status, body)
	require.NotContains(t, body, "warnings")
	require.NoError(t, os.WriteFile(path, []byte("targets: ["), 0o600))
	require.Eventually(t, func() bool {
		status, body = answer()
		return status == 200 && strings.Contains(body, "callout.yaml")
	}, time.Minute, 10*time.Millisecond, body)
	require.NotContains(t, body, filepath.Dir(path))
	require.NoError(t, os.WriteFile(path, []byte(good+"\n"), 0o600))
	require.Eventually(t, func() bool { _, body = answer(); return !strings.Contains(body, "warnings") }, time.Minute, 10*time.Millisecond)
}

// TestAnEmptiedDirectoryStartsCleanly between two runs of a node.
func TestAnEmptiedDirectoryStartsCleanly(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	for round := range 2 {
		t.Run(fmt.Sprint("round ", round), func(t *testing.T) {
			hooks := newTargets(t)
			r := run(t, hooks, oneHook, func(o *node.Options) { o.Data = data })
			r.publish(t, event("u", "user.added", 1))
			hooks.await(t, "hook", 1)
		})
		require.NoError(t, os.RemoveAll(data))
	}
}
