package callout_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/node"
)

// createUser is a method of a core, ten lines longer for Callout.
func createUser(ctx context.Context, client *callout.Client, org string, body []byte) ([]byte, error) {
	call := callout.Call{Method: "/acme.user.v1.UserService/CreateUser", OrgID: org, Request: body}
	changed, _, err := client.Intercept(ctx, action.Request, call, nil)
	if err != nil {
		return nil, err // its message and status are safe to show
	}
	if changed != nil {
		call.Request = changed // handle this instead
	}
	// ... the core checks and stores the user ...
	_, err = client.Publish(ctx, action.Event{AggregateID: "u1", ResourceOwner: org, Type: "user.added", Payload: call.Request})
	return call.Request, err
}

// A core lets its users change what is created, and tells them afterwards.
func Example() {
	// What a user of the platform runs: an endpoint for each.
	told := make(chan string, 1)
	endpoints := http.NewServeMux()
	endpoints.HandleFunc("/displayname", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"displayName":"Ada Lovelace"}`)
	})
	endpoints.HandleFunc("/audit", func(_ http.ResponseWriter, r *http.Request) {
		var event struct {
			Type    string          `json:"event_type"`
			Payload json.RawMessage `json:"event_payload"`
		}
		_ = json.NewDecoder(r.Body).Decode(&event)
		told <- event.Type + " " + string(event.Payload)
	})
	user := httptest.NewServer(endpoints)
	defer user.Close()

	// Callout, in one process.
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	engine, err := node.Start(ctx, node.Options{Listen: "127.0.0.1:0", NATSListen: "127.0.0.1:0", ConfigName: "callout.yaml", Config: []byte(`
targets:
  displayname: {type: call, url: "` + user.URL + `/displayname", interrupt_on_error: true}
  audit: {type: webhook, url: "` + user.URL + `/audit"}
requests:
  /acme.user.v1.UserService/CreateUser: {targets: [{target: displayname}]}
events:
  "user.*": {targets: [{target: audit}]}
`)})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = engine.Close(ctx) }()

	// The core.
	client, err := callout.Connect(ctx, callout.Options{URL: engine.NATSURL(), Exempt: []string{"/acme.admin.v1.AdminService/"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	created, err := createUser(ctx, client, "acme", []byte(`{"name":"ada"}`))
	fmt.Println(string(created), err)
	fmt.Println(<-told)
	// Output:
	// {"name":"ada","displayName":"Ada Lovelace"} <nil>
	// user.added {"name":"ada","displayName":"Ada Lovelace"}
}
