package bus_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/sign"
)

var keyTime = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// plain are keys without what tells them apart.
func plain(keys bus.SigningKeys) bus.SigningKeys {
	out := slices.Clone(keys)
	for n := range out {
		out[n].ID, out[n].Since = "", time.Time{}
	}
	return out
}

// TestRevokedKeys: one that another has taken the place of signs no more, and the newest
// is not taken away.
func TestRevokedKeys(t *testing.T) {
	t.Parallel()
	first, err := bus.SigningKeys(nil).Rotated(sign.NewKey(), time.Hour, keyTime)
	require.NoError(t, err)
	both, err := first.Rotated(sign.NewKey(), time.Hour, keyTime)
	require.NoError(t, err)
	require.NotEqual(t, both[0].ID, both[1].ID)
	require.Regexp(t, `^[0-9a-f]{16}$`, both[0].ID)
	left, err := both.Revoked(both[1].ID)
	require.NoError(t, err)
	require.Equal(t, both[:1], left)
	require.Len(t, both, 2)
	_, err = both.Revoked(both[0].ID)
	bustest.Code(t, action.CodeBadField, err)
	_, err = both.Revoked("0123456789abcdef")
	bustest.Code(t, action.CodeNotFound, err)
}

// TestRotatedKeys: the one before signs on for its grace, those before it for
// theirs, and at most so many at once.
func TestRotatedKeys(t *testing.T) {
	t.Parallel()
	a, b, c := sign.NewKey(), sign.NewKey(), sign.NewKey()
	first, err := bus.SigningKeys(nil).Rotated(a, time.Hour, keyTime)
	require.NoError(t, err)
	require.Equal(t, bus.SigningKeys{{Key: a}}, plain(first), "a target whose key was lost has nothing to go on with")
	second, err := first.Rotated(b, 3*time.Hour, keyTime)
	require.NoError(t, err)
	third, err := second.Rotated(c, time.Hour, keyTime.Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, bus.SigningKeys{{Key: c}, {Key: b, Until: keyTime.Add(2 * time.Hour)}, {Key: a, Until: keyTime.Add(3 * time.Hour)}}, plain(third))
	for _, at := range []struct {
		after time.Duration
		keys  []string
		until time.Time
	}{
		{time.Hour, []string{c, b, a}, keyTime.Add(2 * time.Hour)},
		{2 * time.Hour, []string{c, a}, keyTime.Add(3 * time.Hour)},
		{3 * time.Hour, []string{c}, time.Time{}},
	} {
		now, until := third.At(keyTime.Add(at.after))
		var keys []string
		for _, k := range now {
			keys = append(keys, k.Key)
		}
		require.Equal(t, at.keys, keys)
		require.Equal(t, at.until, until)
	}
	alone, err := third.Rotated(a, 0, keyTime)
	require.NoError(t, err)
	require.Equal(t, bus.SigningKeys{{Key: a}}, plain(alone), "without a grace time none before it signs")
	full, err := third.Rotated(sign.NewKey(), time.Hour, keyTime)
	require.NoError(t, err)
	require.Len(t, full, action.MaxSigningKeys)
	_, err = full.Rotated(sign.NewKey(), time.Hour, keyTime)
	bustest.Code(t, action.CodeConflict, err)
	_, err = full.Rotated(sign.NewKey(), time.Hour, keyTime.Add(time.Hour))
	require.NoError(t, err, "what is over counts no more")
}

// TestWhatIsNoSigningKeys shows no part of a key.
func TestWhatIsNoSigningKeys(t *testing.T) {
	t.Parallel()
	key, zitadels := sign.NewKey(), "zxxkF8kGcCXaRCbgAsZyKPyQM2fTAgbt"
	until := `"until":"2026-03-01T12:00:00Z"`
	for _, text := range []string{key, zitadels, fmt.Sprintf(`{"keys":[{"key":%q},{"key":%q,%s}],"format":1}`, key, zitadels, until)} {
		keys, err := bus.ReadSigningKeys(text)
		require.NoError(t, err)
		back, err := keys.Text()
		require.NoError(t, err)
		require.Equal(t, text, back)
	}
	many := strings.Repeat(fmt.Sprintf(`,{"key":%q,%s}`, key, until), action.MaxSigningKeys)
	for _, text := range []string{"", "short", key + "x", "with a space in it", "{", "{}", `{"keys":[]}`, `{"keys":[{"key":""}]}`,
		fmt.Sprintf(`{"keys":[{"key":%q},{"key":%q}]}`, key, key), fmt.Sprintf(`{"keys":[{"key":%q,%s}]}`, key, until),
		fmt.Sprintf(`{"keys":[{"key":%q}%s]}`, key, many), fmt.Sprintf(`{"keys":[{"key":%q}],"format":99}`, key)} {
		_, err := bus.ReadSigningKeys(text)
		require.Error(t, err, text)
		require.NotContains(t, err.Error(), key[6:20])
	}
}

// TestOneReplacesKeys: who was told others than those that stand replaces none, and
// what is over is taken out.
func TestOneReplacesKeys(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		ctx := bustest.Within(t, 20*time.Second)
		none, revision, err := i.SigningKeys(ctx, "acme", "hook")
		require.NoError(t, err)
		require.Empty(t, none)
		keys, err := none.Rotated(sign.NewKey(), time.Hour, time.Now())
		require.NoError(t, err)
		require.NoError(t, i.ReplaceSecret(ctx, "acme", "hook", bus.TargetSecrets{Keys: keys}, revision))
		bustest.Code(t, action.CodeConflict, i.ReplaceSecret(ctx, "acme", "hook", bus.TargetSecrets{Keys: keys}, revision))
		have, revision, err := i.SigningKeys(ctx, "acme", "hook")
		require.NoError(t, err)
		require.Equal(t, plain(keys), plain(have))
		next, err := have.Rotated(sign.NewKey(), time.Hour, time.Now())
		require.NoError(t, err)
		require.NoError(t, i.ReplaceSecret(ctx, "acme", "hook", bus.TargetSecrets{Keys: next}, revision))
		dropped, err := i.DropEndedKeys(ctx, time.Now())
		require.NoError(t, err)
		require.Zero(t, dropped, "its time is not over")
		dropped, err = i.DropEndedKeys(ctx, time.Now().Add(2*time.Hour))
		require.NoError(t, err)
		require.Equal(t, 1, dropped)
		text, ok, err := i.Secret(ctx, "acme", "hook")
		require.NoError(t, err)
		require.True(t, ok)
		left, err := bus.ReadSigningKeys(text)
		require.NoError(t, err)
		require.Equal(t, next[:1], left)
	})
}
