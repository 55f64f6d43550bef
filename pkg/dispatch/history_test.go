package dispatch_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
)

// TestHistoryAndRollback: every revision tells what made it, and can be gone
// back to.
func TestHistoryAndRollback(t *testing.T) {
	t.Parallel()
	d := newFleet(t).dispatcher()
	ctx := within(t, 20*time.Second)
	_, err := d.Instance(instance).History(ctx, 0, 10)
	code(t, action.CodeUnknownInstance, err)
	_, err = d.Instance(instance).Apply(ctx, parsed(t, "targets: {a: {type: webhook, url: https://a.example}, b: {type: webhook, url: https://b.example}}"))
	require.NoError(t, err)
	first := d.meta(t, target("a"))
	d.edit(t, "api UpdateTarget", func(sc *catalog.Scope) { delete(sc.Targets, "a"); sc.Targets["b"] = hook("b", "https://c.example") })
	old, err := d.Instance(instance).CatalogAt(ctx, 1)
	require.NoError(t, err)
	require.Equal(t, "https://b.example", old.Scopes[""].Targets["b"].URL)
	meta, _ := old.MetaOf("", target("a"))
	require.Equal(t, first, meta)

	before, after, err := d.Instance(instance).Edit(ctx, "rollback to 1", func(*catalog.Snapshot) (*catalog.Snapshot, error) { return old, nil })
	require.NoError(t, err)
	require.Equal(t, []uint64{2, 3}, []uint64{before, after})
	require.True(t, catalog.Equal(old, d.now(t)))
	back := d.meta(t, target("a"))
	require.Equal(t, []any{first.ID, first.Created}, []any{back.ID, back.Created}, "it is the same again")

	list, err := d.Instance(instance).History(ctx, 0, 10)
	require.NoError(t, err)
	var lines []string
	for _, r := range list {
		require.WithinDuration(t, time.Now(), r.Made, time.Minute)
		lines = append(lines, fmt.Sprint(r.Revision, " from ", r.Before, " by ", r.Source, " +", r.Added, " ~", r.Changed, " -", r.Removed))
	}
	require.Equal(t, []string{
		"3 from 2 by rollback to 1 +1 ~1 -0",
		"2 from 1 by api UpdateTarget +0 ~1 -1",
		"1 from 0 by apply +2 ~0 -0",
	}, lines)
	list, err = d.Instance(instance).History(ctx, 3, 1)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.EqualValues(t, 2, list[0].Revision)

	for _, limit := range []int{0, -1, 1001} {
		_, err = d.Instance(instance).History(ctx, 0, limit)
		code(t, action.CodeBadField, err)
	}
	_, err = d.Instance(instance).CatalogAt(ctx, 4)
	code(t, action.CodeNotFound, err)
	empty, err := d.Instance(instance).CatalogAt(ctx, 0)
	require.NoError(t, err)
	require.True(t, catalog.Equal(catalog.Empty(instance), empty))
	_, err = d.Instance("nobody").CatalogAt(ctx, 1)
	code(t, action.CodeUnknownInstance, err)
}

// TestWatch: the one in force, then the newest; who is slow misses some.
func TestWatch(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	d := f.dispatcher()
	d.edit(t, "first", add("a", "https://1.example"))
	seen, goOn := make(chan action.Revision, 9), make(chan bool, 9)
	ctx, cancel := context.WithCancel(within(t, time.Minute))
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- d.Instance(instance).Watch(ctx, 0, func(r action.Revision) error {
			seen <- r
			select {
			case <-goOn:
			case <-t.Context().Done():
			}
			return nil
		})
	}()
	r := receive(t, seen)
	require.Equal(t, []any{uint64(1), "first", 1}, []any{r.Revision, r.Source, r.Added})
	for i := range 5 {
		f.dispatcher().edit(t, fmt.Sprint("edit ", i), add("a", fmt.Sprint("https://", i+2, ".example")))
	}
	_, err := d.Instance(instance).Catalog(ctx, 6)
	require.NoError(t, err)
	goOn <- true
	r = receive(t, seen)
	require.Equal(t, []any{uint64(6), "edit 4"}, []any{r.Revision, r.Source})
	goOn <- true
	d.edit(t, "last", add("b", "https://b.example"))
	require.EqualValues(t, 7, receive(t, seen).Revision)
	cancel()
	goOn <- true
	require.NoError(t, receive(t, ended))

	// From the one in force on, only what comes then is told.
	own := errors.New("mine")
	go func() {
		ended <- d.Instance(instance).Watch(within(t, time.Minute), 7, func(r action.Revision) error {
			if r.Revision != 8 {
				return fmt.Errorf("revision %d", r.Revision)
			}
			return own
		})
	}()
	d.edit(t, "eighth", add("c", "https://c.example"))
	require.ErrorIs(t, receive(t, ended), own)
	code(t, action.CodeUnknownInstance, d.Instance("nobody").Watch(within(t, 5*time.Second), 0, nil))

	begun := make(chan bool)
	go func() {
		ended <- d.Instance(instance).Watch(context.Background(), 0, func(action.Revision) error { close(begun); return nil })
	}()
	receive(t, begun)
	require.NoError(t, d.Stop(within(t, 10*time.Second)))
	code(t, action.CodeUnavailable, receive(t, ended))
}

// receive waits for what a channel brings, or that it is closed, for a minute at most.
func receive[T any](t *testing.T, from <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-time.After(time.Minute):
		t.Fatal("nothing came within a minute")
	}
	return v
}
