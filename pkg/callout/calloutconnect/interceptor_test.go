package calloutconnect_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/callout/calloutconnect"
	userv1 "github.com/callout-hq/callout/pkg/callout/internal/testproto/acme/user/v1"
	"github.com/callout-hq/callout/pkg/callout/internal/testproto/acme/user/v1/userv1connect"
)

// TestTheCoreSeesWhatItsClientDoesNot: the interceptors around find Callout's
// error; over the wire go code and message alone.
func TestTheCoreSeesWhatItsClientDoesNot(t *testing.T) {
	client, stop := connected(`{"forwardedStatusCode":410,"forwardedErrorMessage":"gone fishing"}`)
	defer stop()
	var seen error
	around := connect.UnaryInterceptorFunc(func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(ctx context.Context, r connect.AnyRequest) (connect.AnyResponse, error) {
			response, err := next(ctx, r)
			seen = err
			return response, err
		}
	})
	intercept := calloutconnect.New(calloutconnect.Options{Client: client})
	mux := http.NewServeMux()
	mux.Handle(userv1connect.NewUserServiceHandler(users{}, connect.WithInterceptors(around, intercept)))
	server := httptest.NewServer(mux)
	defer server.Close()
	_, err := userv1connect.NewUserServiceClient(server.Client(), server.URL).
		CreateUser(t.Context(), connect.NewRequest(&userv1.CreateUserRequest{}))

	var ours *action.Error
	require.ErrorAs(t, seen, &ours)
	require.Equal(t, []any{action.CodeRejected, 410, "it"}, []any{ours.Code, ours.Status, ours.Target})
	require.False(t, errors.As(err, &ours), "%v", err)
	require.EqualError(t, err, "not_found: gone fishing")
}

// TestClientsPass: the same interceptor in a client does nothing.
func TestClientsPass(t *testing.T) {
	client, stop := connected(`{"forwardedStatusCode":410}`)
	defer stop()
	intercept := connect.WithInterceptors(calloutconnect.New(calloutconnect.Options{Client: client}))
	mux := http.NewServeMux()
	mux.Handle(userv1connect.NewUserServiceHandler(users{}))
	server := httptest.NewServer(mux)
	defer server.Close()
	response, err := userv1connect.NewUserServiceClient(server.Client(), server.URL, intercept).
		CreateUser(t.Context(), connect.NewRequest(&userv1.CreateUserRequest{User: &userv1.User{DisplayName: "ada"}}))
	require.NoError(t, err)
	require.Equal(t, "Hello, ada", response.Msg.Greeting)
}
