package dispatch_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/dispatch"
)

// follow has a dispatcher follow a file, as callout dev -f does, until the
// function it returns is called.
func follow(t *testing.T, d *running, file string) (release func()) {
	t.Helper()
	s, _, err := dispatch.LoadFile(context.Background(), file)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	require.NoError(t, d.FollowFile(ctx, file, s.Instance))
	_, err = d.Instance(s.Instance).ApplyFile(within(t, 10*time.Second), file, s)
	require.NoError(t, err)
	return cancel
}

// rewrite puts a text in the place of a file.
func rewrite(t *testing.T, file, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(file+".new", []byte(text), 0o600))
	require.NoError(t, os.Rename(file+".new", file))
}

func TestAFollowedFileOwnsWhatItNames(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	d := f.dispatcher()
	d.edit(t, "api", add("mine", "https://mine.example"))
	file := filepath.Join(t.TempDir(), "callout.yaml")
	rewrite(t, file, `
targets: {a: {type: webhook, url: https://a.example}, b: {type: webhook, url: https://b.example}}
functions: {f: {targets: [{target: a}]}}
`)
	release := follow(t, d, file)
	require.Equal(t, "callout.yaml", d.meta(t, target("a")).Owner)
	require.Empty(t, d.meta(t, target("mine")).Owner)

	// Its objects are changed by the file only; others live beside them.
	for name, tt := range map[string]struct {
		do   func(sc *catalog.Scope)
		want string
	}{
		"changed": {add("a", "https://other.example"), "target a cannot be changed: it belongs to the file callout.yaml"},
		"removed": {func(sc *catalog.Scope) { delete(sc.Targets, "b") }, "target b cannot be removed: it belongs to the file callout.yaml"},
		"an execution": {func(sc *catalog.Scope) { sc.Sections[action.Function] = nil },
			"execution function f cannot be removed: it belongs to the file callout.yaml"},
	} {
		_, _, err := d.tryEdit(t, instance, "api", tt.do)
		code(t, action.CodeFileOwned, err)
		require.ErrorContains(t, err, tt.want, name)
	}
	_, _, err := f.dispatcher().tryEdit(t, instance, "api", add("a", "https://other.example"))
	code(t, action.CodeFileOwned, err)
	require.ErrorContains(t, err, "the file callout.yaml", "another dispatcher knows too")
	_, err = d.Instance(instance).Apply(within(t, 5*time.Second), parsed(t, "targets: {mine: {type: webhook, url: https://mine.example}}"))
	code(t, action.CodeFileOwned, err)
	d.edit(t, "api", add("mine", "https://changed.example"))
	d.edit(t, "api", add("beside", "https://beside.example"))

	// The file drops one, changes one, and takes over one.
	took := d.meta(t, target("beside")).ID
	rewrite(t, file, "targets: {b: {type: webhook, url: https://b2.example}, beside: {type: webhook, url: https://beside.example}}")
	await(t, d, func(sc *catalog.Scope) bool { return sc.Targets["b"].URL == "https://b2.example" })
	require.NotContains(t, d.now(t).Scopes[""].Targets, "a")
	require.Empty(t, d.now(t).Scopes[""].Sections[action.Function])
	require.Equal(t, "https://changed.example", d.now(t).Scopes[""].Targets["mine"].URL)
	require.Equal(t, took, d.meta(t, target("beside")).ID)
	require.Equal(t, "callout.yaml", d.meta(t, target("beside")).Owner)
	require.Eventually(t, func() bool { return strings.Contains(d.log.String(), "it belongs to the file now") }, time.Minute, time.Millisecond,
		"it is told right behind the edit")
	list, err := d.Instance(instance).History(within(t, 5*time.Second), 0, 1)
	require.NoError(t, err)
	require.Equal(t, "file callout.yaml", list[0].Source)

	// It is over with the following.
	release()
	require.Eventually(t, func() bool {
		_, _, err := d.tryEdit(t, instance, "api", add("b", "https://b3.example"))
		return err == nil
	}, time.Minute, 5*time.Millisecond)
	require.Empty(t, d.meta(t, target("b")).Owner)
	require.Equal(t, "callout.yaml", d.meta(t, target("beside")).Owner)
}

// TestAFileIsKnownAfterARestart: what it named before is replaced, although the
// process that applied it is gone.
func TestAFileIsKnownAfterARestart(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	file := filepath.Join(t.TempDir(), "callout.yaml")
	rewrite(t, file, "targets: {a: {type: webhook, url: https://a.example}, b: {type: webhook, url: https://b.example}}")
	first := f.dispatcher()
	follow(t, first, file)()
	first.edit(t, "api", add("mine", "https://mine.example"))
	require.NoError(t, first.Stop(within(t, 10*time.Second)))

	rewrite(t, file, "targets: {b: {type: webhook, url: https://b.example}}")
	second := f.dispatcher()
	before := second.meta(t, target("b"))
	follow(t, second, file)
	require.Equal(t, before, second.meta(t, target("b")))
	targets := second.now(t).Scopes[""].Targets
	require.Len(t, targets, 2)
	require.Contains(t, targets, "mine")
	root := second.now(t).Revision
	_, _, err := second.tryEdit(t, instance, "api", func(sc *catalog.Scope) { delete(sc.Targets, "b") })
	code(t, action.CodeFileOwned, err)
	s, _, err := dispatch.LoadFile(context.Background(), file)
	require.NoError(t, err)
	again, err := second.Instance(s.Instance).ApplyFile(within(t, 5*time.Second), file, s)
	require.NoError(t, err)
	require.Equal(t, root, again, "applied twice, nothing changes")
}

// TestAReloadThatBreaksWhatIsBeside leaves the last good one in force, and says
// why.
func TestAReloadThatBreaksWhatIsBeside(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	d := f.dispatcher()
	file := filepath.Join(t.TempDir(), "callout.yaml")
	rewrite(t, file, "targets: {a: {type: webhook, url: https://a.example}}")
	follow(t, d, file)
	d.edit(t, "api", func(sc *catalog.Scope) {
		sc.Sections[action.Function] = []action.Execution{{Name: "f", Match: "f", Entries: []action.Entry{{Target: "a"}}}}
	})
	revision := d.now(t).Revision
	rewrite(t, file, "targets: {other: {type: webhook, url: https://a.example}}")
	require.Eventually(t, func() bool { return strings.Contains(d.log.String(), "the last good one stays in force") }, time.Minute, 5*time.Millisecond)
	require.Contains(t, d.log.String(), "no target is named")
	require.Equal(t, revision, d.now(t).Revision)
}

func await(t *testing.T, d *running, holds func(sc *catalog.Scope) bool) {
	t.Helper()
	require.Eventually(t, func() bool { return holds(d.now(t).Scopes[""]) }, time.Minute, 5*time.Millisecond)
}
