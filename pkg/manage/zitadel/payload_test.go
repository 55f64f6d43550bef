package zitadel_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/node"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

var twoInstances = []string{"default", "other"}

// toolOf is a tool for one of the instances.
func toolOf(n *node.Node, instance string) *tool {
	c := toolFor(n)
	c.header["Callout-Instance"] = instance
	return c
}

// asSent is a public key as a client sends it: PEM in base64.
func asSent(t *testing.T, public any) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	require.NoError(t, err)
	return base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func ecKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

func rsaKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	return key
}

// activated gives a target a public key that is active, and its id.
func (c *tool) activated(t *testing.T, target string, public any) (kid string) {
	t.Helper()
	kid = c.must(t, "POST", "targets/"+target+"/publickeys", `{"publicKey":"`+asSent(t, public)+`"}`)["keyId"].(string)
	c.must(t, "POST", "targets/"+target+"/publickeys/"+kid+"/activate", "")
	return kid
}

// opened decrypts a JWE as a receiver does that was written for ZITADEL, with no code of
// ours, and gives the JWT in it.
func opened(t *testing.T, body, kid string, wrap jose.KeyAlgorithm, private crypto.PrivateKey) string {
	t.Helper()
	sealed, err := jose.ParseEncryptedCompact(body, []jose.KeyAlgorithm{wrap}, []jose.ContentEncryption{jose.A256GCM})
	require.NoError(t, err, body)
	require.Equal(t, kid, sealed.Header.KeyID)
	inner, err := sealed.Decrypt(private)
	require.NoError(t, err)
	return string(inner)
}

// verified checks a JWT by the keys that an instance publishes, with RS256 and nothing
// else.
func verified(t *testing.T, n *node.Node, instance, jwt string) (payload map[string]any) {
	t.Helper()
	status, published := ask(t, "GET", n.HTTPURL()+"/v1/instances/"+instance+"/.well-known/jwks.json", "", nil)
	require.Equal(t, 200, status, published)
	var keys jose.JSONWebKeySet
	require.NoError(t, json.Unmarshal([]byte(published), &keys))
	signed, err := jose.ParseSignedCompact(jwt, []jose.SignatureAlgorithm{jose.RS256})
	require.NoError(t, err, jwt)
	found := keys.Key(signed.Signatures[0].Header.KeyID)
	require.Len(t, found, 1)
	raw, err := signed.Verify(found[0])
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &payload))
	return payload
}

// TestAnEncryptedPayload: a target that is made with PAYLOAD_TYPE_JWE is sent what only its
// own key opens and the keys of its instance verify, and its answer is used.
func TestAnEncryptedPayload(t *testing.T) {
	h := newHooks(t)
	n := run(t, "")
	for _, instance := range twoInstances {
		t.Run(instance, func(t *testing.T) {
			path := "/" + instance
			h.obey(path, 200, `{"name":"Grace"}`)
			c := toolOf(n, instance)
			made := c.must(t, "POST", "targets", `{"name":"secret","restCall":{"interruptOnError":true},"timeout":"10s","endpoint":"`+h.URL+path+`","payloadType":"PAYLOAD_TYPE_JWE"}`)
			id := made["id"].(string)
			c.must(t, "PUT", "executions", `{"condition":{"request":{"method":"`+addUser+`"}},"targets":["`+id+`"]}`)
			call := func() string {
				_, answer := ask(t, "POST", n.HTTPURL()+"/v1/instances/"+instance+"/calls/request", `{"fullMethod":"`+addUser+`","request":{"name":"Ada"}}`, nil)
				return answer
			}
			require.Eventually(t, func() bool { return strings.Contains(call(), "no_public_key") }, bound, lookEvery)
			require.Empty(t, h.got(path), "nothing left that anybody could read")

			first, second := rsaKey(t), ecKey(t)
			kid := c.activated(t, id, &first.PublicKey)
			require.Eventually(t, func() bool { return strings.Contains(call(), `"request":{"name":"Grace"}`) }, bound, lookEvery)
			a := h.await(t, path, 1)
			require.Equal(t, "application/json", a.header.Get("Content-Type"))
			requireSigned(t, made["signingKey"].(string), a)
			payload := verified(t, n, instance, opened(t, a.body, kid, jose.RSA_OAEP_256, first))
			require.Equal(t, []any{addUser, map[string]any{"name": "Ada"}, instance, "secret"}, []any{payload["fullMethod"], payload["request"], payload["iss"], payload["aud"]})

			kid = c.activated(t, id, &second.PublicKey)
			var last arrival
			require.Eventually(t, func() bool {
				call()
				all := h.got(path)
				last = all[len(all)-1]
				_, err := jose.ParseEncryptedCompact(last.body, []jose.KeyAlgorithm{jose.ECDH_ES_A256KW}, []jose.ContentEncryption{jose.A256GCM})
				return err == nil
			}, bound, lookEvery, "the other key is used from now on")
			require.Equal(t, addUser, verified(t, n, instance, opened(t, last.body, kid, jose.ECDH_ES_A256KW, second))["fullMethod"])
		})
	}
}

// TestPayloadTypes: they are seen by the own service, and what that has no word for here
// stays as it is.
func TestPayloadTypes(t *testing.T) {
	n := run(t, "")
	service := own(t, n)
	for _, instance := range twoInstances {
		t.Run(instance, func(t *testing.T) {
			c := toolOf(n, instance)
			id := c.must(t, "POST", "targets", `{"name":"a","restWebhook":{},"timeout":"5s","endpoint":"https://hooks.example.com/a","payloadType":"PAYLOAD_TYPE_JWT"}`)["id"].(string)
			requireKept := func(shown string, want ...string) {
				t.Helper()
				require.Equal(t, shown, c.must(t, "GET", "targets/"+id, "")["target"].(map[string]any)["payloadType"])
				got, err := service.GetTarget(within(t), connect.NewRequest(&calloutv1.GetTargetRequest{Instance: instance, Id: id}))
				require.NoError(t, err)
				kept := got.Msg.GetTarget()
				require.Equal(t, want, []string{kept.GetPayload(), kept.GetJwtAlgorithm(), kept.GetContentType()})
			}
			set := func(payload, algorithm, contentType string) {
				t.Helper()
				_, err := service.UpdateTarget(within(t), connect.NewRequest(&calloutv1.UpdateTargetRequest{Instance: instance, UpdateMask: mask("payload", "jwt_algorithm", "content_type"),
					Target: &calloutv1.Target{Id: id, Payload: payload, JwtAlgorithm: algorithm, ContentType: contentType}}))
				require.NoError(t, err)
			}
			become := func(payloadType string) { c.must(t, "POST", "targets/"+id, `{"payloadType":"`+payloadType+`"}`) }

			requireKept("PAYLOAD_TYPE_JWT", "jwt", "rs256", "")
			become("PAYLOAD_TYPE_UNSPECIFIED")
			requireKept("PAYLOAD_TYPE_JWT", "jwt", "rs256", "")
			become("PAYLOAD_TYPE_JSON")
			requireKept("PAYLOAD_TYPE_JSON", "", "", "")
			become("PAYLOAD_TYPE_JWE")
			requireKept("PAYLOAD_TYPE_JWE", "jwe", "rs256", "")
			set("jwt", "", "jose")
			become("PAYLOAD_TYPE_JWT")
			requireKept("PAYLOAD_TYPE_JWT", "jwt", "", "jose")
			become("PAYLOAD_TYPE_JWE")
			requireKept("PAYLOAD_TYPE_JWE", "jwe", "", "jose")
			become("PAYLOAD_TYPE_JSON")
			requireKept("PAYLOAD_TYPE_JSON", "", "", "")
			set("cloudevents", "", "")
			become("PAYLOAD_TYPE_JSON")
			requireKept("PAYLOAD_TYPE_JSON", "cloudevents", "", "")
			beta := &tool{url: n.HTTPURL() + "/v2beta/actions/", header: c.header}
			beta.must(t, "POST", "targets/"+id, `{"payloadType":"PAYLOAD_TYPE_JWE"}`)
			requireKept("PAYLOAD_TYPE_JSON", "cloudevents", "", "")
		})
	}
}

// TestAKeyWithTimeToChange: the key before signs beside the new one as long as was asked
// for, and not at all with 0s.
func TestAKeyWithTimeToChange(t *testing.T) {
	h := newHooks(t)
	n := run(t, "")
	service := own(t, n)
	for _, instance := range twoInstances {
		t.Run(instance, func(t *testing.T) {
			c, path := toolOf(n, instance), "/"+instance
			id, first := c.target(t, "a", "restWebhook", h.URL+path)
			c.must(t, "PUT", "executions", `{"condition":{"request":{"all":true}},"targets":["`+id+`"]}`)
			second := c.must(t, "POST", "targets/"+id, `{"expirationSigningKey":"3600s"}`)["signingKey"].(string)
			require.NotEqual(t, first, second)
			listed, err := service.ListTargetKeys(within(t), connect.NewRequest(&calloutv1.ListTargetKeysRequest{Instance: instance, Id: id}))
			require.NoError(t, err)
			require.Len(t, listed.Msg.GetKeys(), 2)
			require.WithinRange(t, listed.Msg.GetKeys()[1].GetUntil().AsTime(), time.Now().Add(time.Hour-bound), time.Now().Add(time.Hour+bound))
			signatures := func() int {
				ask(t, "POST", n.HTTPURL()+"/v1/instances/"+instance+"/calls/request", `{"fullMethod":"/s.S/M","request":{}}`, nil)
				all := h.got(path)
				if len(all) == 0 { // the worker has not heard of the execution yet
					return 0
				}
				return strings.Count(all[len(all)-1].header.Get("ZITADEL-Signature"), "v1=")
			}
			require.Eventually(t, func() bool { return signatures() == 2 }, bound, lookEvery)
			third := c.must(t, "POST", "targets/"+id, `{"expirationSigningKey":"0s"}`)["signingKey"].(string)
			require.Eventually(t, func() bool { return signatures() == 1 }, bound, lookEvery)
			all := h.got(path)
			requireSigned(t, third, all[len(all)-1])
			for _, wrong := range []string{"-1s", "2592001s"} {
				message, field := c.refused(t, 400, "POST", "targets/"+id, `{"timeout":"7s","expirationSigningKey":"`+wrong+`"}`)
				require.Equal(t, "expirationSigningKey", field)
				require.Contains(t, message, `"2592000s"`)
			}
			require.Equal(t, "5s", c.must(t, "GET", "targets/"+id, "")["target"].(map[string]any)["timeout"], "nothing of what was refused is done")
		})
	}
}
