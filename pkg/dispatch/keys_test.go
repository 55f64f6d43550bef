package dispatch_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/sign"
)

// TestWhoAppliesAtOnceKeepsOneKey: two dispatchers put the same configuration in
// force at the same time. The key that one of them has answered with stays.
func TestWhoAppliesAtOnceKeepsOneKey(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	pair := []*running{f.dispatcher(), f.dispatcher()}
	both(t, f, func(t *testing.T, of tenant) {
		for round := range 10 {
			name := string(rune('a' + round))
			var all sync.WaitGroup
			keys := make([]string, len(pair))
			for n, d := range pair {
				all.Go(func() {
					i := d.Instance(of.id)
					_, err := i.Apply(within(t, 30*time.Second), catalog.Empty(of.id).WithTarget("", hook(name, "https://a.example")))
					if !assert.NoError(t, err) {
						return
					}
					keys[n], err = i.SigningKey(within(t, 10*time.Second), "", name)
					assert.NoError(t, err)
				})
			}
			all.Wait()
			kept, err := pair[0].Instance(of.id).SigningKey(within(t, 10*time.Second), "", name)
			require.NoError(t, err)
			require.Equal(t, []string{kept, kept}, keys)
		}
	})
}

// TestKeysFromElsewhere: a key that comes from a file is read again whenever a
// text is applied, also one that changes nothing; an edit that cannot read one
// changes nothing.
func TestKeysFromElsewhere(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	d := f.dispatcher()
	both(t, f, func(t *testing.T, of tenant) {
		i := d.Instance(of.id)
		from := filepath.Join(t.TempDir(), "key")
		write := func(key string) { require.NoError(t, os.WriteFile(from, []byte(key+"\n"), 0o600)) }
		key := func(name string) string {
			key, err := i.SigningKey(within(t, 10*time.Second), "", name)
			require.NoError(t, err)
			return key
		}
		given := hook("given", "https://a.example")
		given.SigningKey = action.KeySource{File: from}
		text := catalog.Empty(of.id).WithTarget("", given).WithTarget("", hook("made", "https://a.example"))

		_, err := i.Apply(within(t, 20*time.Second), text)
		code(t, action.CodeBadField, err)
		require.Empty(t, f.keptOf(of.id), "nothing was written")
		first, second := sign.NewKey(), sign.NewKey()
		write(first)
		revision, err := i.Apply(within(t, 20*time.Second), text)
		require.NoError(t, err)
		require.Equal(t, first, key("given"))
		made := key("made")

		write(second)
		same, err := i.Apply(within(t, 20*time.Second), text)
		require.NoError(t, err)
		require.Equal(t, revision, same)
		require.Equal(t, second, key("given"))
		write(first)
		_, err = i.Apply(within(t, 20*time.Second), text.WithTarget("", hook("more", "https://a.example")))
		require.NoError(t, err)
		require.Equal(t, first, key("given"), "also where another target changes")
		require.Equal(t, made, key("made"))

		// A key that somebody removed is made again.
		require.NoError(t, f.bus().Instance(of.id).ForgetName(within(t, 20*time.Second), "", "made"))
		_, err = i.Apply(within(t, 20*time.Second), text.WithTarget("", hook("more", "https://a.example")))
		require.NoError(t, err)
		require.NotEqual(t, made, key("made"))
		write("no key")
		_, err = i.Apply(within(t, 20*time.Second), text.WithTarget("", hook("more", "https://a.example")))
		code(t, action.CodeBadField, err)
		require.Equal(t, first, key("given"))
	})
}

// TestAPauseGoesAlong: of two dispatchers one pauses a target and the other gives
// it another name at once, before it can have heard.
func TestAPauseGoesAlong(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	first, second := f.dispatcher(), f.dispatcher()
	both(t, f, func(t *testing.T, of tenant) {
		of.change(t, first, func(*catalog.Snapshot) *catalog.Snapshot {
			return catalog.Empty(of.id).WithTarget("", hook("a", "https://a.example"))
		})
		b := f.bus().Instance(of.id)
		for n := range 3 {
			from, to := []string{"a", "b"}[n%2], []string{"b", "a"}[n%2]
			require.NoError(t, b.PauseTarget(within(t, 10*time.Second), "", from, "by hand"))
			require.Eventually(t, func() bool { _, paused := second.Instance(of.id).Paused("", from); return paused }, time.Minute, time.Millisecond)
			second.Unhear(of.id, from)
			of.change(t, second, func(current *catalog.Snapshot) *catalog.Snapshot { return renamed(current, from, to) })
			reason, paused, err := b.Pause(within(t, 10*time.Second), "", to)
			require.NoError(t, err)
			require.Equal(t, []any{action.Code("by hand"), true}, []any{reason, paused})
			require.NoError(t, b.ResumeTarget(within(t, 10*time.Second), "", to))
		}
	})
}
