package work

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/sign"
)

// signs tells which of two keys a request is signed with.
func signs(t *testing.T, a arrival, key string) bool {
	t.Helper()
	zitadel := sign.VerifyZitadel(a.header.Get(sign.HeaderZitadel), []byte(a.body), time.Now(), key) == nil
	require.Equal(t, zitadel, sign.VerifyStandard(a.header, []byte(a.body), time.Now(), key) == nil, "one scheme knows what the other does not")
	return zitadel
}

// TestARotatedKeySignsBesideTheNext until its time is over, and then no more.
func TestARotatedKeySignsBesideTheNext(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(hookOnAdded)
	g.worker()
	g.publish("user.added", 1)
	old, rotated := map[string]string{}, map[string]bus.SigningKeys{}
	g.both(func(in at) {
		in.got("hook", 1)
		var err error
		old[in.id], _, err = in.bus.Secret(within(t, 5*time.Second), "", "hook")
		require.NoError(t, err)
	})
	north, south := g.at("north"), g.at("south")
	keys, err := g.dispatcher.Instance("north").RotateKey(within(t, 10*time.Second), "", "hook", time.Hour)
	require.NoError(t, err)
	rotated["north"] = keys
	n := 1
	g.eventually(func() bool { // the worker hears of it
		n++
		g.publish("user.added", n)
		south.got("hook", n)
		return signs(t, north.got("hook", n)[n-1], keys[0].Key)
	}, "the new key does not sign")
	require.True(t, signs(t, north.got("hook", n)[n-1], old["north"]), "the old one signs beside it")
	require.True(t, signs(t, south.got("hook", n)[n-1], old["south"]))
	require.False(t, signs(t, south.got("hook", n)[n-1], keys[0].Key))
	keys, err = g.dispatcher.Instance("north").RotateKey(within(t, 10*time.Second), "", "hook", 0)
	require.NoError(t, err)
	g.eventually(func() bool {
		n++
		g.publish("user.added", n)
		return signs(t, north.got("hook", n)[n-1], keys[0].Key)
	}, "the newest key does not sign")
	require.False(t, signs(t, north.got("hook", n)[n-1], old["north"]))
	require.False(t, signs(t, north.got("hook", n)[n-1], rotated["north"][0].Key))
}

// TestAGraceTimeEnds while nothing else happens: nobody tells the worker.
func TestAGraceTimeEnds(t *testing.T) {
	t.Parallel()
	old, next := sign.NewKey(), sign.NewKey()
	keys, err := bus.SigningKeys{{Key: old}}.Rotated(next, 300*time.Millisecond, time.Now())
	require.NoError(t, err)
	text, err := keys.Text()
	require.NoError(t, err)
	k := newKeys(nil, nil)
	for _, id := range instances {
		of := bus.TargetKey{Instance: id, Name: "hook"}
		k.set(of, text)
		k.setDeparted(id, bus.Departed{ID: "id", Key: text})
	}
	for _, id := range instances {
		now, err := k.get(t.Context(), id, "", &action.Target{Name: "hook"})
		require.NoError(t, err)
		if time.Now().Before(keys[1].Until) {
			require.Equal(t, []string{next, old}, now)
		}
	}
	for _, id := range instances {
		require.Eventually(t, func() bool {
			now, err := k.get(t.Context(), id, "", &action.Target{Name: "hook"})
			return err == nil && len(now) == 1 && now[0] == next
		}, time.Minute, time.Millisecond)
		require.False(t, time.Now().Before(keys[1].Until))
		now, err := k.departed(t.Context(), id, &claim{left: "id", target: &action.Target{Name: "hook"}})
		require.NoError(t, err)
		require.Equal(t, []string{next}, now)
	}
}

// TestAKeyOfZitadelsForm signs what is sent to who asks for ZITADEL's scheme alone.
func TestAKeyOfZitadelsForm(t *testing.T) {
	t.Parallel()
	const key = "zxxkF8kGcCXaRCbgAsZyKPyQM2fTAgbt"
	from := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(from, []byte(key+"\n"), 0o600))
	g := newGround(t)
	g.apply("targets: {hook: {type: webhook, url: HOOKS/hook, signature: [zitadel], signing_key: {file: " + from + "}}}\nevents: {user.added: {targets: [{target: hook}]}}")
	g.worker()
	g.publish("user.added", 1)
	g.both(func(in at) {
		a := in.got("hook", 1)[0]
		signedWith(t, a, key)
		require.Empty(t, a.header.Get(sign.HeaderSignature))
	})
}
