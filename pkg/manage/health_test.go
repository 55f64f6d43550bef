package manage_test

import (
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/callout-hq/callout/pkg/bus"
)

// TestHealth: everybody may ask in gRPC's own way whether a service takes traffic, as
// by /readyz, and is told no more than that.
func TestHealth(t *testing.T) {
	t.Parallel()
	w := startWalled(t)
	conn, err := grpc.NewClient(strings.TrimPrefix(w.HTTPURL(), "http://"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	client := grpc_health_v1.NewHealthClient(conn)
	health := func(service string) grpc_health_v1.HealthCheckResponse_ServingStatus {
		answer, err := client.Check(within(t), &grpc_health_v1.HealthCheckRequest{Service: service})
		require.NoError(t, err)
		return answer.GetStatus()
	}
	services := []string{"", "callout.v1.ActionService", "zitadel.action.v2.ActionService", "zitadel.action.v2beta.ActionService"}
	for _, service := range services {
		require.Equal(t, grpc_health_v1.HealthCheckResponse_SERVING, health(service), service)
	}
	_, err = client.Check(within(t), &grpc_health_v1.HealthCheckRequest{Service: "no.Service"})
	require.Equal(t, codes.NotFound, status.Code(err), "%v", err)

	b, err := bus.Connect(within(t), bus.Options{URL: w.NATSURL(), Log: zerolog.Nop()})
	require.NoError(t, err)
	defer b.Close()
	require.NoError(t, b.Bucket(bus.BucketCatalog).Put(within(t), "newer.root", []byte(`{"format":99,"revision":1,"cut":2}`)))
	require.Eventually(t, func() bool { return health("") == grpc_health_v1.HealthCheckResponse_NOT_SERVING }, bound, lookEvery)
	for _, service := range services {
		require.Equal(t, grpc_health_v1.HealthCheckResponse_NOT_SERVING, health(service), service)
	}
}
