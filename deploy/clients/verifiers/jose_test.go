package verifiers_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// tokens are the targets that are sent a JWT or a JWE: how it is signed, and for which
// kind of key it is encrypted.
var tokens = []struct{ name, signed, key string }{
	{"jwt-ed25519", "EdDSA", ""}, {"jwt-rs256", "RS256", ""},
	{"jwe-rsa-ed25519", "EdDSA", "rsa"}, {"jwe-rsa-rs256", "RS256", "rsa"},
	{"jwe-p256-ed25519", "EdDSA", "p256"}, {"jwe-p256-rs256", "RS256", "p256"},
	{"jwe-p384-ed25519", "EdDSA", "p384"}, {"jwe-p521-rs256", "RS256", "p521"},
}

// tokensAt configures them.
func tokensAt(hooks string) string {
	var targets, all []string
	for _, k := range tokens {
		payload, algorithm := "jwt", "ed25519"
		if k.key != "" {
			payload = "jwe"
		}
		if k.signed == "RS256" {
			algorithm = "rs256"
		}
		targets = append(targets, fmt.Sprintf("  %s: {type: webhook, url: %q, payload: %s, jwt_algorithm: %s, interrupt_on_error: true}", k.name, hooks+"/"+k.name, payload, algorithm))
		all = append(all, "{target: "+k.name+"}")
	}
	list := "{targets: [" + strings.Join(all, ", ") + "]}\n"
	return "targets:\n" + strings.Join(targets, "\n") + "\nrequests:\n  \"*\": " + list + "events:\n  \"*\": " + list
}

// recipient makes a key that a target opens a JWE with: the private half in a file, and the
// public one as text.
func recipient(t *testing.T, kind string) (file, public string) {
	t.Helper()
	var key crypto.Signer
	var err error
	switch kind {
	case "rsa":
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	case "p256":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "p384":
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	default:
		key, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	}
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	file = filepath.Join(t.TempDir(), "target.key")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
	der, err = x509.MarshalPKIXPublicKey(key.Public())
	require.NoError(t, err)
	return file, string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// kid gives the id of the key that a JWT was signed with.
func kid(told opened) string { return told.Header["kid"] }

// TestJose: jose opens every JWT and JWE that calls and events are sent as, with the keys
// that the instance publishes, while these are rotated; and nothing that is for somebody
// else, or was changed.
func TestJose(t *testing.T) {
	url := start(t)
	for n, instance := range instances {
		t.Run(instance, func(t *testing.T) {
			t.Parallel()
			c, tg := callout{url, instance}, newTarget(t)
			private := tokensFlow(t, c, tg)
			jose := begin(t, "node", "verify.mjs")
			for _, k := range tokens {
				q := question{Verifier: "jose JWT", JWKS: c.jwks(), Issuer: instance, Audience: k.name, Algorithms: []string{k.signed}}
				if k.key != "" {
					q.Verifier, q.Key, q.Wrapped = "jose JWE", private[k.name], wrapped(k.key)
				}
				elsewhere := callout{url, instances[1-n]}.jwks()
				for _, isEvent := range []bool{false, true} {
					all := tg.ofKind(k.name, isEvent)
					kids := map[string]int{}
					for _, r := range all {
						told, err := jose.ask(q, r)
						require.NoError(t, err, "%s %s", k.name, r.body)
						requireTold(t, k.name, instance, told, r)
						kids[kid(told)]++
					}
					require.Len(t, kids, 2, "%s: both keys of the instance", k.name)
					refused := refusals(t, jose, q, all[0], elsewhere, private)
					t.Logf("%s, events %v: %d opened of %d, of two keys %v; %d of %d that are not genuine refused",
						k.name, isEvent, len(all), len(all), slices.Sorted(maps.Values(kids)), refused, refused)
				}
			}
		})
	}
}

// tokensFlow has calls and events sent to all these targets before and after the
// instance's keys are rotated, and gives the files of the targets' private keys.
func tokensFlow(t *testing.T, c callout, tg *target) map[string]string {
	t.Helper()
	private := map[string]string{}
	c.do(t, tokensAt(tg.URL), "apply", "-f", "-")
	for _, k := range tokens {
		if k.key != "" {
			file, public := recipient(t, k.key)
			private[k.name] = file
			c.do(t, public, "target", "public-key", "add", k.name, "-f", "-", "--activate")
		}
	}
	end := c.traffic(t)
	for _, k := range tokens {
		tg.await(t, k.name, "before", 5, func(received) bool { return true })
	}
	c.do(t, "", "key", "rotate", "--lead", "1s")
	c.do(t, "", "key", "rotate", "--lead", "1s", "--algorithm", "rs256")
	jose := begin(t, "node", "verify.mjs") // with the keys as they are from now on
	for _, plain := range tokens[:2] {     // that of a JWE is inside
		first := tg.of(plain.name)[0]
		q := question{Verifier: "jose JWT", JWKS: c.jwks(), Issuer: c.instance, Audience: plain.name}
		was, err := jose.ask(q, first)
		require.NoError(t, err)
		tg.await(t, plain.name, "after", 5, func(r received) bool {
			told, err := jose.ask(q, r)
			return err == nil && kid(told) != kid(was)
		})
	}
	for _, k := range tokens {
		calls, events := len(tg.ofKind(k.name, false)), len(tg.ofKind(k.name, true))
		tg.await(t, k.name, "after", 1, func(received) bool {
			return len(tg.ofKind(k.name, false)) > calls+1 && len(tg.ofKind(k.name, true)) > events+1
		})
	}
	end()
	return private
}

func wrapped(key string) string {
	if key == "rsa" {
		return "RSA-OAEP-256"
	}
	return "ECDH-ES+A256KW"
}

// requireTold tells that what was opened is what the core sent, and to whom.
func requireTold(t *testing.T, name, instance string, told opened, r received) {
	t.Helper()
	var of struct {
		FullMethod string `json:"fullMethod"`
		EventType  string `json:"event_type"`
		Audience   string `json:"aud"`
		Issuer     string `json:"iss"`
		ID         string `json:"jti"`
	}
	require.NoError(t, json.Unmarshal(told.Payload, &of))
	method, event := "/acme.user.v1.UserService/CreateUser", ""
	if r.isEvent() {
		method, event = "", "user.added"
	}
	require.Equal(t, []string{method, event, name, instance, r.headers.Get("Callout-Delivery-Id")}, []string{of.FullMethod, of.EventType, of.Audience, of.Issuer, of.ID})
	require.Equal(t, "application/json", r.headers.Get("Content-Type"))
	require.Equal(t, "JWT", told.Header["typ"])
	if told.Outer != nil {
		require.Equal(t, []any{"JWT", "JWT", "A256GCM"}, []any{told.Outer["typ"], told.Outer["cty"], told.Outer["enc"]})
	}
}

// refusals counts what is refused of what is not genuine, which must be all.
func refusals(t *testing.T, jose *process, q question, r received, elsewhere string, private map[string]string) (count int) {
	t.Helper()
	refuse := func(what string, q question, r received) {
		_, err := jose.ask(q, r)
		require.Error(t, err, "%s: %s", q.Audience, what)
		count++
	}
	other := q
	other.Audience = "somebody"
	refuse("for another target", other, r)
	other = q
	other.Issuer = "another"
	refuse("of another instance", other, r)
	other = q
	other.JWKS = elsewhere
	refuse("with the keys of another instance", other, r)
	other = q
	other.Algorithms = []string{map[string]string{"EdDSA": "RS256", "RS256": "EdDSA"}[q.Algorithms[0]]}
	refuse("signed in another way", other, r)
	if q.Key != "" {
		for name, file := range private {
			if file != q.Key {
				other = q
				other.Key, other.Wrapped = file, wrapped(strings.Split(name, "-")[1])
				refuse("with the key of "+name, other, r)
			}
		}
	}
	for n, part := range strings.Split(string(r.body), ".") {
		if part == "" {
			continue
		}
		bad := strings.Split(string(r.body), ".")
		middle := len(part) / 2
		letter := "A"
		if part[middle] == 'A' {
			letter = "B"
		}
		bad[n] = part[:middle] + letter + part[middle+1:]
		refuse(fmt.Sprintf("changed in part %d", n), q, received{r.target, r.headers, []byte(strings.Join(bad, "."))})
	}
	return count
}
