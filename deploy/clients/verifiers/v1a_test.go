package verifiers_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const asymmetric = `
targets:
  instances: {type: webhook, url: "HOOKS/instances", signature: [zitadel, standard, standard_v1a], interrupt_on_error: true}
  own: {type: webhook, url: "HOOKS/own", signature: [standard_v1a], signing_key: {file: own.key}, interrupt_on_error: true}
requests:
  "*": {targets: [{target: instances}, {target: own}]}
events:
  "*": {targets: [{target: instances}, {target: own}]}
`

// published gives the ed25519 keys of the instance, the newest first.
func (c callout) published(t *testing.T) (keys []string) {
	t.Helper()
	lines := json.NewDecoder(strings.NewReader(c.do(t, "", "key", "list", "--json")))
	for lines.More() {
		var key struct{ WebhookPublicKey string }
		require.NoError(t, lines.Decode(&key))
		keys = append(keys, key.WebhookPublicKey)
	}
	return keys
}

// ownKey writes a key of a target's own, and gives its public half.
func ownKey(t *testing.T, dir string) string {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	text := "whsk_" + base64.StdEncoding.EncodeToString(private)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "own.key"), []byte(text), 0o600))
	return "whpk_" + base64.StdEncoding.EncodeToString(public)
}

// TestV1a: a verifier that knows public keys alone, written from the specification, takes
// what a target's own key signs, and what the instance's does while that is rotated: of the
// one before until the new one signs, which is published before, and then of the new one.
func TestV1a(t *testing.T) {
	dir := t.TempDir()
	public := ownKey(t, dir)
	url := start(t, "--keys-dir", dir)
	for _, instance := range instances {
		t.Run(instance, func(t *testing.T) {
			t.Parallel()
			c, tg := callout{url, instance}, newTarget(t)
			verify := begin(t, "node", "verify.mjs").verifier("v1a")
			c.do(t, strings.ReplaceAll(asymmetric, "HOOKS", tg.URL), "apply", "-f", "-")
			first := c.published(t)
			require.Len(t, first, 1)
			end := c.traffic(t)
			for _, name := range []string{"instances", "own"} {
				tg.await(t, name, "before", enough, func(received) bool { return true })
			}
			c.do(t, "", "key", "rotate", "--lead", "3s")
			second := c.published(t)
			require.Len(t, second, 2, "the one before is published until nothing that it signed is good")
			newer := second[0]
			if newer == first[0] {
				newer = second[1]
			}
			tg.await(t, "instances", "after", enough, func(r received) bool { return verify(newer, r) == nil })
			end()

			for _, isEvent := range []bool{false, true} {
				var byNewer, changed, refused int
				for n, r := range tg.ofKind("instances", isEvent) {
					require.Equal(t, 1, r.signatures("Webhook-Signature", "v1a,"))
					older, new := verify(first[0], r) == nil, verify(newer, r) == nil
					require.True(t, older != new, "request %d is signed with one of them", n)
					require.False(t, older && byNewer > 0, "request %d: the key before signs again", n)
					if new {
						byNewer++
					}
				}
				require.GreaterOrEqual(t, byNewer, enough)
				own := tg.ofKind("own", isEvent)
				require.GreaterOrEqual(t, len(own), 2*enough)
				for _, r := range own {
					require.NoError(t, verify(public, r))
					require.Error(t, verify(newer, r))
				}
				for _, r := range own[:5] {
					for _, bad := range tampered(r, false) {
						changed++
						if verify(public, bad) != nil {
							refused++
						}
					}
				}
				require.Equal(t, changed, refused, "changed requests that are refused")
				t.Logf("v1a, events %v: %d requests, %d of them by the new key of the instance; %d by the target's own; %d of %d changed ones refused",
					isEvent, len(tg.ofKind("instances", isEvent)), byNewer, len(own), refused, changed)
			}
		})
	}
}
