package calloutproto_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/callout/calloutconnect"
	"github.com/callout-hq/callout/pkg/callout/calloutgrpc"
	"github.com/callout-hq/callout/pkg/callout/calloutproto"
	userv1 "github.com/callout-hq/callout/pkg/callout/internal/testproto/acme/user/v1"
	"github.com/callout-hq/callout/pkg/callout/internal/testproto/acme/user/v1/userv1connect"
)

// idle is a core for whose methods nothing is configured, beside many others.
func idle(t testing.TB) calloutproto.Options {
	t.Helper()
	var config strings.Builder
	config.WriteString("targets: {it: {type: webhook, url: HOOKS/it}}\nrequests:\n")
	for i := range 1000 {
		fmt.Fprintf(&config, "  /other.v1.Service%d/Method: {targets: [{target: it}]}\n", i)
	}
	config.WriteString("responses:\n  other.v1.Service: {targets: [{target: it}]}\n")
	n, _ := startNode(t, newTargets(t), config.String(), nil)
	client := newClient(t, callout.Options{URL: n.NATSURL(), Exempt: []string{"/acme.user.v1.AdminService/"}})
	<-client.Loaded()
	return calloutproto.Options{Client: client, Identify: acme}
}

// captured is a request as a Connect handler gets it.
func captured(t testing.TB) connect.AnyRequest {
	t.Helper()
	var request connect.AnyRequest
	keep := connect.UnaryInterceptorFunc(func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(ctx context.Context, r connect.AnyRequest) (connect.AnyResponse, error) {
			request = r
			return next(ctx, r)
		}
	})
	path, handler := userv1connect.NewUserServiceHandler(connectCore{&core{}}, connect.WithInterceptors(keep))
	mux := http.NewServeMux()
	mux.Handle(path, handler)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	_, err := userv1connect.NewUserServiceClient(server.Client(), server.URL).CreateUser(within(t, 5*time.Second), connect.NewRequest(ada()))
	require.NoError(t, err)
	require.Equal(t, createUser, request.Spec().Procedure)
	return request
}

// unary gives each framework's call without and with Callout. The handler does
// nothing.
func unary(t testing.TB) map[string]func() error {
	o, ctx := idle(t), context.Background()
	request := captured(t)
	response := connect.NewResponse(&userv1.CreateUserResponse{})
	bareConnect := connect.UnaryFunc(func(context.Context, connect.AnyRequest) (connect.AnyResponse, error) { return response, nil })
	withConnect := calloutconnect.New(o).WrapUnary(bareConnect)
	bareGRPC := func(context.Context, any) (any, error) { return response.Msg, nil }
	withGRPC := calloutgrpc.New(o)
	info, message := &grpc.UnaryServerInfo{FullMethod: createUser}, any(ada())
	return map[string]func() error{
		"connect/bare":    func() error { _, err := bareConnect(ctx, request); return err },
		"connect/callout": func() error { _, err := withConnect(ctx, request); return err },
		"grpc/bare":       func() error { _, err := bareGRPC(ctx, message); return err },
		"grpc/callout":    func() error { _, err := withGRPC(ctx, message, info, bareGRPC); return err },
	}
}

// BenchmarkNothingConfigured is what a core pays for a call that nobody
// extends: no encoding, nothing on the wire.
func BenchmarkNothingConfigured(b *testing.B) {
	calls := unary(b)
	for _, name := range []string{"connect/bare", "connect/callout", "grpc/bare", "grpc/callout"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := calls[name](); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestNothingConfiguredAllocatesNothing(t *testing.T) {
	for name, call := range unary(t) {
		require.Zero(t, testing.AllocsPerRun(100, func() { _ = call() }), name)
	}
}
