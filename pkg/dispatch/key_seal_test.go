package dispatch_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/dispatch"
	"github.com/callout-hq/callout/pkg/seal"
	"github.com/callout-hq/callout/pkg/sign"
)

// unsealed are the signing keys of a target as a worker has them, and their revision in
// the store, where all of them are sealed.
func unsealed(t *testing.T, b *bus.Bus, id, owner, target string, with seal.PrivateKey) (keys []string, revision uint64) {
	t.Helper()
	all, revision, err := b.Instance(id).SigningKeys(within(t, 10*time.Second), owner, target)
	require.NoError(t, err)
	for _, k := range all {
		require.True(t, k.IsSealed())
		key, err := k.Open(seal.Ring{with}, id, owner)
		require.NoError(t, err)
		keys = append(keys, key)
	}
	return keys, revision
}

// TestASealedKeyOfAFile is stored again when another one stands there, and not when
// the same does; another dispatcher cannot tell and stores it again, once.
func TestASealedKeyOfAFile(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	with, err := seal.NewKey()
	require.NoError(t, err)
	public := with.Public()
	d := f.dispatcherWith(f.bus(), dispatch.Options{SealTo: &public})
	another := f.dispatcherWith(f.bus(), dispatch.Options{SealTo: &public})
	both(t, f, func(t *testing.T, of tenant) {
		file, b := filepath.Join(t.TempDir(), "key"), f.bus()
		given, made := hook("given", "https://a.example"), hook("made", "https://a.example")
		given.SigningKey = action.KeySource{File: file}
		text := catalog.Empty(of.id).WithTarget("acme", given).WithTarget("acme", made)
		apply := func(d *running, key string) uint64 {
			require.NoError(t, os.WriteFile(file, []byte(key+"\n"), 0o600))
			_, err := d.Instance(of.id).Apply(within(t, 20*time.Second), text)
			require.NoError(t, err)
			keys, revision := unsealed(t, b, of.id, "acme", "given", with)
			require.Equal(t, []string{key}, keys)
			return revision
		}
		first, next := sign.NewKey(), sign.NewKey()
		stored := apply(d, first)
		_, stands := unsealed(t, b, of.id, "acme", "made", with)
		require.Equal(t, stored, apply(d, first), "it is the same")
		changed := apply(d, next)
		require.NotEqual(t, stored, changed)
		theirs := apply(another, next)
		require.NotEqual(t, changed, theirs)
		require.Equal(t, theirs, apply(another, next))
		apply(another, first)
		apply(d, next) // which is what it sealed last itself, and not what is stored
		_, still := unsealed(t, b, of.id, "acme", "made", with)
		require.Equal(t, stands, still, "a key that was made stands as it is")
		key, err := d.Instance(of.id).SigningKey(within(t, 10*time.Second), "acme", "made")
		require.NoError(t, err)
		require.Empty(t, key, "a dispatcher cannot open it")
	})
}

// TestTheFormOfASealedKeyIsKnown: a target whose key is sealed is refused a scheme that
// its key does not sign by.
func TestTheFormOfASealedKeyIsKnown(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	with, err := seal.NewKey()
	require.NoError(t, err)
	public := with.Public()
	d := f.dispatcherWith(f.bus(), dispatch.Options{SealTo: &public})
	both(t, f, func(t *testing.T, of tenant) {
		file := filepath.Join(t.TempDir(), "key")
		apply := func(from action.KeySource, styles ...action.Signature) error {
			given := hook("given", "https://a.example")
			given.SigningKey, given.Signatures = from, styles
			_, err := d.Instance(of.id).Apply(within(t, 20*time.Second), catalog.Empty(of.id).WithTarget("", given))
			return err
		}
		for key, signs := range map[string][2]action.Signature{
			"zxxkF8kGcCXaRCbgAsZyKPyQM2fTAgbt-x":                {action.SignZitadel, action.SignStandard},
			"whsk_AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=": {action.SignStandard, action.SignZitadel},
		} {
			require.NoError(t, os.WriteFile(file, []byte(key), 0o600))
			require.NoError(t, apply(action.KeySource{File: file}, signs[0]))
			require.NoError(t, apply(action.KeySource{}, signs[0]), "it keeps the key that it has")
			err := apply(action.KeySource{}, signs[1])
			code(t, action.CodeBadField, err)
			require.Equal(t, "targets.given.signing_key", action.AsError(err, "").Field)
			kept, _ := unsealed(t, f.bus(), of.id, "", "given", with)
			require.Equal(t, []string{key}, kept)
		}
	})
}
