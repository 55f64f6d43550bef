package present_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/present"
)

func TestMain(m *testing.M) { bustest.Main(m) }

// TestWhoIsThere has processes of both roles come, tell how much they have in
// hand, and go.
func TestWhoIsThere(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	b := s.Connect(t, bus.Options{})
	require.NoError(t, b.EnsureInstallation(bustest.Within(t, 20*time.Second)))
	ids := func(role action.Role) (ids []string) {
		all, err := present.List(bustest.Within(t, 10*time.Second), b, role)
		require.NoError(t, err)
		for _, p := range all {
			require.Equal(t, role, p.Role)
			require.WithinDuration(t, time.Now(), p.Seen, time.Minute)
			ids = append(ids, p.ID)
		}
		return ids
	}
	keep := func(p action.Presence) (leave func()) {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); present.Keep(ctx, b, func() action.Presence { return p }) }()
		return func() { cancel(); <-done }
	}
	older, newer := present.Self(action.RoleWorker, ""), present.Self(action.RoleWorker, "v1.2.3")
	older.Started, newer.Deliveries = older.Started.Add(-time.Hour), 3
	dispatcher := present.Self(action.RoleDispatcher, "v1.2.3")
	leaveNewer, leaveOlder, leaveDispatcher := keep(newer), keep(older), keep(dispatcher)
	defer leaveDispatcher()
	require.Eventually(t, func() bool { return len(ids(action.RoleWorker)) == 2 && len(ids(action.RoleDispatcher)) == 1 }, time.Minute, 20*time.Millisecond)
	require.Equal(t, []string{older.ID, newer.ID}, ids(action.RoleWorker), "who started first comes first")
	require.Equal(t, []string{dispatcher.ID}, ids(action.RoleDispatcher))
	all, err := present.List(t.Context(), b, action.RoleWorker)
	require.NoError(t, err)
	require.Equal(t, "dev", all[0].Version)
	require.Equal(t, "v1.2.3", all[1].Version)
	require.Equal(t, 3, all[1].Deliveries)

	leaveOlder()
	require.Equal(t, []string{newer.ID}, ids(action.RoleWorker), "who stops is gone at once")

	kv := s.Bucket(t, bus.BucketPresent)
	status, err := kv.Status(t.Context())
	require.NoError(t, err)
	require.Equal(t, bus.PresentFor, status.TTL(), "who dies is gone soon")
	for key, value := range map[string]string{
		"worker.x": `{"id":"x","role":"dispatcher"}`, "worker.y": `{"id":"z","role":"worker"}`, "worker.none": `{`, "worker.w": `{"id":"w","role":"worker","calls":-1}`,
		"worker.v": `{"id":"v","role":"worker","version":"\u0007"}`,
	} {
		_, err := kv.Put(t.Context(), key, []byte(value))
		require.NoError(t, err)
	}
	require.Equal(t, []string{newer.ID}, ids(action.RoleWorker), "what is none is left out")
	leaveNewer()
}
