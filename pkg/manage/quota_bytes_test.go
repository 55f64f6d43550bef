package manage_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/manage"
	"github.com/callout-hq/callout/pkg/node"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// TestQuotaOfStorage: when the streams of an instance hold what they may, events are
// refused over HTTP and NATS, and async turns too. Another instance takes them, and
// without the quota so does this one.
func TestQuotaOfStorage(t *testing.T) {
	t.Parallel()
	o := newObedient(t, hold)
	t.Cleanup(func() {
		o.status.Store(http.StatusOK)
		close(o.let)
	})
	n := run(t, strings.ReplaceAll("targets: {late: {type: async, url: URL}}\nfunctions: {f: {targets: [{target: late}]}}\n", "URL", "'"+o.URL+"/'"), func(o *node.Options) { o.AllowUndeclared = true })
	c := plain(t, n)
	set := func(q *calloutv1.Quota) {
		ask(t, c.SetQuota, &calloutv1.SetQuotaRequest{Instance: "default", Quota: q})
	}
	err := refused(t, connect.CodeInvalidArgument, c.SetQuota, &calloutv1.SetQuotaRequest{Instance: "default", Quota: &calloutv1.Quota{Storage: 1000}})
	require.Equal(t, "storage", manage.Detail(err).GetField())
	set(&calloutv1.Quota{Storage: 1 << 20})
	publish := func(instance string) (int, string) {
		return post(t, n.HTTPURL()+"/v1/instances/"+instance+"/events", fmt.Sprintf(`{"aggregateID":"u","event_type":"user.left","event_payload":{"of":"%s"}}`, strings.Repeat("x", 100<<10)), nil)
	}
	stored, status, answer := 0, 202, ""
	for ; status == 202 && stored < 100; stored++ {
		status, answer = publish("default")
	}
	require.Equal(t, 409, status, answer)
	require.Contains(t, answer, `"code":"over_quota"`)
	require.Contains(t, answer, `"field":"storage"`)
	require.Less(t, stored, 12)
	status, answer = publish("twin")
	require.Equal(t, 202, status, answer)

	core, err := callout.Connect(within(t), callout.Options{URL: n.NATSURL(), Instance: "default", Log: zerolog.Nop()})
	require.NoError(t, err)
	defer core.Close()
	_, err = core.Publish(within(t), action.Event{AggregateID: "u", Type: "user.left", Payload: []byte(`{"of":"` + strings.Repeat("x", 200<<10) + `"}`)})
	require.Equal(t, action.CodeStreamFull, action.CodeOf(err), "%v", err)
	require.Eventually(t, func() bool {
		r, err := core.Function(within(t), "f", []byte(`{"of":"`+strings.Repeat("x", 200<<10)+`"}`))
		return err == nil && len(r.Warnings) == 1 && r.Warnings[0].Code == action.CodeOverQuota
	}, bound, lookEvery)

	usage := ask(t, c.DescribeInstance, &calloutv1.DescribeInstanceRequest{})
	// What comes between two looks at what is stored is let in.
	require.Greater(t, usage.GetUsage().GetStoredBytes(), uint64(700<<10))
	require.Less(t, usage.GetUsage().GetStoredBytes(), uint64(8<<20))
	require.EqualValues(t, 1<<20, usage.GetQuota().GetStorage())
	set(nil)
	status, answer = publish("default")
	require.Equal(t, 202, status, answer)
}

// TestQuotaOfBytes: what owes bytes makes no call, over HTTP or NATS, and its deliveries
// wait until it owes none; nothing is lost, and another instance is left alone. What is
// done is told.
func TestQuotaOfBytes(t *testing.T) {
	t.Parallel()
	o := newObedient(t, http.StatusOK)
	n := run(t, strings.ReplaceAll("targets: {a: {type: webhook, url: URL}}\nrequests: {'*': {targets: [{target: a}]}}\nevents: {user.added: {targets: [{target: a}]}}\n", "URL", "'"+o.URL+"/'"), func(o *node.Options) { o.AllowUndeclared = true })
	c := plain(t, n)
	set := func(q *calloutv1.Quota) {
		ask(t, c.SetQuota, &calloutv1.SetQuotaRequest{Instance: "default", Quota: q})
	}
	call := func(instance string) (int, string) {
		return post(t, n.HTTPURL()+"/v1/instances/"+instance+"/calls/request", `{"fullMethod":"/a.S/M","request":{"of":"`+strings.Repeat("x", 600)+`"}}`, nil)
	}
	publish := func(instance string) {
		status, answer := post(t, n.HTTPURL()+"/v1/instances/"+instance+"/events", `{"aggregateID":"u","event_type":"user.added"}`, nil)
		require.Equal(t, 202, status, answer)
	}
	set(&calloutv1.Quota{DeliveredBytes: 1})
	var owes string
	require.Eventually(t, func() bool { // each makes it owe for ten minutes
		var status int
		status, owes = call("default")
		return status == 429
	}, bound, lookEvery)
	require.Contains(t, owes, "too_many_requests")
	require.Contains(t, owes, "bytes delivered")
	nc, err := nats.Connect(n.NATSURL())
	require.NoError(t, err)
	defer nc.Close()
	m, err := nc.Request("callout.call.default.request.a.S.M", []byte(`{"fullMethod":"/a.S/M","request":{}}`), bound)
	require.NoError(t, err)
	require.Contains(t, string(m.Data), "too_many_requests")

	before := len(o.seen())
	publish("default")
	for range 3 {
		publish("twin")
		status, answer := call("twin")
		require.Equal(t, 200, status, answer)
	}
	o.await(t, before+6)
	require.Len(t, o.seen(), before+6, "it waits")
	require.Eventually(t, func() bool {
		return ask(t, c.DescribeInstance, &calloutv1.DescribeInstanceRequest{Instance: "twin"}).GetUsage().GetDeliveredBytesPerSecond() > 0
	}, bound, lookEvery)
	set(nil)
	o.await(t, before+7)
}

// TestEventsOverNATSAreSeen: nobody refuses what a core publishes over NATS beyond its
// instance's rate, and it can be seen.
func TestEventsOverNATSAreSeen(t *testing.T) {
	t.Parallel()
	n := run(t, "targets: {a: {type: webhook, url: 'http://127.0.0.1:9/'}}\n", nil)
	c := plain(t, n)
	ask(t, c.SetQuota, &calloutv1.SetQuotaRequest{Instance: "default", Quota: &calloutv1.Quota{Events: 1}})
	core, err := callout.Connect(within(t), callout.Options{URL: n.NATSURL(), Instance: "default", Log: zerolog.Nop()})
	require.NoError(t, err)
	defer core.Close()
	require.Eventually(t, func() bool {
		for range 20 {
			_, err := core.Publish(context.Background(), action.Event{AggregateID: "u", Type: "user.left"})
			require.NoError(t, err)
		}
		return ask(t, c.DescribeInstance, &calloutv1.DescribeInstanceRequest{}).GetUsage().GetEventsPerSecond() > 1
	}, bound, lookEvery)
	require.Zero(t, ask(t, c.DescribeInstance, &calloutv1.DescribeInstanceRequest{Instance: "twin"}).GetUsage().GetEventsPerSecond())
}

// TestCalledAsSoonAsItIsMade: who was told that an instance is made calls it at once, over
// either way, and publishes.
func TestCalledAsSoonAsItIsMade(t *testing.T) {
	t.Parallel()
	n := run(t, "", func(o *node.Options) { o.MakeInstances = false })
	c := plain(t, n)
	nc, err := nats.Connect(n.NATSURL())
	require.NoError(t, err)
	defer nc.Close()
	for k := range 10 {
		id := fmt.Sprintf("new-%d", k)
		ask(t, c.CreateInstance, &calloutv1.CreateInstanceRequest{Instance: id})
		m, err := nc.Request("callout.call."+id+".function.f", []byte(`{}`), bound)
		require.NoError(t, err)
		require.Contains(t, string(m.Data), `"outcome":"continue"`)
		status, answer := post(t, n.HTTPURL()+"/v1/instances/"+id+"/calls/functions/f", `{}`, nil)
		require.Equal(t, 200, status, answer)
		ask(t, c.DeclareConditions, &calloutv1.DeclareConditionsRequest{Instance: id, Declaration: &calloutv1.Declaration{Core: "c", Functions: []string{"f"}}})
	}
	m, err := nc.Request("callout.call.nobody.function.f", []byte(`{}`), bound)
	require.NoError(t, err)
	require.Contains(t, string(m.Data), "unknown_instance")
}
