package node_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/dispatch"
	"github.com/callout-hq/callout/pkg/seal"
	"github.com/callout-hq/callout/pkg/sign"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// ownConfig has a target for each way in which the keys of the instance sign.
const ownConfig = `
instance: NAME
targets:
  both: {type: webhook, url: HOOKS/both, signature: [zitadel, standard, standard_v1a]}
  alone: {type: webhook, url: HOOKS/alone, signature: [standard_v1a]}
  jwt: {type: webhook, url: HOOKS/jwt, payload: jwt}
  rsa: {type: webhook, url: HOOKS/rsa, payload: jwt, jwt_algorithm: rs256, content_type: jose}
  jwe: {type: webhook, url: HOOKS/jwe, payload: jwe, retry: {max_age: MAXAGE}}
  call: {type: call, url: HOOKS/call, payload: jwe, content_type: jose}
orgs:
  acme: {targets: {own: {type: webhook, url: HOOKS/own, payload: jwt}}, events: {user.added: {targets: [{target: own}]}}}
requests: {/s.S/A: {targets: [{target: call}]}}
events:
  user.added: {targets: [{target: both}, {target: alone}, {target: jwt}, {target: rsa}]}
  user.secret: {targets: [{target: jwe}]}
`

// applyOwn puts it in force in both instances, and gives the keys that were made, by
// instance and target.
func (v *vault) applyOwn(d *dispatch.Dispatcher, maxAge string) map[string]map[string]string {
	v.Helper()
	keys := map[string]map[string]string{}
	for _, id := range twoInstances {
		answer, err := api(d).Apply(within(v.T, time.Minute), connect.NewRequest(&calloutv1.ApplyRequest{Instance: id, ReturnMadeKeys: true,
			Configuration: strings.NewReplacer("NAME", id, "HOOKS", v.hooks[id].URL, "MAXAGE", maxAge).Replace(ownConfig)}))
		require.NoError(v, err)
		keys[id] = map[string]string{}
		for _, made := range answer.Msg.GetMadeKeys().GetKeys() {
			keys[id][made.GetTarget()] = made.GetSigningKey()
		}
		v.cores[id], err = callout.Connect(within(v.T, 10*time.Second), callout.Options{URL: v.server.URL(), Instance: id, Log: zerolog.Nop()})
		require.NoError(v, err)
		v.Cleanup(v.cores[id].Close)
	}
	return keys
}

// fetched are the keys as a receiver fetches them.
func (v *vault) fetched(d *dispatch.Dispatcher, id string) (raw string, keys sign.JWKS) {
	v.Helper()
	resp, err := http.Get(d.URL() + "/v1/instances/" + url.PathEscape(id) + "/.well-known/jwks.json")
	require.NoError(v, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(v, err)
	require.Equal(v, http.StatusOK, resp.StatusCode, "%s", body)
	require.Equal(v, "public, max-age=3600", resp.Header.Get("Cache-Control"))
	keys, err = sign.ParseJWKS(body)
	require.NoError(v, err)
	return string(body), keys
}

// sample is what a receiver is asked that verifies with the sample of docs/targets.md.
type sample struct {
	arrival
	jwks, kid, issuer, audience string
	private                     *rsa.PrivateKey
}

// received is what it has verified.
type received struct {
	V1a     bool
	Alg     string
	Payload map[string]any
}

func (s sample) verify(t *testing.T) (said received) {
	t.Helper()
	headers := map[string]string{}
	for name := range s.header {
		headers[strings.ToLower(name)] = s.header.Get(name)
	}
	der, err := x509.MarshalPKCS8PrivateKey(s.private)
	require.NoError(t, err)
	in, err := json.Marshal(map[string]any{"headers": headers, "body": s.body, "jwks": json.RawMessage(s.jwks), "kid": s.kid, "issuer": s.issuer, "audience": s.audience,
		"privateKey": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))})
	require.NoError(t, err)
	cmd := exec.CommandContext(within(t, time.Minute), "node", "testdata/receiver.mjs")
	cmd.Stdin = bytes.NewReader(in)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	require.NoError(t, json.Unmarshal(out, &said), "%s", out)
	return said
}

// TestThePageShowsTheReceiver that verifies what is sent here.
func TestThePageShowsTheReceiver(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(targetsPage)
	require.NoError(t, err)
	source, err := os.ReadFile("testdata/verify.mjs")
	require.NoError(t, err)
	require.Contains(t, string(page), "\n"+string(source)+"```\n")
}

// needsNode skips a test on a machine without Node, and says so.
func needsNode(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("NOT TESTED HERE: there is no node on this machine, so what is signed is not verified by a receiver that is not ours")
	}
}

// receiverKey is the private key of the targets that are sent what is encrypted.
func receiverKey(t *testing.T) (private *rsa.PrivateKey, public string) {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	der, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	require.NoError(t, err)
	return private, string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// TestInstancesSignWithKeysOfTheirOwn: v1a, JWTs by both algorithms and JWEs of calls and
// events are verified by our verifiers and by one that is written from the
// specifications, with the keys that each instance publishes; those of one verify nothing
// of the other. Sealed and open, no private half is anywhere to be seen.
func TestInstancesSignWithKeysOfTheirOwn(t *testing.T) {
	t.Parallel()
	needsNode(t)
	for name, with := range map[string][]seal.PrivateKey{"open": nil, "sealed": {sealKey(t)}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVault(t)
			var to *seal.PrivateKey
			if with != nil {
				to = &with[0]
			}
			d, _ := v.dispatcher(to)
			made := v.applyOwn(d, "1h")
			v.worker(with...)
			private, public := receiverKey(t)
			for n, id := range twoInstances {
				ids := v.addPublicKeys(d, id, public)
				other := twoInstances[1-n]
				v.callSealed(d, id, other, private, ids["call"])
				v.publish(id, "user.added", 7)
				v.publish(id, "user.secret", 8)
				v.checkSigned(d, id, other, made[id], private, ids["jwe"])
			}
			v.checkHalves(with != nil)
		})
	}
}

func (v *vault) addPublicKeys(d *dispatch.Dispatcher, id, public string) map[string]string {
	v.Helper()
	ids := map[string]string{}
	for _, target := range []string{"jwe", "call"} {
		answer, err := api(d).AddPublicKey(within(v.T, 20*time.Second), connect.NewRequest(&calloutv1.AddPublicKeyRequest{Instance: id, Name: target, PublicKey: public, Activate: true}))
		require.NoError(v, err)
		ids[target] = answer.Msg.GetPublicKey().GetId()
	}
	return ids
}

// callSealed makes a call whose target is sent a JWE, and whose answer is plain JSON.
func (v *vault) callSealed(d *dispatch.Dispatcher, id, other string, private *rsa.PrivateKey, kid string) {
	v.Helper()
	v.hooks[id].set("call", status(http.StatusOK, `{"name":"Ada"}`))
	var r action.Result
	require.Eventually(v, func() bool { // the core may have heard of the instance before the worker has
		var err error
		r, err = v.cores[id].Request(v.Context(), callout.Call{Method: "/s.S/A", OrgID: "acme", Request: []byte(`{}`)})
		return err == nil && len(r.Steps) == 1 && r.Steps[0].Outcome == action.StepChanged
	}, time.Minute, 5*time.Millisecond)
	require.JSONEq(v, `{"name":"Ada"}`, string(r.Object))
	all := v.hooks[id].got("call")
	a := all[len(all)-1]
	require.Equal(v, "application/jose", a.header.Get("Content-Type"))
	_, keys := v.fetched(d, id)
	inner, err := sign.OpenJWE(a.body, map[string]crypto.PrivateKey{kid: private})
	require.NoError(v, err)
	payload, err := sign.VerifyJWT(inner, a.at, keys, sign.Expected{Issuer: id, Audience: "call", ID: a.header.Get("Callout-Delivery-Id")})
	require.NoError(v, err)
	require.True(v, strings.HasPrefix(string(payload), `{"fullMethod":"/s.S/A",`), "%s", payload)
	_, others := v.fetched(d, other)
	_, err = sign.VerifyJWT(inner, a.at, others, sign.Expected{})
	require.Equal(v, action.CodeBadSignature, action.CodeOf(err), "another instance has other keys")
}

// checkSigned looks at what the targets of an instance got.
func (v *vault) checkSigned(d *dispatch.Dispatcher, id, other string, made map[string]string, private *rsa.PrivateKey, kid string) {
	v.Helper()
	raw, keys := v.fetched(d, id)
	foreign, _ := v.fetched(d, other)
	for _, tt := range []struct{ target, audience, alg, media string }{
		{"both", "", "", "application/json"}, {"alone", "", "", "application/json"}, {"jwt", "jwt", "EdDSA", "application/json"},
		{"rsa", "rsa", "RS256", "application/jwt"}, {"own", "acme:own", "EdDSA", "application/json"}, {"jwe", "jwe", "EdDSA", "application/json"},
	} {
		a := v.hooks[id].await(v.T, tt.target, 1)[0]
		require.Equal(v, tt.media, a.header.Get("Content-Type"), tt.target)
		asked := sample{arrival: a, jwks: raw, kid: kid, issuer: id, audience: tt.audience, private: private}
		said := asked.verify(v.T)
		if tt.alg == "" {
			require.True(v, said.V1a, tt.target)
			require.NoError(v, sign.VerifyStandard(a.header, []byte(a.body), a.at, keys.WebhookKeys()...))
			asked.jwks = foreign
			require.False(v, asked.verify(v.T).V1a, "another instance has other keys")
			continue
		}
		require.Equal(v, tt.alg, said.Alg)
		require.Empty(v, a.header.Get("ce-id"), "its body is no data of a CloudEvent")
		require.Equal(v, []any{id, tt.audience, a.header.Get("Callout-Delivery-Id"), "u"}, []any{said.Payload["iss"], said.Payload["aud"], said.Payload["jti"], said.Payload["aggregateID"]})
		// The other signatures are over the compact text.
		require.True(v, signedBy(v.T, a, made[tt.target]), tt.target)
	}
	a := v.hooks[id].got("both")[0]
	require.True(v, signedBy(v.T, a, made["both"]), "by its own key too")
	require.Regexp(v, `^v1,\S+ v1a,\S+$`, a.header.Get(sign.HeaderSignature))
	require.Regexp(v, `^v1a,\S+$`, v.hooks[id].got("alone")[0].header.Get(sign.HeaderSignature))
}

// checkHalves looks at the private halves as they are stored.
func (v *vault) checkHalves(sealed bool) {
	v.Helper()
	log := v.log.take()
	for _, id := range twoInstances {
		keys, _, err := v.bus.Instance(id).OwnKeys(within(v.T, 10*time.Second))
		require.NoError(v, err)
		require.Len(v, keys, 2, "one of each algorithm")
		for _, k := range keys {
			half, err := v.bus.Instance(id).PrivateHalf(within(v.T, 10*time.Second), k.ID)
			require.NoError(v, err)
			require.Equal(v, sealed, seal.IsSealed(half))
			if !sealed {
				v.nowhere([]string{half}, "the log", log)
			}
		}
	}
}

// TestWithoutAPublicKey: a call fails by its name, an event waits for the key uncharged and
// goes out when there is one, and one that has waited for max_age is a dead letter by that
// name.
func TestWithoutAPublicKey(t *testing.T) {
	t.Parallel()
	needsNode(t)
	v := newVault(t)
	d, _ := v.dispatcher(nil)
	v.applyOwn(d, "1h")
	v.worker()
	private, public := receiverKey(t)
	for _, id := range twoInstances {
		v.publish(id, "user.secret", 1)
		require.Eventually(t, func() bool { return v.state(d, id, "jwe").LastError == action.CodeNoPublicKey }, time.Minute, 5*time.Millisecond)
		require.Eventually(t, func() bool {
			r, err := v.cores[id].Request(v.Context(), callout.Call{Method: "/s.S/A", Request: []byte(`{}`)})
			return err == nil && len(r.Warnings) == 1 && r.Warnings[0].Code == action.CodeNoPublicKey
		}, time.Minute, 5*time.Millisecond)
		require.Empty(t, v.hooks[id].got("jwe"))
		kid := v.addPublicKeys(d, id, public)["jwe"]
		a := v.hooks[id].await(t, "jwe", 1)[0]
		require.Equal(t, "1", a.header.Get("Callout-Attempt"), "waiting was no attempt")
		raw, _ := v.fetched(d, id)
		require.Equal(t, "u", sample{arrival: a, jwks: raw, kid: kid, issuer: id, audience: "jwe", private: private}.verify(t).Payload["aggregateID"])
	}
	v.applyOwn(d, "1ms")
	for _, id := range twoInstances {
		keys, err := d.Instance(id).PublicKeys(within(t, 10*time.Second), "", "jwe")
		require.NoError(t, err)
		_, err = d.Instance(id).SetPublicKeyActive(within(t, 10*time.Second), "", "jwe", keys[0].ID, false)
		require.NoError(t, err)
		require.Eventually(t, func() bool { // the worker hears of that within a moment
			v.publish(id, "user.secret", 2)
			return len(v.letters(id)) > 0
		}, time.Minute, 100*time.Millisecond)
		require.Equal(t, action.CodeNoPublicKey, v.letters(id)[0].Reason)
	}
}

// TestADraftIsTriedAsAJWT, by a key that is made for it where the instance had none.
func TestADraftIsTriedAsAJWT(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	d, _ := v.dispatcher(nil)
	v.worker()
	for _, id := range twoInstances {
		_, err := api(d).CreateInstance(within(t, time.Minute), connect.NewRequest(&calloutv1.CreateInstanceRequest{Instance: id}))
		require.NoError(t, err)
		var answer *connect.Response[calloutv1.TestTargetResponse]
		require.Eventually(t, func() bool { // the worker hears of the instance
			answer, err = api(d).TestTarget(within(t, time.Minute), connect.NewRequest(&calloutv1.TestTargetRequest{Instance: id,
				Target: &calloutv1.Target{Name: "draft", Type: "webhook", Url: v.hooks[id].URL + "/draft", Payload: "jwt", Signature: []string{"standard_v1a"}}}))
			return err == nil && answer.Msg.GetStatus() == http.StatusOK
		}, time.Minute, 20*time.Millisecond)
		a := v.hooks[id].await(t, "draft", 1)[0]
		_, keys := v.fetched(d, id)
		_, err = sign.VerifyJWT(a.body, a.at, keys, sign.Expected{Issuer: id, Audience: "draft"})
		require.NoError(t, err)
		require.NoError(t, sign.VerifyStandard(a.header, []byte(a.body), a.at, keys.WebhookKeys()...))
		answer, err = api(d).TestTarget(within(t, time.Minute), connect.NewRequest(&calloutv1.TestTargetRequest{Instance: id,
			Target: &calloutv1.Target{Name: "draft", Type: "webhook", Url: v.hooks[id].URL + "/draft", Payload: "jwe"}}))
		require.NoError(t, err)
		require.Equal(t, string(action.CodeNoPublicKey), answer.Msg.GetCode(), "a draft has no public key")
	}
}
