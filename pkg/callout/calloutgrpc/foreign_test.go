package calloutgrpc_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/callout/calloutgrpc"
	"github.com/callout-hq/callout/pkg/callout/calloutproto"
	userv1 "github.com/callout-hq/callout/pkg/callout/internal/testproto/acme/user/v1"
)

const (
	softly = `
targets: {it: {type: call, url: "URL"}}
requests: {"*": {targets: [{target: it}]}}
responses: {"*": {targets: [{target: it}]}}
`
	guardedResponse = `
targets: {it: {type: call, url: "URL", interrupt_on_error: true}}
responses: {"*": {targets: [{target: it}]}}
`
)

// TestForeignMessagesPassWhereNothingInterrupts, and are told of. A guard of the
// response keeps them back: a request before the work, a response behind it.
func TestForeignMessagesPassWhereNothingInterrupts(t *testing.T) {
	for _, row := range []struct {
		name, config      string
		request, response any
		handled           bool
		code              codes.Code
		warned            int
	}{
		{"a request", softly, "text", &userv1.CreateUserResponse{}, true, codes.OK, 1},
		{"a response", softly, &userv1.CreateUserRequest{}, "text", true, codes.OK, 1},
		{"both", softly, "text", "text", true, codes.OK, 1},
		{"no response at all", softly, &userv1.CreateUserRequest{}, nil, true, codes.OK, 0},
		{"a request, guarded", guardedResponse, "text", nil, false, codes.Internal, 0},
		{"a response, guarded", guardedResponse, &userv1.CreateUserRequest{}, "text", true, codes.Internal, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			client, stop := connectedTo(``, row.config)
			defer stop()
			handled, warned := false, 0
			got, err := calloutgrpc.New(calloutgrpc.Options{Client: client, OnWarnings: func(context.Context, calloutproto.Warned) { warned++ }})(
				t.Context(), row.request, info, func(_ context.Context, r any) (any, error) {
					require.Equal(t, row.request, r)
					handled = true
					return row.response, nil
				})
			require.Equal(t, row.code, status.Code(err), "%v", err)
			require.Equal(t, row.handled, handled)
			require.Equal(t, row.warned, warned)
			if row.code == codes.OK {
				require.Equal(t, row.response, got)
			} else {
				require.Nil(t, got)
			}
		})
	}
}

// TestTheHandlersContextHasTheTrace, whether or not anything is configured.
func TestTheHandlersContextHasTheTrace(t *testing.T) {
	const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	for _, config := range []string{softly, "targets: {}"} {
		client, stop := connectedTo(``, config)
		for _, sent := range []string{trace, "junk"} {
			ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs("traceparent", sent))
			seen := "not called"
			_, err := calloutgrpc.New(calloutgrpc.Options{Client: client})(ctx, &userv1.CreateUserRequest{}, info, func(ctx context.Context, _ any) (any, error) {
				seen = callout.TraceparentOf(ctx)
				return &userv1.CreateUserResponse{}, nil
			})
			require.NoError(t, err)
			require.Equal(t, sent == trace, seen == trace)
			require.Equal(t, sent != trace, seen == "")
		}
		stop()
	}
}
