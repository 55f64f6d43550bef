package calloutgrpc_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/callout/calloutgrpc"
	userv1 "github.com/callout-hq/callout/pkg/callout/internal/testproto/acme/user/v1"
)

var info = &grpc.UnaryServerInfo{FullMethod: userv1.UserService_CreateUser_FullMethodName}

// TestTheCoreSeesWhatItsClientDoesNot: the interceptors around find Callout's
// error; over the wire goes the status alone.
func TestTheCoreSeesWhatItsClientDoesNot(t *testing.T) {
	client, stop := connected(`{"forwardedStatusCode":410,"forwardedErrorMessage":"gone fishing"}`)
	defer stop()
	_, err := calloutgrpc.New(calloutgrpc.Options{Client: client})(t.Context(), &userv1.CreateUserRequest{}, info,
		func(context.Context, any) (any, error) {
			require.Fail(t, "handled")
			return nil, nil
		})
	var ours *action.Error
	require.ErrorAs(t, err, &ours)
	require.Equal(t, []any{action.CodeRejected, 410, "it"}, []any{ours.Code, ours.Status, ours.Target})
	told, ok := status.FromError(err)
	require.True(t, ok)
	require.Equal(t, []any{codes.NotFound, "gone fishing"}, []any{told.Code(), told.Message()})
}

// TestWhatIsNoProtobuf cannot be shown to targets, and does not slip by.
func TestWhatIsNoProtobuf(t *testing.T) {
	client, stop := connected(``)
	defer stop()
	_, err := calloutgrpc.New(calloutgrpc.Options{Client: client})(t.Context(), "text", info, func(context.Context, any) (any, error) {
		require.Fail(t, "handled")
		return nil, nil
	})
	require.Equal(t, codes.Internal, status.Code(err))
}

// TestMetadataStaysTheCores: what targets are shown is a copy.
func TestMetadataStaysTheCores(t *testing.T) {
	client, stop := connected(``)
	defer stop()
	md := metadata.Pairs("x-key-bin", "\x00\xff")
	_, err := calloutgrpc.New(calloutgrpc.Options{Client: client})(metadata.NewIncomingContext(t.Context(), md), &userv1.CreateUserRequest{}, info,
		func(ctx context.Context, _ any) (any, error) {
			require.Equal(t, []string{"\x00\xff"}, metadata.ValueFromIncomingContext(ctx, "x-key-bin"))
			return &userv1.CreateUserResponse{}, nil
		})
	require.NoError(t, err)
}
