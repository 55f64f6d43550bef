package dispatch_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/catalog"
)

func publicPEM(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// TestPublicKeysOfATarget: they are added, activated one at a time, and removed; they go
// along with another name, and are forgotten with the target.
func TestPublicKeysOfATarget(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	d := f.dispatcher()
	both(t, f, func(t *testing.T, of tenant) {
		of.change(t, d, func(*catalog.Snapshot) *catalog.Snapshot {
			return catalog.Empty(of.id).WithTarget("", hook("a", "https://a.example")).WithTarget("acme", hook("a", "https://b.example"))
		})
		i, ctx := d.Instance(of.id), within(t, time.Minute)
		text := publicPEM(t)
		one, err := i.AddPublicKey(ctx, "", "a", bus.NewPublicKey{PEM: text})
		require.NoError(t, err)
		require.False(t, one.Active)
		two, err := i.AddPublicKey(ctx, "", "a", bus.NewPublicKey{PEM: publicPEM(t), Activate: true, Expires: time.Now().Add(time.Hour)})
		require.NoError(t, err)
		require.True(t, two.Active)
		_, err = i.AddPublicKey(ctx, "", "a", bus.NewPublicKey{PEM: text})
		code(t, action.CodeAlreadyExists, err)
		_, err = i.AddPublicKey(ctx, "", "a", bus.NewPublicKey{PEM: publicPEM(t), Expires: time.Now().Add(-time.Second)})
		code(t, action.CodeBadField, err)
		_, err = i.AddPublicKey(ctx, "", "nobody", bus.NewPublicKey{PEM: publicPEM(t)})
		code(t, action.CodeNotFound, err)
		keys, err := i.PublicKeys(ctx, "acme", "a")
		require.NoError(t, err)
		require.Empty(t, keys, "another's target has its own")

		_, err = i.SetPublicKeyActive(ctx, "", "a", one.ID, true)
		require.NoError(t, err)
		keys, err = i.PublicKeys(ctx, "", "a")
		require.NoError(t, err)
		require.Equal(t, []bool{true, false}, []bool{keys[0].Active, keys[1].Active})
		code(t, action.CodeStillUsed, i.RemovePublicKey(ctx, "", "a", one.ID))
		code(t, action.CodeNotFound, i.RemovePublicKey(ctx, "", "a", "nobody"))
		require.NoError(t, i.RemovePublicKey(ctx, "", "a", two.ID))

		of.change(t, d, func(current *catalog.Snapshot) *catalog.Snapshot { return renamed(current, "a", "b") })
		keys, err = i.PublicKeys(ctx, "", "b")
		require.NoError(t, err)
		require.Len(t, keys, 1)
		m, err := i.Catalog(ctx, 0)
		require.NoError(t, err)
		meta, _ := m.Snapshot().MetaOf("", catalog.Ref{Name: "b"})
		id := meta.ID
		of.change(t, d, func(current *catalog.Snapshot) *catalog.Snapshot { return catalog.Empty(of.id) })
		require.Eventually(t, func() bool {
			left, _, err := f.bus().Instance(of.id).PublicKeys(within(t, 10*time.Second), id)
			return err == nil && left == nil
		}, time.Minute, 20*time.Millisecond)
	})
}

// TestRevokedKeysOfATarget: the one before signs no more at once, by its fingerprint.
func TestRevokedKeysOfATarget(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	d := f.dispatcher()
	both(t, f, func(t *testing.T, of tenant) {
		of.change(t, d, func(*catalog.Snapshot) *catalog.Snapshot {
			return catalog.Empty(of.id).WithTarget("acme", hook("a", "https://a.example"))
		})
		i, ctx := d.Instance(of.id), within(t, time.Minute)
		before, err := i.SigningKeys(ctx, "acme", "a")
		require.NoError(t, err)
		require.Len(t, before, 1)
		require.Regexp(t, `^[0-9a-f]{16}$`, before[0].ID)
		require.False(t, before[0].Since.IsZero())
		_, err = i.RotateKey(ctx, "acme", "a", time.Hour)
		require.NoError(t, err)
		keys, err := i.SigningKeys(ctx, "acme", "a")
		require.NoError(t, err)
		require.Len(t, keys, 2)
		require.Equal(t, before[0].ID, keys[1].ID, "it has the same fingerprint still")
		_, err = i.RevokeKey(ctx, "acme", "a", keys[0].ID)
		code(t, action.CodeBadField, err)
		left, err := i.RevokeKey(ctx, "acme", "a", keys[1].ID)
		require.NoError(t, err)
		require.Len(t, left, 1)
		_, err = i.RevokeKey(ctx, "acme", "a", keys[1].ID)
		code(t, action.CodeNotFound, err)
		_, err = i.RevokeKey(ctx, "", "a", keys[0].ID)
		code(t, action.CodeNotFound, err)
	})
}
