package work

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
)

// TestAnAsyncTargetThatLeft is called as it was last while its line drains, with
// the key that it had; one with another name by now as it is now.
func TestAnAsyncTargetThatLeft(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(asyncToo)
	keys := map[string]string{}
	g.both(func(in at) { keys[in.id], _, _ = in.bus.Secret(within(t, 5*time.Second), "", "later") })
	g.both(func(in at) { in.async("later", 1) })
	g.apply(hookOnAdded)
	g.worker()
	g.both(func(in at) {
		a := in.got("later", 1)[0]
		signedWith(t, a, keys[in.id])
		require.Equal(t, "later", a.header.Get("Callout-Target"))
		in.dead(0)
	})
}

func TestAnAsyncTargetWithAnotherName(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(asyncToo)
	g.both(func(in at) { in.async("later", 1) })
	g.rename("later", "renamed")
	g.worker()
	g.both(func(in at) {
		require.Equal(t, "renamed", in.got("later", 1)[0].header.Get("Callout-Target"))
		in.dead(0)
	})
}

// TestAnAsyncTargetThatNobodyKnows any more is no target: how it was last is not
// kept, or its line does not drain.
func TestAnAsyncTargetThatNobodyKnows(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(asyncToo)
	g.both(func(in at) { in.async("later", 1) })
	g.apply(hookOnAdded)
	g.end()
	g.both(func(in at) {
		require.NoError(t, in.bucket(bus.BucketCatalog).Purge(within(t, 5*time.Second), in.id+".rev.1"))
	})
	g.worker()
	g.both(func(in at) {
		letter := in.dead(1)[0]
		require.Equal(t, []any{action.CodeNoTarget, "later", action.Function, 0}, []any{letter.Reason, letter.Target, letter.Phase, letter.Attempts})
		in.got("later", 0)
	})
}

// TestATargetIsFoundByItsID only where it is defined.
func TestATargetIsFoundByItsID(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply("targets: {hook: {type: webhook, url: HOOKS/hook}}\nfunctions: {f: {targets: [{target: hook}]}}\norgs: {acme: {targets: {hook: {type: webhook, url: HOOKS/acme}}}}")
	w := g.worker()
	seen := map[string]bool{}
	g.both(func(in at) {
		m, err := w.catalogs.Of(in.id).AtLeast(within(t, 5*time.Second), 0)
		require.NoError(t, err)
		for owner, path := range map[string]string{"": "/hook", "acme": "/acme"} {
			id := idIn(m, owner, "hook")
			require.NotEmpty(t, id)
			require.False(t, seen[id], "an id is one target's")
			seen[id] = true
			require.Equal(t, g.hooks.URL+"/"+in.id+path, byID(m, owner, id).URL)
			require.Nil(t, byID(m, map[string]string{"": "acme", "acme": ""}[owner], id), "another of its name")
			require.Nil(t, byID(m, "other", id))
			require.Equal(t, g.hooks.URL+"/"+in.id+path, targetIn(m, owner, "hook").URL)
		}
		for _, id := range []string{"", "none"} {
			require.Nil(t, byID(m, "", id))
		}
		require.Nil(t, targetIn(m, "", "other"))
		require.Nil(t, targetIn(m, "other", "hook"))
		require.Nil(t, targetIn(nil, "", "hook"))
	})
}
