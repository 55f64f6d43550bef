package calloutconnect_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"connectrpc.com/connect"

	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/callout/calloutconnect"
	"github.com/callout-hq/callout/pkg/callout/calloutproto"
	"github.com/callout-hq/callout/pkg/callout/calloutvalidate"
	userv1 "github.com/callout-hq/callout/pkg/callout/internal/testproto/acme/user/v1"
	"github.com/callout-hq/callout/pkg/callout/internal/testproto/acme/user/v1/userv1connect"
)

type users struct {
	userv1connect.UnimplementedUserServiceHandler
}

// CreateUser knows nothing of Callout: it gets the user as the targets left it.
func (users) CreateUser(_ context.Context, r *connect.Request[userv1.CreateUserRequest]) (*connect.Response[userv1.CreateUserResponse], error) {
	return connect.NewResponse(&userv1.CreateUserResponse{User: r.Msg.User, Greeting: "Hello, " + r.Msg.User.DisplayName}), nil
}

// A service whose users' targets see and change every request, within the rules
// that its messages have.
func Example() {
	client, stop := connected(`{"user":{"displayName":"Ada Lovelace"}}`)
	defer stop()
	rules, err := calloutvalidate.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	intercept := calloutconnect.New(calloutconnect.Options{
		Client:   client,
		Validate: rules,
		Identify: func(context.Context) callout.Identity {
			return callout.Identity{OrgID: "acme"} // what authentication put into the context
		},
		OnWarnings: func(_ context.Context, w calloutproto.Warned) { fmt.Println(w.Method, w.Warnings) },
	})
	mux := http.NewServeMux()
	mux.Handle(userv1connect.NewUserServiceHandler(users{}, connect.WithInterceptors(intercept)))
	server := httptest.NewServer(mux)
	defer server.Close()

	response, err := userv1connect.NewUserServiceClient(server.Client(), server.URL).
		CreateUser(context.Background(), connect.NewRequest(&userv1.CreateUserRequest{User: &userv1.User{DisplayName: "ada"}}))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(response.Msg.Greeting)
	// Output: Hello, Ada Lovelace
}

// A target that says no ends the call with the code closest to its status, and
// with its message. Callout's error is found behind it.
func ExampleNew_rejected() {
	client, stop := connected(`{"forwardedStatusCode":409,"forwardedErrorMessage":"this name is taken"}`)
	defer stop()
	intercept := calloutconnect.New(calloutconnect.Options{Client: client})
	mux := http.NewServeMux()
	mux.Handle(userv1connect.NewUserServiceHandler(users{}, connect.WithInterceptors(intercept)))
	server := httptest.NewServer(mux)
	defer server.Close()

	_, err := userv1connect.NewUserServiceClient(server.Client(), server.URL).
		CreateUser(context.Background(), connect.NewRequest(&userv1.CreateUserRequest{User: &userv1.User{DisplayName: "ada"}}))
	fmt.Println(err)
	// Output: already_exists: this name is taken
}
