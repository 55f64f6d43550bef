package node_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/callout"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

// shortSecrets are as older versions took them. One is a part of another.
var shortSecrets = []string{"Q", "w7", "~w7", "7 bytes"}

const shortConfig = `
targets:
  hook: {type: webhook, url: HOOKS/hook, headers: {X-0: {secret: "0"}, X-1: {secret: "1"}, X-2: {secret: "2"}, X-3: {secret: "3"}}}
  call: {type: call, url: HOOKS/call, interrupt_on_error: true, headers: {X-0: {secret: "0"}, X-1: {secret: "1"}, X-2: {secret: "2"}, X-3: {secret: "3"}}}
requests: {/s.S/A: {targets: [{target: call}]}}
events: {user.added: {targets: [{target: hook}]}}
`

// echo refuses, and tells the values of its headers, in its words, in a header and in the
// name of one.
func echo(w http.ResponseWriter, r *http.Request) {
	said := ""
	for n := range shortSecrets {
		said += "<" + r.Header.Get(fmt.Sprintf("X-%d", n)) + ">"
	}
	w.Header().Set("X-Echo", said)
	w.Header().Set("X-Name-"+r.Header.Get("X-0")+"-Name", "x")
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(http.StatusUnprocessableEntity)
	_, _ = fmt.Fprintf(w, `{"detail":"no, %s"}`, said)
}

// TestShortSecretsAreMasked, which are refused when they are set, and may be kept from
// before: in no log, attempt, dead letter or test, nor in what a caller is told, does
// one stand, nor what is left of a longer one.
func TestShortSecretsAreMasked(t *testing.T) {
	t.Parallel()
	v, key := newVault(t), sealKey(t)
	d, _ := v.dispatcher(&key)
	public := key.Public()
	for _, id := range twoInstances {
		v.hooks[id].set("hook", echo)
		v.hooks[id].set("call", echo)
		_, err := api(d).CreateInstance(within(t, 20*time.Second), connect.NewRequest(&calloutv1.CreateInstanceRequest{Instance: id}))
		require.NoError(t, err)
		for n, value := range shortSecrets {
			_, err := api(d).SetSecret(within(t, 20*time.Second), connect.NewRequest(&calloutv1.SetSecretRequest{Instance: id, Name: fmt.Sprint(n), Value: value}))
			require.Equal(t, connect.CodeInvalidArgument, connect.CodeOf(err))
			require.ErrorContains(t, err, "a secret has at least 8 bytes, this one has fewer: set a longer one")
			_, err = v.bus.Instance(id).PutNamedSecret(within(t, 20*time.Second), bus.NamedSecret{Name: fmt.Sprint(n), Value: value, Set: time.Now()}, &public)
			require.NoError(t, err)
		}
		_, err = api(d).Apply(within(t, 20*time.Second), connect.NewRequest(&calloutv1.ApplyRequest{Instance: id,
			Configuration: strings.NewReplacer("HOOKS", v.hooks[id].URL).Replace(shortConfig)}))
		require.NoError(t, err)
		v.cores[id], err = callout.Connect(within(t, 10*time.Second), callout.Options{URL: v.server.URL(), Instance: id})
		require.NoError(t, err)
		t.Cleanup(v.cores[id].Close)
	}
	v.worker(key)
	for _, id := range twoInstances {
		told := v.tellAll(api(d), id, func() string {
			v.publish(id, "user.added", 1)
			r, err := v.cores[id].Request(within(t, 20*time.Second), callout.Call{Method: "/s.S/A", OrgID: "acme", Request: []byte(`{}`)})
			require.NoError(t, err)
			require.Equal(t, action.Rejected, r.Outcome)
			return r.Error.Error()
		})
		require.GreaterOrEqual(t, strings.Count(told, "<***><***><***><***>"), 6, told)
		for _, value := range shortSecrets {
			require.NotContains(t, told, "<"+value+">")
			require.True(t, len(value) == 1 || !strings.Contains(told, "***"+value[1:]), "what is left of a longer one")
		}
		require.Contains(t, told, "X-Name-***-Name")
		require.NotContains(t, told, "X-Name-Q-Name")
	}
	logged := v.log.take()
	require.Contains(t, logged, "no, <***>", "what a target said is logged")
	for _, value := range shortSecrets {
		require.NotContains(t, logged, "<"+value+">")
	}
}

// tellAll is what a caller, the log of attempts, a dead letter and a test tell.
func (v *vault) tellAll(c calloutv1connect.ActionServiceClient, id string, call func() string) string {
	v.Helper()
	ctx := within(v.T, time.Minute)
	told := call()
	tried, err := c.TestTarget(ctx, connect.NewRequest(&calloutv1.TestTargetRequest{Instance: id, Name: "hook"}))
	require.NoError(v, err)
	told += tried.Msg.String() + string(tried.Msg.GetResponseBody())
	require.Eventually(v, func() bool {
		dead, err := c.ListDeadLetters(ctx, connect.NewRequest(&calloutv1.ListDeadLettersRequest{Instance: id}))
		deliveries, listErr := c.ListDeliveries(ctx, connect.NewRequest(&calloutv1.ListDeliveriesRequest{Instance: id}))
		return err == nil && listErr == nil && len(dead.Msg.GetDeadLetters()) == 1 && len(deliveries.Msg.GetDeliveries()) == 2
	}, time.Minute, 50*time.Millisecond)
	deliveries, err := c.ListDeliveries(ctx, connect.NewRequest(&calloutv1.ListDeliveriesRequest{Instance: id}))
	require.NoError(v, err)
	for _, one := range deliveries.Msg.GetDeliveries() {
		of, err := c.GetDelivery(ctx, connect.NewRequest(&calloutv1.GetDeliveryRequest{Instance: id, DeliveryId: one.GetDeliveryId()}))
		require.NoError(v, err)
		told += of.Msg.String()
	}
	for _, l := range v.letters(id) {
		told += l.LastError + fmt.Sprint(l.LastAnswer)
		of, err := c.GetDeadLetter(ctx, connect.NewRequest(&calloutv1.GetDeadLetterRequest{Instance: id, DeliveryId: l.DeliveryID}))
		require.NoError(v, err)
		told += of.Msg.String()
	}
	return told
}
