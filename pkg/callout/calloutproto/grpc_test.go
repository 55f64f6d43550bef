package calloutproto_test

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/callout-hq/callout/pkg/callout/calloutgrpc"
	"github.com/callout-hq/callout/pkg/callout/calloutproto"
	userv1 "github.com/callout-hq/callout/pkg/callout/internal/testproto/acme/user/v1"
)

type grpcCore struct {
	userv1.UnimplementedUserServiceServer
	*core
}

func (c grpcCore) CreateUser(_ context.Context, r *userv1.CreateUserRequest) (*userv1.CreateUserResponse, error) {
	return c.create(r)
}

func (c grpcCore) WatchUsers(_ *userv1.WatchUsersRequest, stream grpc.ServerStreamingServer[userv1.User]) error {
	return errors.Join(stream.Send(&userv1.User{UserId: "u1"}), stream.Send(&userv1.User{UserId: "u2"}))
}

type grpcAdmin struct {
	userv1.UnimplementedAdminServiceServer
	*core
}

func (c grpcAdmin) CreateUser(_ context.Context, r *userv1.CreateUserRequest) (*userv1.CreateUserResponse, error) {
	return c.create(r)
}

func grpcService(t *testing.T, o calloutproto.Options) *service {
	t.Helper()
	c := &core{}
	watch := func(ctx context.Context, r any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		c.arrives(r)
		return handler(ctx, r)
	}
	server := grpc.NewServer(grpc.ChainUnaryInterceptor(watch, calloutgrpc.New(o)))
	userv1.RegisterUserServiceServer(server, grpcCore{core: c})
	userv1.RegisterAdminServiceServer(server, grpcAdmin{core: c})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		require.NoError(t, <-served)
	})
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	users, admins := userv1.NewUserServiceClient(conn), userv1.NewAdminServiceClient(conn)
	return &service{core: c,
		create: func(ctx context.Context, r *userv1.CreateUserRequest, header ...string) (*userv1.CreateUserResponse, error) {
			return users.CreateUser(metadata.AppendToOutgoingContext(ctx, header...), r)
		},
		admin: func(ctx context.Context, r *userv1.CreateUserRequest) (*userv1.CreateUserResponse, error) {
			return admins.CreateUser(ctx, r)
		},
		watch: func(ctx context.Context) (ids []string, err error) {
			stream, err := users.WatchUsers(ctx, &userv1.WatchUsersRequest{})
			for err == nil {
				var user *userv1.User
				if user, err = stream.Recv(); err == nil {
					ids = append(ids, user.UserId)
				}
			}
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return ids, err
		},
		told: func(err error) (calloutproto.Code, string) {
			s, ok := status.FromError(err)
			require.True(t, ok)
			return calloutproto.Code(s.Code()), s.Message()
		},
	}
}
