//go:build zitadel

package verifiers_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestZitadelReceiver: what ZITADEL has for receivers in JavaScript opens every JWT, and
// every JWE for a key that it knows: of RSA. It is published nowhere, so that this is no
// part of the other tests: "task test:clients:zitadel-receiver" builds it from its source.
func TestZitadelReceiver(t *testing.T) {
	require.NotEmpty(t, os.Getenv("ZITADEL_WEBHOOKS"), "names the module of the receiver")
	url := start(t)
	for n, instance := range instances {
		t.Run(instance, func(t *testing.T) {
			t.Parallel()
			c, tg := callout{url, instance}, newTarget(t)
			private := tokensFlow(t, c, tg)
			receiver := begin(t, "node", "verify.mjs")
			for _, k := range tokens {
				q := question{Verifier: "ZITADEL's JWT", JWKS: c.jwks(), Issuer: instance, Audience: k.name}
				if k.key != "" {
					q.Verifier, q.Key = "ZITADEL's JWE", private[k.name]
				}
				if k.key != "" && k.key != "rsa" {
					continue
				}
				all := tg.of(k.name)
				for _, r := range all {
					told, err := receiver.ask(q, r)
					require.NoError(t, err)
					require.Contains(t, string(told.Payload), r.headers.Get("Callout-Delivery-Id"))
				}
				bad := q
				bad.Audience = "somebody"
				_, err := receiver.ask(bad, all[0])
				require.Error(t, err)
				bad = q
				bad.JWKS = callout{url, instances[1-n]}.jwks()
				_, err = receiver.ask(bad, all[0])
				require.Error(t, err)
				t.Logf("%s: %d opened of %d", k.name, len(all), len(all))
			}
		})
	}
}
