package zitadelgo_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	v2 "github.com/zitadel/zitadel-go/v3/pkg/client/zitadel/action/v2"
	action "github.com/zitadel/zitadel-go/v3/pkg/client/zitadel/action/v2beta"
	filter "github.com/zitadel/zitadel-go/v3/pkg/client/zitadel/filter/v2beta"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
)

// TestV2Beta: the calls as they were before v2, of the same targets.
func TestV2Beta(t *testing.T) {
	at := start(t)
	for _, instance := range instances {
		t.Run(instance, func(t *testing.T) {
			c, ctx := connect(t, at, instance, "any"), within(t)
			actions := c.ActionServiceV2Beta()
			wanted := &action.CreateTargetRequest{Name: "rename", Endpoint: "https://hooks.example.com/rename", Timeout: durationpb.New(time.Second),
				TargetType: &action.CreateTargetRequest_RestCall{RestCall: &action.RESTCall{}}}
			made, err := actions.CreateTarget(ctx, wanted)
			require.NoError(t, err)
			require.NotEmpty(t, made.GetSigningKey())
			_, err = actions.CreateTarget(ctx, wanted)
			refused(t, codes.AlreadyExists, err)
			changed, err := actions.UpdateTarget(ctx, &action.UpdateTargetRequest{Id: made.GetId(), Endpoint: proto.String("https://hooks.example.com/again")})
			require.NoError(t, err)
			got, err := actions.GetTarget(ctx, &action.GetTargetRequest{Id: made.GetId()})
			require.NoError(t, err)
			want := &action.Target{Id: made.GetId(), Name: "rename", Endpoint: "https://hooks.example.com/again", Timeout: durationpb.New(time.Second),
				TargetType: &action.Target_RestCall{RestCall: &action.RESTCall{}}, CreationDate: made.GetCreationDate(), ChangeDate: changed.GetChangeDate()}
			require.True(t, proto.Equal(want, got.GetTarget()), got)
			same, err := c.ActionServiceV2().GetTarget(ctx, &v2.GetTargetRequest{Id: made.GetId()})
			require.NoError(t, err)
			require.Equal(t, "rename", same.GetTarget().GetName(), "it is one target, whichever version asks")

			condition := &action.Condition{ConditionType: &action.Condition_Function{Function: &action.FunctionExecution{Name: "preuserinfo"}}}
			set, err := actions.SetExecution(ctx, &action.SetExecutionRequest{Condition: condition, Targets: []string{made.GetId()}})
			require.NoError(t, err)
			found, err := actions.ListExecutions(ctx, &action.ListExecutionsRequest{Pagination: &filter.PaginationRequest{Limit: 10}, Filters: []*action.ExecutionSearchFilter{{
				Filter: &action.ExecutionSearchFilter_ExecutionTypeFilter{ExecutionTypeFilter: &action.ExecutionTypeFilter{ExecutionType: action.ExecutionType_EXECUTION_TYPE_FUNCTION}}}}})
			require.NoError(t, err)
			require.Len(t, found.GetExecutions(), 1)
			require.Equal(t, set.GetSetDate().AsTime(), found.GetExecutions()[0].GetChangeDate().AsTime())
			require.EqualValues(t, 10, found.GetPagination().GetAppliedLimit())
			_, err = actions.SetExecution(ctx, &action.SetExecutionRequest{Condition: condition})
			require.NoError(t, err)
			_, err = actions.DeleteTarget(ctx, &action.DeleteTargetRequest{Id: made.GetId()})
			require.NoError(t, err)
			none, err := actions.ListTargets(ctx, &action.ListTargetsRequest{})
			require.NoError(t, err)
			require.Empty(t, none.GetTargets())
		})
	}
}
