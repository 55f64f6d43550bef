package follow

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// tells waits until a watch tells of something on its way.
func (w *watch) tells(t *testing.T) {
	t.Helper()
	select {
	case <-w.told:
	case <-time.After(bound):
		require.FailNow(t, "nothing was told")
	}
}

// TestEveryDirectoryOnTheWayIsWatched: what happens in any of them is told at
// once, without a look, and after each of them has become another.
func TestEveryDirectoryOnTheWayIsWatched(t *testing.T) {
	t.Parallel()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	at := func(name string) string { return filepath.Join(dir, name) }
	write(t, at("releases/1/etc/callout.yaml"), "one")
	write(t, at("releases/2/etc/callout.yaml"), "two")
	link(t, "releases/1", at("current"))
	path := at("current/etc/callout.yaml")
	w := newWatch()
	defer w.close()
	w.keep(path)
	require.NoError(t, w.err)
	var watched []string
	for _, d := range w.way.Load().directories {
		watched = append(watched, d.path)
	}
	require.Subset(t, watched, []string{"/", dir, at("releases"), at("releases/1"), at("releases/1/etc")})
	for _, moved := range []struct {
		name string
		move func(t *testing.T)
	}{
		{"the link", func(t *testing.T) { link(t, "releases/2", at("current")) }},
		{"the file", func(t *testing.T) { put(t, path, "three") }},
		{"the releases", func(t *testing.T) { rename(t, at("releases"), at("old")) }},
		{"a directory is gone", func(t *testing.T) { require.NoError(t, os.RemoveAll(at("releases/2/etc"))) }},
	} {
		t.Run(moved.name, func(t *testing.T) {
			select { // what was told of making all anew
			case <-w.told:
			default:
			}
			moved.move(t)
			w.tells(t)
			_ = os.RemoveAll(at("old"))
			write(t, at("releases/1/etc/callout.yaml"), "one")
			write(t, at("releases/2/etc/callout.yaml"), "two")
			w.keep(path)
			require.True(t, w.covers(resolve(path)))
		})
	}
}

// TestAWatchWaitsForNothing that the system tells: a directory that is renamed
// and removed at once is a fault to the watcher, which holds its lock until
// somebody hears of it.
func TestAWatchWaitsForNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "on/the/way/callout.yaml")
	over := make(chan error, 1)
	go func() {
		w := newWatch()
		defer w.close()
		for range 20 {
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				over <- err
				return
			}
			w.keep(path)
			_ = os.Rename(filepath.Join(dir, "on"), filepath.Join(dir, "off"))
			_ = os.RemoveAll(filepath.Join(dir, "off"))
			select { // the watcher goes on to the next
			case <-w.told:
			case <-time.After(lookEvery):
			}
			w.keep(path)
		}
		over <- nil
	}()
	select {
	case err := <-over:
		require.NoError(t, err)
	case <-time.After(2 * bound):
		require.Fail(t, "it stands still")
	}
}

// TestAWayIsBounded: links that lead to each other end it.
func TestAWayIsBounded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	link(t, "b/x", filepath.Join(dir, "a"))
	link(t, "a/x", filepath.Join(dir, "b"))
	require.LessOrEqual(t, len(resolve(filepath.Join(dir, "a/callout.yaml")).entries), maxLinks+64)
}
