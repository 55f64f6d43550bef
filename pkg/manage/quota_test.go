package manage_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/manage"
	"github.com/callout-hq/callout/pkg/node"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// TestQuota: an instance has no more than its quota allows, keeps what it has, and may
// send no more in a second; another one of the same names is left alone.
func TestQuota(t *testing.T) {
	t.Parallel()
	o := newObedient(t, http.StatusOK)
	config := strings.ReplaceAll("targets: {a: {type: webhook, url: URL}, b: {type: webhook, url: URL}}\nrequests: {'*': {targets: [{target: a}]}}\nevents: {user.added: {targets: [{target: a}]}}\n", "URL", "'"+o.URL+"/'")
	n := run(t, config, func(o *node.Options) { o.AllowUndeclared = true })
	c := plain(t, n)
	set := func(q *calloutv1.Quota) {
		ask(t, c.SetQuota, &calloutv1.SetQuotaRequest{Instance: "default", Quota: q})
	}
	apply := func(more string) error {
		_, err := c.Apply(within(t), connect.NewRequest(&calloutv1.ApplyRequest{Instance: "default", Configuration: more}))
		return err
	}
	set(&calloutv1.Quota{Targets: 1, Executions: 2, Lines: 1})
	require.NoError(t, apply(strings.ReplaceAll("targets: {b: {type: webhook, url: URL, timeout: 3s}}", "URL", "'"+o.URL+"/'")), "what it has it keeps, and may change")
	for what, more := range map[string]string{
		"targets":    "targets: {c: {type: webhook, url: 'http://127.0.0.1:9/'}}",
		"executions": "functions: {f: {targets: [{target: a}]}}",
		"lines":      "events: {user.added: {targets: [{target: a}, {target: b}]}}",
	} {
		err := apply(more)
		require.Equal(t, connect.CodeResourceExhausted, connect.CodeOf(err), "%s: %v", what, err)
		require.Equal(t, []string{"over_quota", what}, []string{manage.Detail(err).GetCode(), manage.Detail(err).GetField()})
	}
	ask(t, c.DeleteTarget, &calloutv1.DeleteTargetRequest{Name: "b"})
	described := ask(t, c.DescribeInstance, &calloutv1.DescribeInstanceRequest{})
	require.EqualValues(t, 1, described.GetUsage().GetTargets())
	require.EqualValues(t, 1, described.GetQuota().GetTargets())
	require.Nil(t, ask(t, c.DescribeInstance, &calloutv1.DescribeInstanceRequest{Instance: "twin"}).GetQuota())
	refused(t, connect.CodeNotFound, c.SetQuota, &calloutv1.SetQuotaRequest{Instance: "nobody"})

	set(&calloutv1.Quota{Events: 3, Calls: 3})
	require.NoError(t, apply("targets: {c: {type: webhook, url: 'http://127.0.0.1:9/'}}"), "there is no bound any more")
	status := func(instance, path, body string) int {
		t.Helper()
		r, err := http.NewRequestWithContext(within(t), http.MethodPost, n.HTTPURL()+"/v1/instances/"+instance+path, bytes.NewReader([]byte(body)))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer func() { require.NoError(t, resp.Body.Close()) }()
		raw, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		if resp.StatusCode == 429 {
			require.Equal(t, "1", resp.Header.Get("Retry-After"))
			require.Contains(t, string(raw), "too_many_requests")
		}
		return resp.StatusCode
	}
	events := func(instance string, n int) int {
		all := make([]string, n)
		for i := range all {
			all[i] = fmt.Sprintf(`{"aggregateID":"u%d","event_type":"user.left"}`, i)
		}
		return status(instance, "/events", "["+strings.Join(all, ",")+"]")
	}
	require.Equal(t, 409, events("default", 4), "so many may come at no time")
	require.Contains(t, repeated(20, func() int { return events("default", 2) }), 429)
	require.NotContains(t, repeated(20, func() int { return events("twin", 2) }), 429)
	call := func(instance string) int {
		return status(instance, "/calls/request", `{"fullMethod":"/a.S/M","request":{}}`)
	}
	require.Contains(t, repeated(40, func() int { return call("default") }), 429)
	require.NotContains(t, repeated(40, func() int { return call("twin") }), 429)
	require.Eventually(t, func() bool { return events("default", 1) == 202 && call("default") == 200 }, bound, 300*time.Millisecond)
	overNATS(t, n)
}

// overNATS shows that a core that calls over NATS is bounded by the worker.
func overNATS(t *testing.T, n *node.Node) {
	t.Helper()
	codes := map[string]map[action.Code]int{}
	for _, instance := range []string{"default", "twin"} {
		codes[instance] = map[action.Code]int{}
		client, err := callout.Connect(within(t), callout.Options{URL: n.NATSURL(), Instance: instance, Log: zerolog.Nop()})
		require.NoError(t, err)
		defer client.Close()
		for range 60 {
			r, err := client.Request(context.Background(), callout.Call{Method: "/a.S/M", Request: []byte(`{}`)})
			if r.Error != nil {
				err = r.Error
			}
			codes[instance][action.CodeOf(err)]++
		}
	}
	require.NotZero(t, codes["default"][action.CodeTooManyRequests], "%v", codes)
	require.Equal(t, map[action.Code]int{"": 60}, codes["twin"])
}

func repeated(n int, do func() int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = do()
	}
	return all
}
