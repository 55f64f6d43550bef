package dispatch_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/dispatch"
)

// said waits until a dispatcher has logged a text.
func (r *running) said(t *testing.T, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(r.log.String(), text) }, time.Minute, 5*time.Millisecond, "%s\n%s", text, r.log)
}

// at is what is in force in an instance.
func (r *running) at(t *testing.T, instance string) *catalog.Snapshot {
	t.Helper()
	m, err := r.Instance(instance).Catalog(within(t, 5*time.Second), 0)
	require.NoError(t, err)
	return m.Snapshot()
}

const twoTargets = "targets: {a: {type: webhook, url: https://a.example}, b: {type: webhook, url: https://b.example}}\n"

// emptyTexts are what a file has in it when there is nothing in it.
var emptyTexts = map[string]string{
	"nothing": "", "a comment": "# soon\n", "an empty mapping": "{}\n", "a version": "version: 1\n", "no targets": "targets: {}\n",
	"an instance": "instance: default\n", "an organization": "orgs: {acme: {}}\n",
}

// TestAnEmptiedFileTakesNothingOutOfForce, neither on a reload nor at start.
func TestAnEmptiedFileTakesNothingOutOfForce(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	d := f.dispatcher()
	file := filepath.Join(t.TempDir(), "callout.yaml")
	rewrite(t, file, twoTargets)
	release := follow(t, d, file)
	revision := d.now(t).Revision
	for name, text := range emptyTexts {
		before := len(d.log.String())
		rewrite(t, file, text)
		require.Eventually(t, func() bool {
			return strings.Contains(d.log.String()[before:], "a file without any takes nothing out of force: 2 of what is in force belong to it")
		}, time.Minute, 5*time.Millisecond, name)
		require.Equal(t, revision, d.now(t).Revision, name)
		rewrite(t, file, twoTargets) // in force as it was
		require.Eventually(t, func() bool { return strings.Contains(d.log.String()[before:], "configuration reloaded: +0 ~0 -0") }, time.Minute, 5*time.Millisecond, name)
	}
	require.Contains(t, d.log.String(), `callout apply --prune -f callout.yaml`)
	release()

	second := f.dispatcher()
	for name, text := range emptyTexts {
		rewrite(t, file, text)
		s, _, err := dispatch.LoadFile(context.Background(), file)
		require.NoError(t, err)
		var bad *dispatch.BadFile
		require.ErrorAs(t, second.FollowFile(t.Context(), file, s.Instance), &bad, name)
		require.Equal(t, catalog.ProblemEmptied, bad.Problems[0].Code)
		_, err = second.Instance(s.Instance).ApplyFile(within(t, 5*time.Second), file, s)
		require.NoError(t, err)
		require.Equal(t, revision, second.now(t).Revision, name)
	}

	// Where no file owns anything, a file may begin empty.
	rewrite(t, file, "instance: other\n")
	follow(t, second, file)
	require.Empty(t, second.at(t, "other").Scopes[""].Targets)
	second.edit(t, "api", func(sc *catalog.Scope) { delete(sc.Targets, "a") })
}

// TestTwoFilesAreFollowed for two instances at once, each saved in ways that
// show half of it, or nothing, for a moment: every revision is whole.
func TestTwoFilesAreFollowed(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	d := f.dispatcher()
	text := func(instance string, n int) string {
		return fmt.Sprintf("instance: %s\ntargets:\n  a: {type: webhook, url: \"https://%s.example/%d\"}\n  b: {type: webhook, url: \"https://%s.example/%d\"}\n", instance, instance, n, instance, n)
	}
	dirs := map[string]string{"one": t.TempDir(), "two": t.TempDir()}
	file := func(instance string) string { return filepath.Join(dirs[instance], "current", "callout.yaml") }
	release := func(instance string, n int) {
		dir := dirs[instance]
		require.NoError(t, os.MkdirAll(filepath.Join(dir, fmt.Sprint(n)), 0o700))
		rewrite(t, filepath.Join(dir, fmt.Sprint(n), "callout.yaml"), text(instance, n))
		require.NoError(t, os.Symlink(fmt.Sprint(n), filepath.Join(dir, "next")))
		require.NoError(t, os.Rename(filepath.Join(dir, "next"), filepath.Join(dir, "current")))
	}
	saves := []func(instance string, n int){
		release,
		func(instance string, n int) {
			require.NoError(t, os.Truncate(file(instance), 0))
			<-time.After(100 * time.Millisecond)
			require.NoError(t, os.WriteFile(file(instance), []byte(text(instance, n)), 0o600))
		},
		release,
		func(instance string, n int) {
			require.NoError(t, os.Remove(file(instance)))
			<-time.After(100 * time.Millisecond)
			require.NoError(t, os.WriteFile(file(instance), []byte(text(instance, n)), 0o600))
		},
	}
	for instance := range dirs {
		release(instance, 0)
		follow(t, d, file(instance))
	}
	for n, save := range saves {
		for instance := range dirs {
			save(instance, n+1)
		}
		for instance := range dirs {
			want := fmt.Sprintf("https://%s.example/%d", instance, n+1)
			require.Eventually(t, func() bool { return d.at(t, instance).Scopes[""].Targets["a"].URL == want }, time.Minute, 5*time.Millisecond,
				"%s, way %d", instance, n)
		}
	}
	for instance := range dirs {
		revisions, err := d.Instance(instance).History(within(t, 5*time.Second), 0, 100)
		require.NoError(t, err)
		require.Len(t, revisions, 1+len(saves))
		for _, r := range revisions[:len(saves)] {
			require.Equal(t, [3]int{0, 2, 0}, [3]int{r.Added, r.Changed, r.Removed})
		}
	}
}

// TestAReloadTellsWhatItChanged, and what is gone by its name.
func TestAReloadTellsWhatItChanged(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	d := f.dispatcher()
	file := filepath.Join(t.TempDir(), "callout.yaml")
	rewrite(t, file, twoTargets+"functions: {f: {targets: [{target: a}]}}\n")
	follow(t, d, file)
	rewrite(t, file, "targets: {b: {type: webhook, url: https://b2.example}, c: {type: webhook, url: https://c.example}}")
	d.said(t, "configuration reloaded: +1 ~1 -2")
	require.Contains(t, d.log.String(), `"gone":["target a","execution function f"]`)
}

// TestAMissingFileIsSaidOnce, and tried again in silence.
func TestAMissingFileIsSaidOnce(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	d := f.dispatcher()
	file := filepath.Join(t.TempDir(), "callout.yaml")
	rewrite(t, file, twoTargets)
	follow(t, d, file)
	revision := d.now(t).Revision
	require.NoError(t, os.Remove(file))
	d.said(t, "the last good one stays in force:\\nopen "+file+": no such file or directory")
	<-time.After(2500 * time.Millisecond) // it has been looked for more than once
	require.Equal(t, 1, strings.Count(d.log.String(), "no such file or directory"))
	require.Equal(t, revision, d.now(t).Revision)
	rewrite(t, file, "targets: {a: {type: webhook, url: https://back.example}}")
	await(t, d, func(sc *catalog.Scope) bool { return sc.Targets["a"].URL == "https://back.example" })
}

// TestAChangeDuringTheStart is not missed: the file was read before it, and
// followed after.
func TestAChangeDuringTheStart(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	d := f.dispatcher()
	file := filepath.Join(t.TempDir(), "callout.yaml")
	rewrite(t, file, twoTargets)
	s, _, err := dispatch.LoadFile(context.Background(), file)
	require.NoError(t, err)
	rewrite(t, file, "targets: {a: {type: webhook, url: https://later.example}}")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	require.NoError(t, d.FollowFile(ctx, file, s.Instance))
	_, err = d.Instance(s.Instance).ApplyFile(within(t, 10*time.Second), file, s)
	require.NoError(t, err)
	await(t, d, func(sc *catalog.Scope) bool { return sc.Targets["a"].URL == "https://later.example" })
}
