// Command hooks is the hooks of `callout demo --hooks go`: they change a user that is made, log it,
// store it in LDAP, and complete a token.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	callout "github.com/callout-hq/callout/sdk/go"
)

const create = "/demo.user.v1.UserService/CreateUser"

type user struct {
	ID         string `json:"id"`
	Username   string `json:"username"`
	GivenName  string `json:"givenName"`
	FamilyName string `json:"familyName"`
	Email      string `json:"email"`
	Metadata   struct {
		Department string `json:"department"`
	} `json:"metadata"`
}

func main() {
	hooks := callout.FromEnv()
	callout.OnRequest(hooks, create, func(context.Context, callout.Call[user]) (any, error) {
		return map[string]any{"metadata": map[string]string{"department": "analytics", "costCenter": "1843"}}, nil
	})
	callout.OnResponse(hooks, create, func(_ context.Context, r callout.Response[user, user]) (any, error) {
		fmt.Println("created", r.Response.ID)
		return nil, nil
	})
	callout.OnEvent(hooks, "user.added", func(ctx context.Context, e callout.Event[user]) error {
		if err := store(ctx, e.Payload); err != nil {
			return err // it comes again
		}
		fmt.Println("user.added", e.Payload.ID)
		return nil
	})
	callout.OnFunction(hooks, "create_id_token", func(_ context.Context, t callout.TokenContext) (any, error) {
		return callout.Claim("uid", t.User.ID), nil
	})
	port := "9000"
	if len(os.Args) > 1 {
		port = os.Args[1]
	}
	if err := callout.Serve(context.Background(), "127.0.0.1:"+port, hooks); err != nil {
		log.Fatal(err)
	}
}
