package calloutproto_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/callout/calloutconnect"
	"github.com/callout-hq/callout/pkg/callout/calloutproto"
	userv1 "github.com/callout-hq/callout/pkg/callout/internal/testproto/acme/user/v1"
	"github.com/callout-hq/callout/pkg/callout/internal/testproto/acme/user/v1/userv1connect"
)

type connectCore struct{ *core }

func (c connectCore) CreateUser(_ context.Context, r *connect.Request[userv1.CreateUserRequest]) (*connect.Response[userv1.CreateUserResponse], error) {
	answer, err := c.create(r.Msg)
	if err != nil {
		return nil, err
	}
	response := connect.NewResponse(answer)
	response.Header().Set("X-Of-Handler", "kept")
	return response, nil
}

func (c connectCore) WatchUsers(_ context.Context, _ *connect.Request[userv1.WatchUsersRequest], stream *connect.ServerStream[userv1.User]) error {
	return errors.Join(stream.Send(&userv1.User{UserId: "u1"}), stream.Send(&userv1.User{UserId: "u2"}))
}

func connectService(t *testing.T, o calloutproto.Options) *service {
	t.Helper()
	c := &core{}
	watch := connect.UnaryInterceptorFunc(func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(ctx context.Context, r connect.AnyRequest) (connect.AnyResponse, error) {
			before := r.Any()
			c.arrives(before)
			response, err := next(ctx, r)
			assert.Same(t, before, r.Any(), "the request of who stands in front")
			return response, err
		}
	})
	with := connect.WithInterceptors(watch, calloutconnect.New(o))
	mux := http.NewServeMux()
	mux.Handle(userv1connect.NewUserServiceHandler(connectCore{c}, with))
	mux.Handle(userv1connect.NewAdminServiceHandler(connectCore{c}, with))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	users := userv1connect.NewUserServiceClient(server.Client(), server.URL)
	admins := userv1connect.NewAdminServiceClient(server.Client(), server.URL)
	return &service{core: c,
		create: func(ctx context.Context, r *userv1.CreateUserRequest, header ...string) (*userv1.CreateUserResponse, error) {
			request := connect.NewRequest(r)
			for i := 0; i < len(header); i += 2 {
				request.Header().Add(header[i], header[i+1])
			}
			response, err := users.CreateUser(ctx, request)
			if err != nil {
				return nil, err
			}
			require.Equal(t, "kept", response.Header().Get("X-Of-Handler"))
			return response.Msg, nil
		},
		admin: func(ctx context.Context, r *userv1.CreateUserRequest) (*userv1.CreateUserResponse, error) {
			response, err := admins.CreateUser(ctx, connect.NewRequest(r))
			if err != nil {
				return nil, err
			}
			return response.Msg, nil
		},
		watch: func(ctx context.Context) (ids []string, err error) {
			stream, err := users.WatchUsers(ctx, connect.NewRequest(&userv1.WatchUsersRequest{}))
			if err != nil {
				return nil, err
			}
			defer stream.Close()
			for stream.Receive() {
				ids = append(ids, stream.Msg().UserId)
			}
			return ids, stream.Err()
		},
		told: func(err error) (calloutproto.Code, string) {
			var e *connect.Error
			require.ErrorAs(t, err, &e)
			return calloutproto.Code(e.Code()), e.Message()
		},
	}
}
