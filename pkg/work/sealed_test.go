package work

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/seal"
	"github.com/callout-hq/callout/pkg/sign"
)

func sealRing(t testing.TB) seal.Ring {
	t.Helper()
	key, err := seal.NewKey()
	require.NoError(t, err)
	return seal.Ring{key}
}

// sealedText is a key as it is stored of a target that no organization owns.
func sealedText(t testing.TB, with seal.Ring, instance string, keys bus.SigningKeys) string {
	t.Helper()
	keys, err := keys.Seal(with[0].Public(), instance, "")
	require.NoError(t, err)
	text, err := keys.Text()
	require.NoError(t, err)
	return text
}

// TestAKeyIsOpenedOnce for each change of what is stored, also when a grace time ends,
// and not for each request.
func TestAKeyIsOpenedOnce(t *testing.T) {
	t.Parallel()
	with := sealRing(t)
	old, next := sign.NewKey(), sign.NewKey()
	keys, err := bus.SigningKeys{{Key: old}}.Rotated(next, time.Hour, time.Now())
	require.NoError(t, err)
	for _, id := range instances {
		asked := 0
		r := newRing(with, id, "", sealedText(t, with, id, keys))
		open := r.open
		r.open = func(k bus.SigningKey) (string, error) { asked++; return open(k) }
		for range 100 {
			now, err := r.signing()
			require.NoError(t, err)
			require.Equal(t, []string{next, old}, now)
		}
		require.Equal(t, 2, asked)
		r.turn(time.Now().Add(2 * time.Hour))
		require.Equal(t, []string{next}, r.now)
		require.Equal(t, 2, asked)
	}
}

// TestAMadeKeyIsSealed by a worker that has a key: for the newest of those it has.
func TestAMadeKeyIsSealed(t *testing.T) {
	t.Parallel()
	g, with := newGround(t), append(sealRing(t), sealRing(t)...)
	g.apply(hookOnAdded)
	g.end()
	g.both(func(in at) {
		require.NoError(t, in.bucket(bus.BucketSecrets).Purge(within(t, 5*time.Second), in.id+".=.hook"))
		keys, err := newKeys(g.bus, with).get(within(t, 5*time.Second), in.id, "", &action.Target{Name: "hook"})
		require.NoError(t, err)
		kept, _, err := in.bus.SigningKeys(within(t, 5*time.Second), "", "hook")
		require.NoError(t, err)
		require.Equal(t, with[0].ID(), kept[0].SealedFor())
		again, err := newKeys(g.bus, with).get(within(t, 5*time.Second), in.id, "", &action.Target{Name: "hook"})
		require.NoError(t, err)
		require.Equal(t, keys, again)
		_, err = newKeys(g.bus, nil).get(within(t, 5*time.Second), in.id, "", &action.Target{Name: "hook"})
		require.Equal(t, action.CodeInternal, action.CodeOf(err))
		require.True(t, action.CodeOf(err).IsOurs(), "it is no attempt")
	})
}

// BenchmarkKeys asks for the key of a target as each delivery does: it costs the same
// whether it is sealed or not.
func BenchmarkKeys(b *testing.B) {
	with := sealRing(b)
	for name, text := range map[string]string{"open": sign.NewKey(), "sealed": sealedText(b, with, "north", bus.SigningKeys{{Key: sign.NewKey()}})} {
		b.Run(name, func(b *testing.B) {
			k, target := newKeys(nil, with), &action.Target{Name: "hook"}
			k.set(bus.TargetKey{Instance: "north", Name: "hook"}, text)
			for b.Loop() {
				if keys, err := k.get(b.Context(), "north", "", target); err != nil || len(keys) != 1 {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestWhatCannotBeOpenedIsCounted by the key that is lacking, as keys come and go.
func TestWhatCannotBeOpenedIsCounted(t *testing.T) {
	t.Parallel()
	with, other := sealRing(t), sealRing(t)
	k := newKeys(nil, with)
	require.Empty(t, k.unopened())
	for _, id := range instances {
		of := bus.TargetKey{Instance: id, Name: "hook"}
		lost := sealedText(t, other, id, bus.SigningKeys{{Key: sign.NewKey()}})
		for range 2 { // told twice, it counts once
			k.set(of, lost)
			k.setDeparted(id, bus.Departed{ID: "id", Key: lost})
		}
		require.Equal(t, map[string]int{other[0].ID(): 2}, k.unopened())
		k.set(of, "")
		require.Equal(t, map[string]int{other[0].ID(): 1}, k.unopened())
		k.set(of, lost)
		k.set(of, sealedText(t, with, id, bus.SigningKeys{{Key: sign.NewKey()}}))
		require.Equal(t, map[string]int{other[0].ID(): 1}, k.unopened())
		k.setDeparted(id, bus.Departed{ID: "id"})
		require.Empty(t, k.unopened())
	}
}
