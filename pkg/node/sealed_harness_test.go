package node_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/embed"
	"github.com/callout-hq/callout/pkg/bus/letters"
	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/dispatch"
	"github.com/callout-hq/callout/pkg/invoke"
	"github.com/callout-hq/callout/pkg/node"
	"github.com/callout-hq/callout/pkg/seal"
	"github.com/callout-hq/callout/pkg/sign"
	"github.com/callout-hq/callout/pkg/work"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

// vault is an installation of two instances whose signing keys are sealed, or are to
// be, and all that its processes log.
type vault struct {
	*testing.T
	data    string
	server  *embed.Server
	js      jetstream.JetStream
	bus     *bus.Bus
	log     *lockedBuffer
	keysDir string
	hooks   map[string]*targets
	cores   map[string]*callout.Client
}

func newVault(t *testing.T) *vault {
	t.Helper()
	bustest.Turn(t)
	v := &vault{T: t, data: t.TempDir(), log: &lockedBuffer{}, keysDir: t.TempDir(), hooks: map[string]*targets{}, cores: map[string]*callout.Client{}}
	var err error
	v.server, err = embed.Start(embed.Options{Data: v.data, Listen: "127.0.0.1:0", Log: zerolog.New(v.log)})
	require.NoError(t, err)
	t.Cleanup(v.server.Close)
	nc, err := nats.Connect(v.server.URL())
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	v.js, err = jetstream.New(nc)
	require.NoError(t, err)
	v.bus = v.connect()
	for _, id := range twoInstances {
		v.hooks[id] = playTargets(t)
	}
	return v
}

func (v *vault) connect() *bus.Bus {
	v.Helper()
	b, err := bus.Connect(within(v.T, 10*time.Second), bus.Options{URL: v.server.URL(), Log: zerolog.New(v.log), AckWait: time.Second})
	require.NoError(v, err)
	v.Cleanup(b.Close)
	return b
}

// dispatcher starts one that seals to a key, or to none.
func (v *vault) dispatcher(to *seal.PrivateKey) (*dispatch.Dispatcher, func()) {
	v.Helper()
	o := dispatch.Options{Bus: v.connect(), Log: zerolog.New(v.log), Listen: "127.0.0.1:0", MakeInstances: true, AllowUndeclared: true,
		KeysDir: v.keysDir, HeadersDir: v.keysDir, Mount: node.Mount(zerolog.New(v.log))}
	if to != nil {
		public := to.Public()
		o.SealTo = &public
	}
	d, err := dispatch.Start(within(v.T, 20*time.Second), o)
	require.NoError(v, err)
	stop := func() { require.NoError(v, d.Stop(within(v.T, 10*time.Second))) }
	v.Cleanup(stop)
	return d, stop
}

// worker starts one that opens with keys.
func (v *vault) worker(with ...seal.PrivateKey) (stop func()) {
	v.Helper()
	invoker := invoke.New(invoke.Options{Log: zerolog.New(v.log), AllowLocal: true})
	v.Cleanup(invoker.Close)
	w, err := work.Start(within(v.T, 20*time.Second), work.Options{Bus: v.connect(), Invoker: invoker, Log: zerolog.New(v.log), OpenWith: with})
	require.NoError(v, err)
	stop = func() { require.NoError(v, w.Stop(within(v.T, 10*time.Second))) }
	v.Cleanup(stop)
	return stop
}

func sealKey(t testing.TB) seal.PrivateKey {
	t.Helper()
	key, err := seal.NewKey()
	require.NoError(t, err)
	return key
}

// recorded notes the answers of the API.
type recorded struct{ *lockedBuffer }

func (r recorded) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		answer, err := next(ctx, req)
		if err != nil {
			_, _ = r.Write([]byte(err.Error()))
			return answer, err
		}
		raw, _ := protojson.Marshal(answer.Any().(proto.Message))
		_, err = r.Write(append(raw, '\n'))
		return answer, err
	}
}

func (recorded) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

func (recorded) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return next
}

func api(d *dispatch.Dispatcher, o ...connect.ClientOption) calloutv1connect.ActionServiceClient {
	return calloutv1connect.NewActionServiceClient(http.DefaultClient, d.URL(), o...)
}

// sealedConfig has targets that sign in both ways, one whose key is in a file.
const sealedConfig = `
instance: NAME
targets:
  hook: {type: webhook, url: HOOKS/hook, retry: {initial: 5ms, max: 20ms}, headers: {Authorization: {file: hook.header}, X-Shared: {secret: partner}}}
  given: {type: webhook, url: HOOKS/given, signing_key: {file: given.key}}
  dead: {type: webhook, url: HOOKS/dead, retry: {initial: 5ms, max: 5ms, attempts: 2}, headers: {X-Shared: {secret: partner}}}
  call: {type: call, url: HOOKS/call}
  later: {type: async, url: HOOKS/later}
requests: {/s.S/A: {targets: [{target: call}, {target: later}]}}
events:
  user.added: {targets: [{target: hook}, {target: given}]}
  user.dead: {targets: [{target: dead}]}
`

// The values of headers that come from elsewhere; one has what JSON writes otherwise.
const headerValue = `Bearer "hide\me"-4f1c <a&b>`

func partnerValue(id string) string { return "partner-of-" + id + "-7d0a91" }

func (v *vault) keyFile(name, text string) {
	v.Helper()
	require.NoError(v, os.WriteFile(filepath.Join(v.keysDir, name), []byte(text+"\n"), 0o600))
}

func (v *vault) setSecret(d *dispatch.Dispatcher, id, org, name, value string) *calloutv1.SetSecretResponse {
	v.Helper()
	answer, err := api(d).SetSecret(within(v.T, 20*time.Second), connect.NewRequest(&calloutv1.SetSecretRequest{Instance: id, Org: org, Name: name, Value: value + "\n"}))
	require.NoError(v, err)
	return answer.Msg
}

// echoed answers with what the target was sent, in every place that is kept or shown.
func echoed(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		quoted, _ := json.Marshal(map[string]string{"message": "no, by " + r.Header.Get("Authorization") + " and " + r.Header.Get("X-Shared")})
		w.Header().Set("X-Echo", r.Header.Get("X-Shared")+" "+r.Header.Get("Authorization"))
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = w.Write(quoted)
	}
}

// apply puts the configuration in force in both instances, and gives the keys of each
// by the names of their targets.
func (v *vault) apply(d *dispatch.Dispatcher) map[string]map[string]string {
	v.Helper()
	given := sign.NewKey()
	require.NoError(v, os.WriteFile(filepath.Join(v.keysDir, "given.key"), []byte(given+"\n"), 0o600))
	keys := map[string]map[string]string{}
	v.keyFile("hook.header", headerValue)
	for _, id := range twoInstances {
		keys[id] = map[string]string{"given": given}
		_, err := api(d).CreateInstance(within(v.T, 20*time.Second), connect.NewRequest(&calloutv1.CreateInstanceRequest{Instance: id}))
		require.NoError(v, err)
		v.setSecret(d, id, "", "partner", partnerValue(id))
		answer, err := api(d).Apply(within(v.T, 20*time.Second), connect.NewRequest(&calloutv1.ApplyRequest{Instance: id, ReturnMadeKeys: true,
			Configuration: strings.NewReplacer("NAME", id, "HOOKS", v.hooks[id].URL).Replace(sealedConfig)}))
		require.NoError(v, err)
		for _, made := range answer.Msg.GetMadeKeys().GetKeys() {
			keys[id][made.GetTarget()] = made.GetSigningKey()
		}
		require.Len(v, keys[id], 5)
		v.cores[id], err = callout.Connect(within(v.T, 10*time.Second), callout.Options{URL: v.server.URL(), Instance: id, Log: zerolog.Nop()})
		require.NoError(v, err)
		v.Cleanup(v.cores[id].Close)
	}
	return keys
}

func (v *vault) publish(id, eventType string, n uint64) {
	v.Helper()
	_, err := v.cores[id].Publish(within(v.T, 20*time.Second), event("u", eventType, n))
	require.NoError(v, err)
}

// signedBy tells whether a request is signed in both ways with a key.
func signedBy(t *testing.T, a arrival, key string) bool {
	t.Helper()
	zitadel := sign.VerifyZitadel(a.header.Get(sign.HeaderZitadel), []byte(a.body), a.at, key) == nil
	require.Equal(t, zitadel, sign.VerifyStandard(a.header, []byte(a.body), a.at, key) == nil, "one scheme knows what the other does not")
	return zitadel
}

// stored are the signing keys of a target as they lie in the store.
func (v *vault) stored(id, target string) (bus.SigningKeys, uint64) {
	v.Helper()
	keys, revision, err := v.bus.Instance(id).SigningKeys(within(v.T, 10*time.Second), "", target)
	require.NoError(v, err)
	return keys, revision
}

// state is that of the line of a target.
func (v *vault) state(d *dispatch.Dispatcher, id, target string) (found action.Subscription) {
	v.Helper()
	all, err := d.Instance(id).Subscriptions(within(v.T, 10*time.Second))
	require.NoError(v, err)
	for _, s := range all {
		if s.Target == target {
			found = s
		}
	}
	return found
}

// says fails when no process has logged a text since it was asked last.
func (v *vault) says(text string) {
	v.Helper()
	require.True(v, strings.Contains(v.log.take(), text), "nobody says %s", text) // the whole log says nothing more
}

// letters are the dead letters of an instance.
func (v *vault) letters(id string) []letters.Letter {
	v.Helper()
	all, err := letters.Of(v.bus.Instance(id)).All(within(v.T, 10*time.Second))
	require.NoError(v, err)
	return all
}
