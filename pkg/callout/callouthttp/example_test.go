package callouthttp_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/callout/callouthttp"
)

// A JSON API whose users' targets see and change every request. Its handlers
// know nothing of Callout.
func Example() {
	client, stop := connected(`{"displayName":"Ada Lovelace"}`)
	defer stop()
	methods := map[string]string{"POST /users": "/acme.user.v1.UserService/CreateUser"}
	intercept := callouthttp.New(callouthttp.Options{
		Client: client,
		Method: func(r *http.Request) string { return methods[r.Method+" "+r.URL.Path] },
		Identify: func(*http.Request) callout.Identity {
			return callout.Identity{OrgID: "acme"} // what authentication put into the context
		},
	})
	mux := http.NewServeMux()
	mux.HandleFunc("POST /users", func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
	server := httptest.NewServer(intercept(mux))
	defer server.Close()

	response, err := server.Client().Post(server.URL+"/users", "application/json", strings.NewReader(`{"name":"ada"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	fmt.Println(response.StatusCode, string(body))
	// Output: 200 {"name":"ada","displayName":"Ada Lovelace"}
}
