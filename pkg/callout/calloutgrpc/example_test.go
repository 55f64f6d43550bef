package calloutgrpc_test

import (
	"context"
	"fmt"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/callout/calloutgrpc"
	userv1 "github.com/callout-hq/callout/pkg/callout/internal/testproto/acme/user/v1"
)

type users struct {
	userv1.UnimplementedUserServiceServer
}

// CreateUser knows nothing of Callout: it gets the user as the targets left it.
func (users) CreateUser(_ context.Context, r *userv1.CreateUserRequest) (*userv1.CreateUserResponse, error) {
	return &userv1.CreateUserResponse{User: r.User, Greeting: "Hello, " + r.User.DisplayName}, nil
}

// A service whose users' targets see and change every request.
func Example() {
	client, stop := connected(`{"user":{"displayName":"Ada Lovelace"}}`)
	defer stop()
	server := grpc.NewServer(grpc.ChainUnaryInterceptor(calloutgrpc.New(calloutgrpc.Options{
		Client: client,
		Identify: func(context.Context) callout.Identity {
			return callout.Identity{OrgID: "acme"} // what authentication put into the context
		},
	})))
	userv1.RegisterUserServiceServer(server, users{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	go func() { _ = server.Serve(listener) }()
	defer server.Stop()

	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	response, err := userv1.NewUserServiceClient(conn).CreateUser(context.Background(),
		&userv1.CreateUserRequest{User: &userv1.User{DisplayName: "ada"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(response.Greeting)
	// Output: Hello, Ada Lovelace
}
