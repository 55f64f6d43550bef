package calloutgrpc_test

import (
	"context"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/callout-hq/callout/pkg/callout/calloutgrpc"
	userv1 "github.com/callout-hq/callout/pkg/callout/internal/testproto/acme/user/v1"
)

// telling is a service that tells something of its response in headers and trailers.
type telling struct {
	userv1.UnimplementedUserServiceServer
	send bool
	err  error
}

func (s telling) CreateUser(ctx context.Context, _ *userv1.CreateUserRequest) (*userv1.CreateUserResponse, error) {
	set := grpc.SetHeader
	if s.send {
		set = grpc.SendHeader
	}
	for _, err := range []error{
		grpc.SetHeader(ctx, metadata.Pairs("x-first", "secret")), set(ctx, metadata.Pairs("x-user", "secret")),
		grpc.SetTrailer(ctx, metadata.Pairs("x-trailer", "secret")),
	} {
		if err != nil {
			return nil, err
		}
	}
	return &userv1.CreateUserResponse{Greeting: "secret"}, s.err
}

// TestARefusedResponseTakesItsHeadersWithIt: nothing that the handler set leaves with
// the refusal. With a response that passes, and with the handler's own error, all of
// it does.
func TestARefusedResponseTakesItsHeadersWithIt(t *testing.T) {
	for _, row := range []struct {
		name, answer string
		service      telling
		code         codes.Code
		leaves       bool
	}{
		{"passes", ``, telling{}, codes.OK, true},
		{"passes, sent", ``, telling{send: true}, codes.OK, true},
		{"changed", `{"greeting":"hi"}`, telling{}, codes.OK, true},
		{"refused", `{"forwardedStatusCode":403}`, telling{}, codes.PermissionDenied, false},
		{"refused, sent", `{"forwardedStatusCode":403}`, telling{send: true}, codes.PermissionDenied, false},
		{"the handler's own error", ``, telling{err: status.Error(codes.DataLoss, "mine")}, codes.DataLoss, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			client, stop := connectedTo(row.answer, guardedResponse)
			defer stop()
			server := grpc.NewServer(grpc.UnaryInterceptor(calloutgrpc.New(calloutgrpc.Options{Client: client})))
			userv1.RegisterUserServiceServer(server, row.service)
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			go func() { _ = server.Serve(listener) }()
			defer server.Stop()
			conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
			require.NoError(t, err)
			defer func() { require.NoError(t, conn.Close()) }()
			var header, trailer metadata.MD
			_, err = userv1.NewUserServiceClient(conn).CreateUser(t.Context(), &userv1.CreateUserRequest{}, grpc.Header(&header), grpc.Trailer(&trailer))
			require.Equal(t, row.code, status.Code(err), "%v", err)
			var want []string
			if row.leaves {
				want = []string{"secret"}
			}
			all := metadata.Join(header, trailer) // of a call that failed at once headers are trailers
			for _, name := range []string{"x-first", "x-user", "x-trailer"} {
				require.Equal(t, want, all.Get(name), name)
			}
		})
	}
}
