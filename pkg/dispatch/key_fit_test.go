package dispatch_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
)

// TestAnAsymmetricKeySignsStandardWebhooksAlone: a target that asks for ZITADEL's
// scheme with one is refused, of the instance and of an organization, when it is
// new, when it changes, and when its key changes where it comes from.
func TestAnAsymmetricKeySignsStandardWebhooksAlone(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	d := f.dispatcher()
	both(t, f, func(t *testing.T, of tenant) {
		i := d.Instance(of.id)
		from := filepath.Join(t.TempDir(), "key")
		write := func(key string) { require.NoError(t, os.WriteFile(from, []byte(key+"\n"), 0o600)) }
		private := "whsk_" + base64.StdEncoding.EncodeToString(make([]byte, ed25519.SeedSize))
		secret := "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 32))
		for owner, field := range map[string]string{"": "targets.given.signing_key", "acme": "orgs.acme.targets.given.signing_key"} {
			with := func(styles ...action.Signature) *catalog.Snapshot {
				given := hook("given", "https://a.example")
				given.SigningKey, given.Signatures = action.KeySource{File: from}, styles
				return catalog.Empty(of.id).WithTarget(owner, given)
			}
			refused := func(text *catalog.Snapshot) {
				t.Helper()
				_, err := i.Apply(within(t, 20*time.Second), text)
				code(t, action.CodeBadField, err)
				e := action.AsError(err, "")
				require.Equal(t, []string{field, "given"}, []string{e.Field, e.Target})
				require.Contains(t, e.Message, "signature: [standard]", "what helps")
				require.NotContains(t, err.Error(), private[5:])
			}
			key := func() string {
				key, err := i.SigningKey(within(t, 10*time.Second), owner, "given")
				require.NoError(t, err)
				return key
			}
			write(private)
			refused(with(action.SignZitadel, action.SignStandard)) // as a target does that says nothing
			refused(with(action.SignZitadel))

			_, err := i.Apply(within(t, 20*time.Second), with(action.SignStandard))
			require.NoError(t, err)
			require.Equal(t, private, key())
			refused(with(action.SignZitadel))
			write(secret)
			_, err = i.Apply(within(t, 20*time.Second), with(action.SignZitadel))
			require.NoError(t, err)
			write(private)
			refused(with(action.SignZitadel)) // the text is the same
			require.Equal(t, secret, key())
		}
	})
}

// TestAKeyOfZitadelsFormSignsItsSchemeAlone: a target that asks for Standard
// Webhooks too is refused with one, as is text that is no key of anybody's.
func TestAKeyOfZitadelsFormSignsItsSchemeAlone(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	d := f.dispatcher()
	both(t, f, func(t *testing.T, of tenant) {
		i, from := d.Instance(of.id), filepath.Join(t.TempDir(), "key")
		apply := func(key string, styles ...action.Signature) error {
			require.NoError(t, os.WriteFile(from, []byte(key+"\n"), 0o600))
			given := hook("given", "https://a.example")
			given.SigningKey, given.Signatures = action.KeySource{File: from}, styles
			_, err := i.Apply(within(t, 20*time.Second), catalog.Empty(of.id).WithTarget("", given))
			return err
		}
		const key = "zxxkF8kGcCXaRCbgAsZyKPyQM2fTAgbt" + "-of-" // and what no ZITADEL makes
		for _, styles := range [][]action.Signature{{action.SignStandard}, {action.SignZitadel, action.SignStandard}} {
			err := apply(key, styles...)
			code(t, action.CodeBadField, err)
			require.Contains(t, action.AsError(err, "").Message, "signature: [zitadel]", "what helps")
			require.NotContains(t, err.Error(), key[:8])
		}
		require.NoError(t, apply(key, action.SignZitadel))
		kept, err := i.SigningKey(within(t, 10*time.Second), "", "given")
		require.NoError(t, err)
		require.Equal(t, key, kept)
		for _, none := range []string{"short", "with a space in it", "{\"keys\":[]}-and-more", strings.Repeat("x", 300), "whsec_" + key, "whpk_" + key} {
			code(t, action.CodeBadField, apply(none, action.SignZitadel))
		}
	})
}
