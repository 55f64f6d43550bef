package zitadelgo_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	action "github.com/zitadel/zitadel-go/v3/pkg/client/zitadel/action/v2"
	filter "github.com/zitadel/zitadel-go/v3/pkg/client/zitadel/filter/v2"
	user "github.com/zitadel/zitadel-go/v3/pkg/client/zitadel/user/v2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
)

// TestV2Codes: what is refused has the code that ZITADEL gives it, and says which
// field is wrong.
func TestV2Codes(t *testing.T) {
	at := start(t)
	for _, instance := range instances {
		t.Run(instance, func(t *testing.T) {
			actions, ctx := connect(t, at, instance, "any").ActionServiceV2(), within(t)
			made, err := actions.CreateTarget(ctx, webhook("audit"))
			require.NoError(t, err)
			_, err = actions.CreateTarget(ctx, webhook("audit"))
			refused(t, codes.AlreadyExists, err)
			_, err = actions.CreateTarget(ctx, &action.CreateTargetRequest{})
			require.Contains(t, refused(t, codes.InvalidArgument, err), "name: ")
			long := webhook("long")
			long.Timeout = durationpb.New(1 << 40)
			_, err = actions.CreateTarget(ctx, long)
			require.Contains(t, refused(t, codes.InvalidArgument, err), "timeout: ")
			none := webhook("none")
			none.Timeout = &durationpb.Duration{Seconds: 1, Nanos: -1}
			_, err = actions.CreateTarget(ctx, none)
			refused(t, codes.InvalidArgument, err)
			secret := webhook("secret")
			secret.PayloadType = 99
			_, err = actions.CreateTarget(ctx, secret)
			require.Contains(t, refused(t, codes.InvalidArgument, err), "payloadType: ")
			_, err = actions.GetTarget(ctx, &action.GetTargetRequest{Id: "notexisting"})
			refused(t, codes.NotFound, err)
			_, err = actions.UpdateTarget(ctx, &action.UpdateTargetRequest{Id: "notexisting", Name: proto.String("new")})
			refused(t, codes.NotFound, err)
			_, err = actions.UpdateTarget(ctx, &action.UpdateTargetRequest{Id: made.GetId(), Name: proto.String("")})
			require.Contains(t, refused(t, codes.InvalidArgument, err), "name: ")
			_, err = actions.SetExecution(ctx, &action.SetExecutionRequest{Condition: onMethod("/a.B/C"), Targets: []string{"notexisting"}})
			refused(t, codes.NotFound, err)
			_, err = actions.SetExecution(ctx, &action.SetExecutionRequest{Condition: &action.Condition{}, Targets: []string{made.GetId()}})
			refused(t, codes.InvalidArgument, err)
			_, err = actions.ListTargets(ctx, &action.ListTargetsRequest{Pagination: &filter.PaginationRequest{Limit: 1001}})
			require.Contains(t, refused(t, codes.InvalidArgument, err), "pagination.limit: ")
			_, err = actions.AddPublicKey(ctx, &action.AddPublicKeyRequest{TargetId: made.GetId(), PublicKey: []byte("x")})
			require.Contains(t, refused(t, codes.InvalidArgument, err), "publicKey: ")
		})
	}
}

// TestWhatIsNotThere: another service of ZITADEL's is unimplemented, and the health of
// those that are there is told in gRPC's own way.
func TestWhatIsNotThere(t *testing.T) {
	at := start(t)
	_, err := connect(t, at, "default", "any").UserServiceV2().GetUserByID(within(t), &user.GetUserByIDRequest{UserId: "u"})
	refused(t, codes.Unimplemented, err)

	conn, err := grpc.NewClient(at.Host, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	health := grpc_health_v1.NewHealthClient(conn)
	for _, service := range []string{"", "zitadel.action.v2.ActionService", "zitadel.action.v2beta.ActionService", "callout.v1.ActionService"} {
		answer, err := health.Check(within(t), &grpc_health_v1.HealthCheckRequest{Service: service})
		require.NoError(t, err)
		require.Equal(t, grpc_health_v1.HealthCheckResponse_SERVING, answer.GetStatus(), service)
	}
	_, err = health.Check(within(t), &grpc_health_v1.HealthCheckRequest{Service: "zitadel.user.v2.UserService"})
	refused(t, codes.NotFound, err)
}
