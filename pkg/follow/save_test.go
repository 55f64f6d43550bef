package follow

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// gap is how long a writer pauses in the middle of what it does.
const gap = 100 * time.Millisecond

// saving is a way of saving a text in the place of a file.
type saving struct {
	name string
	save func(t *testing.T, path, text string)
	gaps time.Duration // that it makes
}

var savings = []saving{
	{"written in place", write, 0},
	{"truncated, then written", func(t *testing.T, path, text string) {
		write(t, path, "")
		<-time.After(gap)
		write(t, path, text)
	}, gap},
	{"another takes its place", put, 0},
	{"a link takes its place", func(t *testing.T, path, text string) {
		write(t, path+".2", text)
		link(t, filepath.Base(path)+".2", path)
	}, 0},
	{"removed, then made", func(t *testing.T, path, text string) {
		require.NoError(t, os.Remove(path))
		<-time.After(2 * gap)
		write(t, path, text)
	}, 2 * gap},
	{"an editor that keeps the old one", func(t *testing.T, path, text string) {
		rename(t, path, path+"~")
		write(t, path, text)
	}, 0},
	{"copied in small pieces", func(t *testing.T, path, text string) {
		write(t, path, "")
		for piece := range strings.Lines(text) {
			add(t, path, piece)
		}
	}, 0},
	{"in two halves", func(t *testing.T, path, text string) {
		write(t, path, text[:len(text)/2])
		<-time.After(gap)
		add(t, path, text[len(text)/2:])
	}, gap},
	{"touched and written", func(t *testing.T, path, text string) {
		require.NoError(t, os.Chtimes(path, time.Time{}, time.Now()))
		write(t, path, text)
		require.NoError(t, os.Chtimes(path, time.Time{}, time.Now()))
	}, 0},
	{"its directory takes a place", func(t *testing.T, path, text string) {
		dir := filepath.Dir(path)
		write(t, filepath.Join(dir+".2", filepath.Base(path)), text)
		rename(t, dir, dir+".1")
		rename(t, dir+".2", dir)
	}, 0},
}

// add writes behind what a file holds.
func add(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(t, err)
	_, err = f.WriteString(text)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

// whole is a text of which no half is a text.
func whole(n int) string {
	return fmt.Sprintf("begins %d\n%sends %d\n", n, strings.Repeat("#\n", 100), n)
}

// TestTenWaysToSave saves in each way that is known, before two followers:
// the first thing they tell is the whole text, within two seconds. What a slow
// machine has drawn out counts for nothing, and is done again.
func TestTenWaysToSave(t *testing.T) {
	t.Parallel()
	for _, way := range savings {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			for range 10 {
				if way.saved(t) {
					return
				}
			}
			require.Fail(t, "this machine is too slow to save like that")
		})
	}
}

func (way saving) saved(t *testing.T) (inTime bool) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "dir", "callout.yaml")
	write(t, path, whole(1))
	one, other := start(t, path), start(t, path)
	expect(t, one, whole(1))
	expect(t, other, whole(1))
	began := time.Now()
	way.save(t, path, whole(2))
	if time.Since(began) > way.gaps+gap {
		return false
	}
	expect(t, one, whole(2))
	expect(t, other, whole(2))
	took := time.Since(began)
	t.Logf("told after %s", took.Round(time.Millisecond))
	return took < 2*time.Second
}

// TestATouchedFileTellsNothing changes times only, and then the text.
func TestATouchedFileTellsNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "callout.yaml")
	write(t, path, whole(1))
	f := start(t, path)
	expect(t, f, whole(1))
	for range 5 {
		require.NoError(t, os.Chtimes(path, time.Time{}, time.Now()))
		<-time.After(writtenFor + gap)
	}
	put(t, path, whole(2))
	expect(t, f, whole(2))
}
