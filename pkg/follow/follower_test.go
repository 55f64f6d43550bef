package follow

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bound is how long a test waits for what is to happen within two seconds, on a
// machine that has other work.
const bound = time.Minute

// limit is what a file of a test may have, in bytes.
const limit = 1 << 10

func start(t *testing.T, path string) *Follower {
	t.Helper()
	f := Start(path, limit)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), bound)
		defer cancel()
		require.NoError(t, f.Stop(ctx))
		require.NoError(t, f.Stop(ctx), "it may be called again")
	})
	return f
}

// next is the next report.
func next(t *testing.T, f *Follower) Report {
	t.Helper()
	select {
	case r := <-f.Reports():
		require.NoError(t, r.Unwatched)
		return r
	case <-time.After(bound):
		require.FailNow(t, "nothing was reported")
		return Report{}
	}
}

func expect(t *testing.T, f *Follower, text string) {
	t.Helper()
	r := next(t, f)
	require.NoError(t, r.Err)
	require.Equal(t, text, string(r.Text))
}

func write(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

// put has a text take the place of a file in one step.
func put(t *testing.T, path, text string) {
	t.Helper()
	write(t, path+".next", text)
	rename(t, path+".next", path)
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	require.NoError(t, os.Rename(from, to))
}

// link has a link take the place of another in one step.
func link(t *testing.T, to, path string) {
	t.Helper()
	require.NoError(t, os.Symlink(to, path+".next"))
	rename(t, path+".next", path)
}

// TestWhatAPathMeans moves each thing that a path can pass through.
func TestWhatAPathMeans(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		path         string
		before, then func(t *testing.T, at func(string) string)
	}{
		"a release folder": {"current/callout.yaml", func(t *testing.T, at func(string) string) {
			write(t, at("releases/1/callout.yaml"), "one")
			link(t, "releases/1", at("current"))
		}, func(t *testing.T, at func(string) string) {
			write(t, at("releases/2/callout.yaml"), "two")
			link(t, "releases/2", at("current"))
		}},
		"a mounted configuration": {"callout.yaml", func(t *testing.T, at func(string) string) {
			write(t, at("..1/callout.yaml"), "one")
			link(t, "..1", at("..data"))
			link(t, "..data/callout.yaml", at("callout.yaml"))
		}, func(t *testing.T, at func(string) string) {
			write(t, at("..2/callout.yaml"), "two")
			link(t, "..2", at("..data"))
			require.NoError(t, os.RemoveAll(at("..1")))
		}},
		"a link to a link, elsewhere": {"a/b/callout.yaml", func(t *testing.T, at func(string) string) {
			write(t, at("x/callout.yaml"), "one")
			write(t, at("y/callout.yaml"), "two")
			write(t, at("a/other"), "")
			link(t, at("x"), at("last"))
			link(t, "../last", at("a/b"))
		}, func(t *testing.T, at func(string) string) { link(t, at("y"), at("last")) }},
		"the file is a link": {"callout.yaml", func(t *testing.T, at func(string) string) {
			write(t, at("files/1.yaml"), "one")
			write(t, at("files/2.yaml"), "two")
			link(t, "files/1.yaml", at("callout.yaml"))
		}, func(t *testing.T, at func(string) string) { link(t, "files/2.yaml", at("callout.yaml")) }},
		"what the file links to": {"callout.yaml", func(t *testing.T, at func(string) string) {
			write(t, at("files/1.yaml"), "one")
			link(t, "files/1.yaml", at("callout.yaml"))
		}, func(t *testing.T, at func(string) string) { put(t, at("files/1.yaml"), "two") }},
		"a directory on the way": {"a/b/c/callout.yaml", func(t *testing.T, at func(string) string) {
			write(t, at("a/b/c/callout.yaml"), "one")
		}, func(t *testing.T, at func(string) string) {
			write(t, at("next/b/c/callout.yaml"), "two")
			rename(t, at("a"), at("old"))
			rename(t, at("next"), at("a"))
		}},
		"a directory that vanishes and comes back": {"a/b/callout.yaml", func(t *testing.T, at func(string) string) {
			write(t, at("a/b/callout.yaml"), "one")
		}, func(t *testing.T, at func(string) string) {
			require.NoError(t, os.RemoveAll(at("a")))
			write(t, at("a/b/callout.yaml"), "two")
		}},
		"a link and back up": {"to/../callout.yaml", func(t *testing.T, at func(string) string) {
			write(t, at("x/in/other"), "")
			write(t, at("x/callout.yaml"), "one")
			write(t, at("callout.yaml"), "not this one")
			link(t, "x/in", at("to"))
		}, func(t *testing.T, at func(string) string) { put(t, at("x/callout.yaml"), "two") }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			at := func(name string) string { return filepath.Join(dir, name) }
			tt.before(t, at)
			f := start(t, dir+"/"+tt.path)
			expect(t, f, "one")
			tt.then(t, at)
			expect(t, f, "two")
			// It goes on where the path leads now.
			put(t, dir+"/"+tt.path, "three")
			expect(t, f, "three")
		})
	}
}

// TestASwapIsSeenWithoutBeingTold looks on where the system tells nothing, as
// on a network file system.
func TestASwapIsSeenWithoutBeingTold(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "1/callout.yaml"), "one")
	write(t, filepath.Join(dir, "2/callout.yaml"), "two")
	link(t, "1", filepath.Join(dir, "current"))
	path := filepath.Join(dir, "current/callout.yaml")
	p := place{path, path, limit}
	s := p.look()
	require.True(t, p.shows(s))
	link(t, "2", filepath.Join(dir, "current"))
	require.False(t, p.shows(s), "another file of the same size, written as lately")
	s = p.look()
	write(t, path, "TWO")
	require.NoError(t, os.Chtimes(path, time.Time{}, s.info.ModTime()))
	require.False(t, p.shows(s), "the same size and time, which proves nothing so soon")

	long := time.Now().Add(-time.Hour)
	require.NoError(t, os.Chtimes(path, time.Time{}, long))
	s = p.look()
	require.True(t, p.shows(s))
	write(t, path, "twO")
	require.False(t, p.shows(s))
	require.NoError(t, os.Remove(path))
	require.False(t, p.shows(s))
	s = p.look()
	require.ErrorIs(t, s.err, os.ErrNotExist)
	require.True(t, p.shows(s), "it is still away")
}

// TestWhatCannotBeRead has each such thing in the place of a file, and the file
// as it was again: nothing waits for any of them.
func TestWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		make func(t *testing.T, path string)
		is   error
		text string // behind the path
	}{
		"nothing":     {func(*testing.T, string) {}, os.ErrNotExist, "no such file or directory"},
		"a directory": {func(t *testing.T, path string) { require.NoError(t, os.Mkdir(path, 0o700)) }, syscall.EISDIR, "is a directory"},
		"a pipe": {func(t *testing.T, path string) { require.NoError(t, syscall.Mkfifo(path, 0o600)) }, ErrNotRegular,
			"it is no regular file: a device, a pipe or a socket is not read"},
		"a device without an end": {func(t *testing.T, path string) { link(t, "/dev/zero", path) }, ErrNotRegular, "it is no regular file: "},
		"a terminal":              {func(t *testing.T, path string) { link(t, "/dev/ptmx", path) }, ErrNotRegular, "it is no regular file: "},
		"a file that is too large": {func(t *testing.T, path string) {
			write(t, path, "")
			require.NoError(t, os.Truncate(path, 1<<40)) // before anything of it is read
		}, ErrTooLarge, "the file is too large: at most 1024 bytes are read"},
		"a file that tells no size": {func(t *testing.T, path string) { link(t, "/proc/self/smaps", path) }, ErrTooLarge, "the file is too large: "},
		"a link to itself":          {func(t *testing.T, path string) { link(t, "callout.yaml", path) }, syscall.ELOOP, "too many levels of symbolic links"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "callout.yaml")
			put(t, path, "text")
			f := start(t, path)
			expect(t, f, "text")
			require.NoError(t, os.Remove(path))
			tt.make(t, path)
			r := next(t, f)
			require.ErrorIs(t, r.Err, tt.is)
			require.ErrorContains(t, r.Err, path+": "+tt.text)
			_, err := Read(t.Context(), path, limit)
			require.Equal(t, r.Err.Error(), err.Error())
			require.NoError(t, os.RemoveAll(path))
			put(t, path, "text")
			expect(t, f, "text")
		})
	}
}

// TestAFaultIsToldOnce waits until a file that is away has been looked for
// again.
func TestAFaultIsToldOnce(t *testing.T) {
	t.Parallel()
	f := start(t, filepath.Join(t.TempDir(), "callout.yaml"))
	require.ErrorIs(t, next(t, f).Err, os.ErrNotExist)
	select {
	case r := <-f.Reports():
		require.Fail(t, "told twice", "%v", r)
	case <-time.After(2*pollEvery + nothingFor):
	}
}

// TestOnlyTheNewestWaits has nobody ask while the file changes. One that is slower
// than the other at a time has not seen the newest yet; it is not so each time.
func TestOnlyTheNewestWaits(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "callout.yaml")
	write(t, path, "0")
	f := start(t, path)
	expect(t, f, "0")
	other := start(t, path)
	expect(t, other, "0")
	for round := range 10 {
		newest := fmt.Sprint("round ", round, " text 2")
		for n := range 3 {
			text := fmt.Sprint("round ", round, " text ", n)
			put(t, path, text)
			expect(t, other, text)
		}
		time.Sleep(nothingFor) // what comes late by then is what would be missed
		if string(next(t, f).Text) == newest {
			return
		}
		for string(next(t, f).Text) != newest { // all before it, that the next round begins with nothing
		}
	}
	require.Fail(t, "the oldest is told first, each time")
}

// TestARestlessFileIsGivenUp writes for ever, which is told, and stops.
func TestARestlessFileIsGivenUp(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "callout.yaml")
	write(t, path, "whole")
	f := start(t, path)
	expect(t, f, "whole")
	stop := make(chan struct{})
	var writing sync.WaitGroup
	writing.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			case <-time.After(lookEvery / 10):
				_ = os.WriteFile(path, []byte(fmt.Sprint("half ", n)), 0o600) // the report tells how it went
			}
		}
	})
	r := next(t, f)
	close(stop)
	writing.Wait()
	require.ErrorIs(t, r.Err, ErrRestless)
	write(t, path, "whole")
	expect(t, f, "whole")
}

// TestStopIsBounded stops while a look does not come back.
func TestStopIsBounded(t *testing.T) {
	t.Parallel()
	f := &Follower{stop: func() {}, done: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, f.Stop(ctx), context.Canceled)
	close(f.done)
	require.NoError(t, f.Stop(t.Context()))
}
