package node_test

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/callout/calloutproto"
	"github.com/callout-hq/callout/pkg/contract"
)

// contractOf fetches the typed contract of an instance.
func contractOf(t *testing.T, base, instance, query, etag string) (status int, raw []byte, header http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(within(t, 30*time.Second), http.MethodGet, base+"/v1/instances/"+instance+"/contract/openapi.json"+query, nil)
	require.NoError(t, err)
	if etag != "" {
		req.Header.Set("If-None-Match", etag)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	raw, err = io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode, raw, resp.Header
}

// TestCoresTypeTheContract: one core says with its descriptors what is in its bodies, one
// in another language with JSON Schemas over plain NATS, and one says nonsense; each
// instance has what its own cores have said.
func TestCoresTypeTheContract(t *testing.T) {
	r := run(t, newTargets(t), contractConfig, nil)
	ctx := within(t, time.Minute)
	const method = "/grpc.health.v1.Health/Check"
	file := healthpb.File_grpc_health_v1_health_proto
	require.NoError(t, r.client.Declare(ctx, callout.Declaration{Core: "health", Methods: calloutproto.Methods(file), Descriptors: calloutproto.Descriptors(file),
		EventTypes: []string{"health.changed"}, EventMessages: map[string]string{"health.changed": "grpc.health.v1.HealthCheckResponse"}}))
	nc, err := nats.Connect(r.NATSURL())
	require.NoError(t, err)
	defer nc.Close()
	for key, body := range map[string]string{
		"$KV.callout_declared.default.shop": `{"core":"shop","event_types":["orders/paid"],"schemas":{"event/orders/paid":{"type":"object","required":["total"],"properties":{"total":{"type":"number"}}}}}`,
		"$KV.callout_declared.default.odd":  `{"core":"odd","event_types":["a"],"descriptors":"AAAA"}`,
	} {
		_, err := nc.RequestWithContext(ctx, key, []byte(body))
		require.NoError(t, err)
	}
	status, raw, header := contractOf(t, r.HTTPURL(), "default", "", "")
	require.Equal(t, 200, status, "%s", raw)
	document, err := contract.ReadDocument(raw)
	require.NoError(t, err)
	require.Contains(t, document.Typed("request"), method)
	require.Equal(t, []string{"health.changed", "orders/paid"}, document.Typed("event"))
	require.Contains(t, string(raw), "the types of the core")
	schema, typed, err := document.SchemaFor("request", method)
	require.NoError(t, err)
	require.True(t, typed)
	require.NotNil(t, schema.Under("$defs").Get("grpc.health.v1.HealthCheckRequest"))

	status, raw, _ = contractOf(t, r.HTTPURL(), "default", "", header.Get("ETag"))
	require.Equal(t, 304, status)
	require.Empty(t, raw)
	status, raw, _ = contractOf(t, r.HTTPURL(), "twin", "", "")
	require.Equal(t, 200, status)
	document, err = contract.ReadDocument(raw)
	require.NoError(t, err)
	require.Empty(t, document.Typed("event"), "of what was declared for the instance beside it")
	for query, want := range map[string]int{"?core=shop": 200, "?core=odd": 400, "?core=nobody": 404} {
		status, raw, _ := contractOf(t, r.HTTPURL(), "default", query, "")
		require.Equal(t, want, status, "%s: %s", query, raw)
		require.True(t, json.Valid(raw))
	}
	status, _, _ = contractOf(t, r.HTTPURL(), "nobody", "", "")
	require.Equal(t, 404, status)
}
