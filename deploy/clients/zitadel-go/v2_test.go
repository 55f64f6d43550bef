package zitadelgo_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	action "github.com/zitadel/zitadel-go/v3/pkg/client/zitadel/action/v2"
	filter "github.com/zitadel/zitadel-go/v3/pkg/client/zitadel/filter/v2"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
)

// instances are two that every test has, so that what is done in one is seen to stay
// there.
var instances = []string{"default", "other"}

// webhook is a target that nobody calls.
func webhook(name string) *action.CreateTargetRequest {
	return &action.CreateTargetRequest{Name: name, Endpoint: "https://hooks.example.com/" + name, Timeout: durationpb.New(10 * time.Second),
		TargetType: &action.CreateTargetRequest_RestWebhook{RestWebhook: &action.RESTWebhook{InterruptOnError: true}}}
}

func onMethod(method string) *action.Condition {
	return &action.Condition{ConditionType: &action.Condition_Request{Request: &action.RequestExecution{Condition: &action.RequestExecution_Method{Method: method}}}}
}

func TestV2Targets(t *testing.T) {
	at := start(t)
	for _, instance := range instances {
		t.Run(instance, func(t *testing.T) {
			actions, ctx := connect(t, at, instance, "any").ActionServiceV2(), within(t)
			began := time.Now()
			made, err := actions.CreateTarget(ctx, webhook("audit"))
			require.NoError(t, err)
			require.NotEmpty(t, made.GetSigningKey())
			require.WithinRange(t, made.GetCreationDate().AsTime(), began, time.Now())
			got, err := actions.GetTarget(ctx, &action.GetTargetRequest{Id: made.GetId()})
			require.NoError(t, err)
			want := &action.Target{Id: made.GetId(), Name: "audit", Endpoint: "https://hooks.example.com/audit", Timeout: durationpb.New(10 * time.Second),
				TargetType:   &action.Target_RestWebhook{RestWebhook: &action.RESTWebhook{InterruptOnError: true}},
				CreationDate: made.GetCreationDate(), ChangeDate: made.GetCreationDate(), PayloadType: action.PayloadType_PAYLOAD_TYPE_JSON}
			require.True(t, proto.Equal(want, got.GetTarget()), got)

			same, err := actions.UpdateTarget(ctx, &action.UpdateTargetRequest{Id: made.GetId(), Endpoint: proto.String("https://hooks.example.com/audit")})
			require.NoError(t, err)
			require.Equal(t, made.GetCreationDate().AsTime(), same.GetChangeDate().AsTime(), "nothing was changed")
			changed, err := actions.UpdateTarget(ctx, &action.UpdateTargetRequest{Id: made.GetId(), Name: proto.String("log"), Timeout: durationpb.New(1500 * time.Millisecond),
				TargetType: &action.UpdateTargetRequest_RestAsync{RestAsync: &action.RESTAsync{}}, ExpirationSigningKey: durationpb.New(0)})
			require.NoError(t, err)
			require.NotEmpty(t, changed.GetSigningKey())
			require.NotEqual(t, made.GetSigningKey(), changed.GetSigningKey())
			got, err = actions.GetTarget(ctx, &action.GetTargetRequest{Id: made.GetId()})
			require.NoError(t, err)
			require.Equal(t, "log", got.GetTarget().GetName())
			require.NotNil(t, got.GetTarget().GetRestAsync())
			require.Equal(t, 1500*time.Millisecond, got.GetTarget().GetTimeout().AsDuration())
			require.Equal(t, changed.GetChangeDate().AsTime(), got.GetTarget().GetChangeDate().AsTime())

			gone, err := actions.DeleteTarget(ctx, &action.DeleteTargetRequest{Id: made.GetId()})
			require.NoError(t, err)
			require.WithinRange(t, gone.GetDeletionDate().AsTime(), began, time.Now())
			again, err := actions.DeleteTarget(ctx, &action.DeleteTargetRequest{Id: made.GetId()})
			require.NoError(t, err)
			require.Equal(t, gone.GetDeletionDate().AsTime(), again.GetDeletionDate().AsTime(), "it was deleted then, and not now")
			never, err := actions.DeleteTarget(ctx, &action.DeleteTargetRequest{Id: "notexisting"})
			require.NoError(t, err)
			require.Nil(t, never.GetDeletionDate())
		})
	}
}

func TestV2Lists(t *testing.T) {
	at := start(t)
	for _, instance := range instances {
		t.Run(instance, func(t *testing.T) {
			actions, ctx := connect(t, at, instance, "any").ActionServiceV2(), within(t)
			if instance == "default" { // the other one is there from its first target on
				empty, err := actions.ListTargets(ctx, &action.ListTargetsRequest{})
				require.NoError(t, err)
				require.Empty(t, empty.GetTargets())
				nothing, err := actions.ListExecutions(ctx, &action.ListExecutionsRequest{})
				require.NoError(t, err)
				require.Empty(t, nothing.GetExecutions())
			}
			ids := map[string]string{}
			for _, name := range []string{"one", "two", "three"} {
				made, err := actions.CreateTarget(ctx, webhook(name))
				require.NoError(t, err)
				ids[name] = made.GetId()
			}
			names := func(q *action.ListTargetsRequest) (all []string) {
				found, err := actions.ListTargets(ctx, q)
				require.NoError(t, err)
				require.EqualValues(t, 100, found.GetPagination().GetAppliedLimit())
				for _, target := range found.GetTargets() {
					all = append(all, target.GetName())
				}
				return all
			}
			ascending := &filter.PaginationRequest{Asc: true}
			require.Equal(t, []string{"three", "two", "one"}, names(&action.ListTargetsRequest{}), "the newest first")
			require.Equal(t, []string{"one", "two", "three"}, names(&action.ListTargetsRequest{Pagination: ascending, SortingColumn: action.TargetFieldName_TARGET_FIELD_NAME_ID.Enum()}))
			require.Equal(t, []string{"one", "three", "two"}, names(&action.ListTargetsRequest{Pagination: ascending, SortingColumn: action.TargetFieldName_TARGET_FIELD_NAME_NAME.Enum()}))
			require.Equal(t, []string{"two"}, names(&action.ListTargetsRequest{Filters: []*action.TargetSearchFilter{{
				Filter: &action.TargetSearchFilter_TargetNameFilter{TargetNameFilter: &action.TargetNameFilter{TargetName: "TW", Method: filter.TextFilterMethod_TEXT_FILTER_METHOD_STARTS_WITH_IGNORE_CASE}}}}}))
			require.Empty(t, names(&action.ListTargetsRequest{Filters: []*action.TargetSearchFilter{{
				Filter: &action.TargetSearchFilter_InTargetIdsFilter{InTargetIdsFilter: &action.InTargetIDsFilter{TargetIds: []string{"notfound"}}}}}}))
			page, err := actions.ListTargets(ctx, &action.ListTargetsRequest{Pagination: &filter.PaginationRequest{Offset: 1, Limit: 1, Asc: true}})
			require.NoError(t, err)
			require.EqualValues(t, 3, page.GetPagination().GetTotalResult())
			require.Len(t, page.GetTargets(), 1)
			require.Equal(t, ids["two"], page.GetTargets()[0].GetId())
		})
	}
}

func TestV2Executions(t *testing.T) {
	at := start(t)
	for _, instance := range instances {
		t.Run(instance, func(t *testing.T) {
			actions, ctx := connect(t, at, instance, "any").ActionServiceV2(), within(t)
			made, err := actions.CreateTarget(ctx, webhook("audit"))
			require.NoError(t, err)
			conditions := []*action.Condition{
				onMethod("/zitadel.user.v2.UserService/AddHumanUser"),
				{ConditionType: &action.Condition_Response{Response: &action.ResponseExecution{Condition: &action.ResponseExecution_Service{Service: "zitadel.user.v2.UserService"}}}},
				{ConditionType: &action.Condition_Function{Function: &action.FunctionExecution{Name: "preaccesstoken"}}},
				{ConditionType: &action.Condition_Event{Event: &action.EventExecution{Condition: &action.EventExecution_Group{Group: "user.human"}}}},
				{ConditionType: &action.Condition_Event{Event: &action.EventExecution{Condition: &action.EventExecution_All{All: true}}}},
			}
			for _, condition := range conditions {
				began := time.Now()
				set, err := actions.SetExecution(ctx, &action.SetExecutionRequest{Condition: condition, Targets: []string{made.GetId()}})
				require.NoError(t, err)
				require.WithinRange(t, set.GetSetDate().AsTime(), began, time.Now())
				found, err := actions.ListExecutions(ctx, &action.ListExecutionsRequest{Filters: []*action.ExecutionSearchFilter{{
					Filter: &action.ExecutionSearchFilter_InConditionsFilter{InConditionsFilter: &action.InConditionsFilter{Conditions: []*action.Condition{condition}}}}}})
				require.NoError(t, err)
				require.Len(t, found.GetExecutions(), 1)
				want := &action.Execution{Condition: condition, Targets: []string{made.GetId()}, CreationDate: set.GetSetDate(), ChangeDate: set.GetSetDate()}
				require.True(t, proto.Equal(want, found.GetExecutions()[0]), found)
				same, err := actions.SetExecution(ctx, &action.SetExecutionRequest{Condition: condition, Targets: []string{made.GetId()}})
				require.NoError(t, err)
				require.Equal(t, set.GetSetDate().AsTime(), same.GetSetDate().AsTime(), "it was set then, and is not changed")
			}
			_, err = actions.DeleteTarget(ctx, &action.DeleteTargetRequest{Id: made.GetId()})
			require.Contains(t, refused(t, codes.FailedPrecondition, err), "used")
			for _, condition := range conditions {
				_, err := actions.SetExecution(ctx, &action.SetExecutionRequest{Condition: condition})
				require.NoError(t, err)
			}
			left, err := actions.ListExecutions(ctx, &action.ListExecutionsRequest{})
			require.NoError(t, err)
			require.Empty(t, left.GetExecutions())
			require.EqualValues(t, 100, left.GetPagination().GetAppliedLimit())
			_, err = actions.DeleteTarget(ctx, &action.DeleteTargetRequest{Id: made.GetId()})
			require.NoError(t, err)
			for _, list := range []func() (int, error){
				func() (int, error) {
					all, err := actions.ListExecutionFunctions(ctx, &action.ListExecutionFunctionsRequest{})
					return len(all.GetFunctions()), err
				},
				func() (int, error) {
					all, err := actions.ListExecutionMethods(ctx, &action.ListExecutionMethodsRequest{})
					return len(all.GetMethods()), err
				},
				func() (int, error) {
					all, err := actions.ListExecutionServices(ctx, &action.ListExecutionServicesRequest{})
					return len(all.GetServices()), err
				},
			} {
				n, err := list()
				require.NoError(t, err)
				require.Zero(t, n, "no core has declared any")
			}
		})
	}
}
