package calloutconnect_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/callout/calloutconnect"
	"github.com/callout-hq/callout/pkg/callout/calloutproto"
	userv1 "github.com/callout-hq/callout/pkg/callout/internal/testproto/acme/user/v1"
	"github.com/callout-hq/callout/pkg/callout/internal/testproto/acme/user/v1/userv1connect"
)

const softly = `
targets: {it: {type: call, url: "URL"}}
requests: {"*": {targets: [{target: it}]}}
responses: {"*": {targets: [{target: it}]}}
`

// plain is a message that is no protobuf, and its codec.
type plain struct{ Text string }

type codec struct{}

func (codec) Name() string                      { return "json" }
func (codec) Marshal(m any) ([]byte, error)     { return json.Marshal(m) }
func (codec) Unmarshal(raw []byte, m any) error { return json.Unmarshal(raw, m) }

// TestForeignMessages pass where nothing interrupts, and are told of; a guard
// keeps them back, of the response before the work too.
func TestForeignMessages(t *testing.T) {
	for _, row := range []struct {
		name, config string
		handled      int
		warned       int
	}{
		{"nothing interrupts", softly, 1, 1},
		{"a guard of the request", strings.Replace(softly, `"URL"`, `"URL", interrupt_on_error: true`, 1), 0, 0},
		{"a guard of the response", "targets: {it: {type: call, url: \"URL\", interrupt_on_error: true}}\nresponses: {\"*\": {targets: [{target: it}]}}", 0, 0},
		{"nothing configured", "targets: {}", 1, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			client, stop := connectedTo(``, row.config)
			defer stop()
			handled, warned := 0, 0
			o := calloutconnect.Options{Client: client, OnWarnings: func(context.Context, calloutproto.Warned) { warned++ }}
			server := httptest.NewServer(connect.NewUnaryHandler("/acme.Plain/Echo", func(_ context.Context, r *connect.Request[plain]) (*connect.Response[plain], error) {
				handled++
				return connect.NewResponse(&plain{r.Msg.Text + "!"}), nil
			}, connect.WithCodec(codec{}), connect.WithInterceptors(calloutconnect.New(o))))
			defer server.Close()
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/acme.Plain/Echo", strings.NewReader(`{"Text":"hello"}`))
			require.NoError(t, err)
			request.Header.Set("Content-Type", "application/json")
			response, err := server.Client().Do(request)
			require.NoError(t, err)
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			require.Equal(t, []any{row.handled, row.warned}, []any{handled, warned}, string(body))
			if row.handled == 1 {
				require.JSONEq(t, `{"Text":"hello!"}`, string(body))
			} else {
				require.Contains(t, string(body), `"code":"internal"`)
				require.NotContains(t, string(body), "hello")
			}
		})
	}
}

// tracing is a core that keeps the trace that its handler's context had.
type tracing struct {
	users
	seen string
}

func (c *tracing) CreateUser(ctx context.Context, r *connect.Request[userv1.CreateUserRequest]) (*connect.Response[userv1.CreateUserResponse], error) {
	c.seen = callout.TraceparentOf(ctx)
	return c.users.CreateUser(ctx, r)
}

// TestTheHandlersContextHasTheTrace, whether or not anything is configured.
func TestTheHandlersContextHasTheTrace(t *testing.T) {
	const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	for _, config := range []string{softly, "targets: {}"} {
		client, stop := connectedTo(``, config)
		core := &tracing{}
		mux := http.NewServeMux()
		mux.Handle(userv1connect.NewUserServiceHandler(core, connect.WithInterceptors(calloutconnect.New(calloutconnect.Options{Client: client}))))
		server := httptest.NewServer(mux)
		for _, sent := range []string{trace, "junk"} {
			request := connect.NewRequest(&userv1.CreateUserRequest{User: &userv1.User{DisplayName: "ada"}})
			request.Header().Set("Traceparent", sent)
			_, err := userv1connect.NewUserServiceClient(server.Client(), server.URL).CreateUser(t.Context(), request)
			require.NoError(t, err)
			require.Equal(t, sent == trace, core.seen == trace)
			require.Equal(t, sent != trace, core.seen == "")
		}
		server.Close()
		stop()
	}
}
