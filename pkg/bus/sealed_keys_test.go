package bus_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/seal"
	"github.com/callout-hq/callout/pkg/sign"
)

func newSealKey(t *testing.T) seal.PrivateKey {
	t.Helper()
	key, err := seal.NewKey()
	require.NoError(t, err)
	return key
}

// TestSealedKeys: a new one goes before those that are sealed, whose ends are read
// without opening them; each opens for its instance and organization alone.
func TestSealedKeys(t *testing.T) {
	t.Parallel()
	with, first, next := newSealKey(t), sign.NewKey(), "zxxkF8kGcCXaRCbgAsZyKPyQM2fTAgbt"
	keys, err := bus.SigningKeys{{Key: first}}.Seal(with.Public(), "north", "acme")
	require.NoError(t, err)
	rotated, err := keys.Rotated(next, time.Hour, keyTime)
	require.NoError(t, err)
	require.False(t, rotated.AreSealed())
	rotated, err = rotated.Seal(with.Public(), "north", "acme")
	require.NoError(t, err)
	require.True(t, rotated.AreSealed())
	require.Equal(t, keys[0].Key, rotated[1].Key, "what is sealed stays as it is")
	require.Equal(t, []sign.Form{sign.FormBase64, sign.FormSecret}, []sign.Form{rotated[0].Form, rotated[1].Form})
	text, err := rotated.Text()
	require.NoError(t, err)
	require.NotContains(t, text, first)
	require.NotContains(t, text, next)
	read, err := bus.ReadSigningKeys(text)
	require.NoError(t, err)
	require.Equal(t, rotated, read)
	left, _ := read.At(keyTime.Add(time.Hour))
	require.Len(t, left, 1)
	for n, want := range []string{next, first} {
		got, err := read[n].Open(seal.Ring{with}, "north", "acme")
		require.NoError(t, err)
		require.Equal(t, want, got)
		for _, other := range [][2]string{{"south", "acme"}, {"north", ""}} {
			_, err = read[n].Open(seal.Ring{with}, other[0], other[1])
			bustest.Code(t, action.CodeInternal, err)
			require.ErrorContains(t, err, "cannot be opened with key "+with.ID())
		}
		_, err = read[n].Open(seal.Ring{newSealKey(t)}, "north", "acme")
		bustest.Code(t, action.CodeInternal, err)
		require.ErrorContains(t, err, "is sealed for key "+with.ID()+", which this worker does not have: give --open-with")
	}
}

// TestWhatIsNoSealedKey: a version that does not know them refuses what it would sign
// with otherwise, and a text that is sealed is no key by itself.
func TestWhatIsNoSealedKey(t *testing.T) {
	t.Parallel()
	keys, err := bus.SigningKeys{{Key: sign.NewKey()}}.Seal(newSealKey(t).Public(), "north", "")
	require.NoError(t, err)
	text, err := keys.Text()
	require.NoError(t, err)
	require.Contains(t, text, fmt.Sprintf(`"format":%d`, action.Format+1), "an older version takes none of it")
	require.Error(t, sign.CheckForm(keys[0].Key), "nobody gives one for a key of his own")
	for _, bad := range []string{keys[0].Key, strings.Replace(text, `"secret"`, `"other"`, 1), strings.Replace(text, `,"form":"secret"`, "", 1),
		strings.Replace(text, "sealed:1:", "sealed:2:", 1), strings.Replace(text, `"format":2`, `"format":4`, 1)} {
		require.NotEqual(t, text, bad)
		_, err := bus.ReadSigningKeys(bad)
		require.Error(t, err, bad)
	}
}

// TestSecretsAreSealedWhereTheyLie, those of targets that have left too, in one
// instance alone, and once.
func TestSecretsAreSealedWhereTheyLie(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	b := s.Connect(t, bus.Options{})
	pair, with, next := bustest.Pair(t, b), newSealKey(t), newSealKey(t)
	ctx := bustest.Within(t, 30*time.Second)
	plain := map[string]string{}
	for _, i := range pair {
		plain[i.ID] = sign.NewKey()
		several, err := bus.SigningKeys{{Key: sign.NewKey()}}.Rotated(plain[i.ID], time.Hour, time.Now())
		require.NoError(t, err)
		text, err := several.Text()
		require.NoError(t, err)
		require.NoError(t, i.PutSecrets(ctx, []bus.NewSecret{{Owner: "acme", Target: "hook", Key: text}, {Target: "other", Key: plain[i.ID]}}))
		require.NoError(t, i.PutDeparted(ctx, []bus.Departed{{Owner: "acme", ID: "id", Target: "hook", Key: plain[i.ID], Left: keyTime}}))
	}
	sealed, err := pair[0].SealSecrets(ctx, with.Public())
	require.NoError(t, err)
	require.Equal(t, 4, sealed)
	sealed, err = pair[0].SealSecrets(ctx, next.Public())
	require.NoError(t, err)
	require.Zero(t, sealed, "what is sealed stays")
	all, err := pair[0].Departed(ctx)
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.True(t, all[0].Left.Equal(keyTime))
	for _, text := range []string{all[0].Key, secretOf(t, pair[0], "acme", "hook"), secretOf(t, pair[0], "", "other")} {
		require.NotContains(t, text, plain[pair[0].ID])
	}
	require.Equal(t, plain[pair[1].ID], secretOf(t, pair[1], "", "other"), "it lies as it lay")

	again, err := pair[0].ResealSecrets(ctx, seal.Ring{next})
	require.NoError(t, err)
	require.Zero(t, again, "it opens none")
	again, err = pair[0].ResealSecrets(ctx, seal.Ring{next, with})
	require.NoError(t, err)
	require.Equal(t, 3, again)
	again, err = pair[0].ResealSecrets(ctx, seal.Ring{next, with})
	require.NoError(t, err)
	require.Zero(t, again)
	keys, _, err := pair[0].SigningKeys(ctx, "acme", "hook")
	require.NoError(t, err)
	require.Equal(t, []string{next.ID(), next.ID()}, []string{keys[0].SealedFor(), keys[1].SealedFor()})
	require.False(t, keys[1].Until.IsZero())
	got, err := keys[0].Open(seal.Ring{next}, pair[0].ID, "acme")
	require.NoError(t, err)
	require.Equal(t, plain[pair[0].ID], got)
}

func secretOf(t *testing.T, i bus.Instance, owner, target string) string {
	t.Helper()
	text, ok, err := i.Secret(bustest.Within(t, 10*time.Second), owner, target)
	require.NoError(t, err)
	require.True(t, ok)
	return text
}
