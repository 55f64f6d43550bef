package work

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/seal"
	"github.com/callout-hq/callout/pkg/sign"
)

// sealedHeaders are the secrets of a target that no organization owns, as they are
// stored.
func sealedHeaders(t testing.TB, with seal.Ring, instance string, headers map[string]string) string {
	t.Helper()
	s, err := bus.TargetSecrets{Keys: bus.SigningKeys{{Key: sign.NewKey()}}, Headers: headers}.Seal(with[0].Public(), instance, "")
	require.NoError(t, err)
	text, err := s.Text()
	require.NoError(t, err)
	return text
}

// withHeaders is a target with a header that is read and one that names a secret.
func withHeaders() *action.Target {
	return &action.Target{Name: "hook", HeaderSources: map[string]action.SecretSource{"X-Key": {File: "key"}, "X-Shared": {Secret: "partner"}}}
}

// TestHeadersCostALookUp: what was opened stays open until something changes, and no
// call costs memory; another definition of the target has others at once.
func TestHeadersCostALookUp(t *testing.T) {
	with := sealRing(t)
	k := newKeys(nil, with)
	for _, id := range instances {
		k.set(bus.TargetKey{Instance: id, Name: "hook"}, sealedHeaders(t, with, id, map[string]string{"X-Key": "a of " + id}))
		k.setNamed(id, bus.NamedSecret{Name: "partner", Value: "b of " + id})
	}
	for _, id := range instances {
		target := withHeaders()
		ask := func() map[string]string {
			values, err := k.sent(t.Context(), id, "", target, "")
			require.NoError(t, err)
			return values.headers
		}
		require.Equal(t, map[string]string{"X-Key": "a of " + id, "X-Shared": "b of " + id}, ask())
		require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = k.sent(t.Context(), id, "", target, "") }))
		again := *target // as each delivery has one of its own
		require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = k.sent(t.Context(), id, "", &again, "") }))
		k.setNamed(id, bus.NamedSecret{Name: "partner", Value: "c"})
		require.Equal(t, "c", ask()["X-Shared"])
		target = &action.Target{Name: "hook", HeaderSources: map[string]action.SecretSource{"X-Other": {Secret: "partner"}}}
		require.Equal(t, map[string]string{"X-Other": "c"}, ask())
		plain := &action.Target{Name: "hook"}
		require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = k.sent(t.Context(), id, "", plain, "") }))
	}
}

// TestAHeaderThatAnEditTakesAway is there for the catalog that is still in force, and
// not for long.
func TestAHeaderThatAnEditTakesAway(t *testing.T) {
	t.Parallel()
	with := sealRing(t)
	for _, id := range instances {
		k, of := newKeys(nil, with), bus.TargetKey{Instance: id, Name: "hook"}
		target := &action.Target{Name: "hook", HeaderSources: map[string]action.SecretSource{"X-Key": {File: "key"}}}
		k.set(of, sealedHeaders(t, with, id, map[string]string{"X-Key": "a"}))
		_, err := k.sent(t.Context(), id, "", target, "")
		require.NoError(t, err)
		k.set(of, sealedText(t, with, id, bus.SigningKeys{{Key: sign.NewKey()}}))
		values, err := k.sent(t.Context(), id, "", target, "")
		require.NoError(t, err)
		require.Equal(t, "a", values.headers["X-Key"])
		k.set(of, sealedText(t, with, id, bus.SigningKeys{{Key: sign.NewKey()}}))
		_, err = k.together(id, "", target, "")
		require.ErrorIs(t, err, errLacking)
	}
}

// TestHeadersThatCannotBeOpened are a fault of ours, name what is lacking, and are
// counted with the keys.
func TestHeadersThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	with, other := sealRing(t), sealRing(t)
	k := newKeys(nil, with)
	for _, id := range instances {
		k.set(bus.TargetKey{Instance: id, Name: "hook"}, sealedHeaders(t, other, id, map[string]string{"X-Key": "a"}))
		k.setNamed(id, bus.NamedSecret{Name: "partner", Value: "b"})
		for range 2 {
			_, err := k.sent(t.Context(), id, "", withHeaders(), "")
			require.Equal(t, action.CodeInternal, action.CodeOf(err))
			require.True(t, action.CodeOf(err).IsOurs(), "it is no attempt")
			require.ErrorContains(t, err, "the value of the header X-Key is sealed for key "+other[0].ID())
		}
		// What was swapped by who may write the bucket is not sent.
		k.set(bus.TargetKey{Instance: id, Name: "hook"}, sealedHeaders(t, with, "elsewhere", map[string]string{"X-Key": "a"}))
		_, err := k.sent(t.Context(), id, "", withHeaders(), "")
		require.ErrorContains(t, err, "it was changed, or is of somewhere else")
		k.set(bus.TargetKey{Instance: id, Name: "hook"}, sealedHeaders(t, with, id, map[string]string{"X-Key": "two\nlines"}))
		_, err = k.sent(t.Context(), id, "", withHeaders(), "")
		require.ErrorContains(t, err, "what is kept for the header X-Key cannot be the value of a header")
		require.NotContains(t, err.Error(), "two")
		sealed, err := other[0].Public().Seal("b", seal.Record{Purpose: "named secret", Instance: id, Name: "partner"})
		require.NoError(t, err)
		k.setNamed(id, bus.NamedSecret{Name: "partner", Value: sealed})
		k.setNamed(id, bus.NamedSecret{Name: "partner", Value: sealed})
	}
	require.Equal(t, map[string]int{other[0].ID(): 2}, k.unopened())
	for _, id := range instances {
		k.setNamed(id, bus.NamedSecret{Name: "partner"})
	}
	require.Empty(t, k.unopened())
}

// TestHeadersThatTheWatchDoesNotKnowYet are read where they are stored; what nobody has
// stored is named, and no key is made for a target whose headers a dispatcher must read.
func TestHeadersThatTheWatchDoesNotKnowYet(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.end()
	g.both(func(in at) {
		ctx := within(t, 10*time.Second)
		with := sealRing(t)
		_, err := newKeys(g.bus, with).get(ctx, in.id, "", withHeaders())
		require.ErrorContains(t, err, "the target has no signing key")
		require.NoError(t, in.bus.PutSecrets(ctx, []bus.NewSecret{{Target: "hook", Key: sealedHeaders(t, with, in.id, map[string]string{"X-Key": "a"})}}))
		_, err = newKeys(g.bus, with).sent(ctx, in.id, "", withHeaders(), "")
		require.ErrorContains(t, err, "the secret partner is not set: callout secret set partner")
		to := with[0].Public()
		_, err = in.bus.PutNamedSecret(ctx, bus.NamedSecret{Name: "partner", Value: "b"}, &to)
		require.NoError(t, err)
		values, err := newKeys(g.bus, with).sent(ctx, in.id, "", withHeaders(), "")
		require.NoError(t, err)
		require.Equal(t, map[string]string{"X-Key": "a", "X-Shared": "b"}, values.headers)
		_, err = newKeys(g.bus, with).sent(ctx, in.id, "acme", &action.Target{Name: "own", HeaderSources: map[string]action.SecretSource{"X": {Secret: "partner"}}}, "")
		require.ErrorContains(t, err, "the secret partner is not set: callout secret set --org acme partner", "the instance's is not the organization's")
		left := bus.Departed{ID: "id", Target: "gone", Key: sealedHeaders(t, with, in.id, map[string]string{"X-Key": "of one that left"})}
		k := newKeys(g.bus, with)
		k.setDeparted(in.id, left)
		values, err = k.sent(ctx, in.id, "", withHeaders(), "id")
		require.NoError(t, err)
		require.Equal(t, "of one that left", values.headers["X-Key"])
	})
}

// BenchmarkHeaders asks for two headers as each delivery does.
func BenchmarkHeaders(b *testing.B) {
	with := sealRing(b)
	k, target := newKeys(nil, with), withHeaders()
	k.set(bus.TargetKey{Instance: "north", Name: "hook"}, sealedHeaders(b, with, "north", map[string]string{"X-Key": strings.Repeat("a", 40)}))
	k.setNamed("north", bus.NamedSecret{Name: "partner", Value: "b"})
	for b.Loop() {
		if values, err := k.sent(b.Context(), "north", "", target, ""); err != nil || len(values.headers) != 2 {
			b.Fatal(err)
		}
	}
}
