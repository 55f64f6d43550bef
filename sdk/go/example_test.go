package callout_test

import (
	"context"
	"encoding/json"
	"fmt"

	callout "github.com/callout-hq/callout/sdk/go"
	"github.com/callout-hq/callout/sdk/go/callouttest"
)

// A target that changes a request, refuses one, and takes an event; and how it is tested.
func Example() {
	hooks, err := callout.New(callout.Options{Keys: []string{callouttest.Key}})
	if err != nil {
		panic(err)
	}
	callout.OnRequest(hooks, "/acme.user.v1.UserService/CreateUser", func(_ context.Context, c callout.Call[user]) (any, error) {
		if c.Request.Email == "" {
			return nil, callout.Reject(422, "an e-mail address is needed")
		}
		return displayed{c.Request.First + " " + c.Request.Last}, nil
	})
	callout.OnEvent(hooks, "user.*", func(_ context.Context, e callout.Event[json.RawMessage]) error {
		fmt.Println("event", e.EventType, string(e.Payload))
		return nil
	})

	create := "/acme.user.v1.UserService/CreateUser"
	fmt.Println(string(callouttest.Request(create, user{First: "Ada", Last: "Lovelace", Email: "ada@example.com"}).To(hooks).Body))
	fmt.Println(string(callouttest.Request(create, user{First: "Ada"}).To(hooks).Body))
	fmt.Println(callouttest.Event("user.added", map[string]string{"name": "Ada"}).To(hooks).Status)
	// Output:
	// {"displayName":"Ada Lovelace"}
	// {"forwardedStatusCode":422,"forwardedErrorMessage":"an e-mail address is needed"}
	// event user.added {"name":"Ada"}
	// 204
}

func ExampleClaim() {
	raw, _ := json.Marshal(callout.Claim("uid", "u1").LogClaim("by hook")) // it has a JSON
	fmt.Println(string(raw))
	// Output: {"append_claims":[{"key":"uid","value":"u1"}],"append_log_claims":["by hook"]}
}
