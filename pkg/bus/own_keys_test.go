package bus_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/seal"
	"github.com/callout-hq/callout/pkg/sign"
)

func newPair(t *testing.T) sign.Pair {
	t.Helper()
	p, err := sign.NewPair(action.Ed25519)
	require.NoError(t, err)
	return p
}

// TestRotatedOwnKeys: the first signs at once; the next is published before it signs, and
// the one before it until nothing that it signed is good any more.
func TestRotatedOwnKeys(t *testing.T) {
	t.Parallel()
	a, b, c, d := newPair(t), newPair(t), newPair(t), newPair(t)
	at := func(after time.Duration) time.Time { return keyTime.Add(after) }
	first, err := bus.OwnKeys(nil).Rotated(a, time.Hour, keyTime)
	require.NoError(t, err)
	second, err := first.Rotated(b, time.Hour, at(time.Minute))
	require.NoError(t, err)
	for _, tt := range []struct {
		after     time.Duration
		signs     string
		published int
		states    []string // of b and a
	}{
		{0, a.ID, 2, []string{"coming", "signs"}}, {time.Hour, a.ID, 2, []string{"coming", "signs"}}, {61 * time.Minute, b.ID, 2, []string{"signs", "past"}},
		{61*time.Minute + action.KeyOutlives - time.Millisecond, b.ID, 2, []string{"signs", "past"}}, {61*time.Minute + action.KeyOutlives, b.ID, 1, []string{"signs", "past"}},
	} {
		k, ok := second.Signing(action.Ed25519, at(tt.after))
		require.True(t, ok)
		require.Equal(t, tt.signs, k.ID, tt.after)
		require.Len(t, second.Public(at(tt.after)), tt.published, tt.after)
		require.Equal(t, tt.states, []string{second[0].State(at(tt.after)), second[1].State(at(tt.after))})
	}
	behind, ok := second.Signing(action.Ed25519, at(-time.Minute))
	require.True(t, ok, "a worker whose clock is behind signs too")
	require.Equal(t, a.ID, behind.ID)
	_, ok = second.Signing(action.RS256, keyTime)
	require.False(t, ok)

	// One that has not signed yet gives way, and ends nobody.
	third, err := second.Rotated(c, 2*time.Hour, at(2*time.Minute))
	require.NoError(t, err)
	require.Equal(t, []string{c.ID, a.ID}, []string{third[0].ID, third[1].ID})
	require.Equal(t, third[0].Signs, third[1].Ends)
	// Somebody else has the key: nothing but the new one counts.
	alone, err := third.Rotated(d, 0, at(3*time.Minute))
	require.NoError(t, err)
	require.Len(t, alone, 1)
	require.Equal(t, at(3*time.Minute), alone[0].Signs)

	full := alone
	for n := range action.MaxOwnKeys - 1 {
		full, err = full.Rotated(newPair(t), time.Millisecond, at(4*time.Minute+time.Duration(n)*time.Second))
		require.NoError(t, err)
	}
	_, err = full.Rotated(newPair(t), time.Millisecond, at(5*time.Minute))
	bustest.Code(t, action.CodeConflict, err)
	left, gone := full.Dropped(at(4 * time.Hour))
	require.Len(t, left, 1)
	require.Len(t, gone, action.MaxOwnKeys-1)
}

// TestOwnKeysInTheStore: of two at once one is told; a private half is bound to its
// instance and its key, and is sealed anew by who can open it.
func TestOwnKeysInTheStore(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx := bustest.Within(t, 20*time.Second)
		pair := newPair(t)
		old, next := newSealKey(t), newSealKey(t)
		first, err := bus.OwnKeys(nil).Rotated(pair, 0, time.Now())
		require.NoError(t, err)
		require.NoError(t, i.PutPrivateHalf(ctx, pair.ID, pair.Private, nil))
		require.NoError(t, i.ReplaceOwnKeys(ctx, first, 0))
		bustest.Code(t, action.CodeConflict, i.ReplaceOwnKeys(ctx, first, 0))
		kept, _, err := i.OwnKeys(ctx)
		require.NoError(t, err)
		require.Equal(t, first, kept)

		sealed, err := i.SealHalves(ctx, old.Public())
		require.NoError(t, err)
		require.Equal(t, 1, sealed)
		text, err := i.PrivateHalf(ctx, pair.ID)
		require.NoError(t, err)
		require.True(t, seal.IsSealed(text))
		got, err := i.OpenHalf(seal.Ring{old}, pair.ID, text)
		require.NoError(t, err)
		require.Equal(t, pair.Private, got)
		for _, wrong := range []func() (string, error){
			func() (string, error) { return i.OpenHalf(seal.Ring{next}, pair.ID, text) },
			func() (string, error) { return i.OpenHalf(seal.Ring{old}, "another", text) },
			func() (string, error) {
				return s.Connect(t, bus.Options{}).Instance("another").OpenHalf(seal.Ring{old}, pair.ID, text)
			},
		} {
			_, err := wrong()
			bustest.Code(t, action.CodeInternal, err)
		}
		sealed, err = i.ResealHalves(ctx, seal.Ring{next, old})
		require.NoError(t, err)
		require.Equal(t, 1, sealed)
		text, err = i.PrivateHalf(ctx, pair.ID)
		require.NoError(t, err)
		got, err = i.OpenHalf(seal.Ring{next}, pair.ID, text)
		require.NoError(t, err)
		require.Equal(t, pair.Private, got)

		require.NoError(t, i.ForgetPrivateHalves(ctx, nil))
		text, err = i.PrivateHalf(ctx, pair.ID)
		require.NoError(t, err)
		require.Empty(t, text)
		require.NoError(t, i.Bucket(bus.BucketKeys).Put(ctx, i.Token, []byte(`{"keys":[{"kid":"x","alg":"ed25519","public":"AAAA","signs":"2026-01-01T00:00:00Z"}]}`)))
		_, _, err = i.OwnKeys(ctx)
		bustest.Code(t, action.CodeUnreadable, err)
	})
}
