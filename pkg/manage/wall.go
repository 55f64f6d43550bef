package manage

import (
	"context"

	"connectrpc.com/connect"

	"github.com/callout-hq/callout/pkg/access"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

// wall lets nobody through to the service who may not do what he asks for. Whichever
// way a request comes, it comes through here: a method without its row in the table of
// rights does not compile.
type wall struct{ service *Service }

var _ calloutv1connect.ActionServiceHandler = wall{}

func (w wall) Apply(ctx context.Context, r *connect.Request[calloutv1.ApplyRequest]) (*connect.Response[calloutv1.ApplyResponse], error) {
	return through(ctx, w, access.Apply, r, w.service.Apply)
}

func (w wall) Export(ctx context.Context, r *connect.Request[calloutv1.ExportRequest]) (*connect.Response[calloutv1.ExportResponse], error) {
	return through(ctx, w, access.Export, r, w.service.Export)
}

func (w wall) Explain(ctx context.Context, r *connect.Request[calloutv1.ExplainRequest]) (*connect.Response[calloutv1.ExplainResponse], error) {
	return through(ctx, w, access.Explain, r, w.service.Explain)
}

func (w wall) PauseTarget(ctx context.Context, r *connect.Request[calloutv1.PauseTargetRequest]) (*connect.Response[calloutv1.PauseTargetResponse], error) {
	return through(ctx, w, access.PauseTarget, r, w.service.PauseTarget)
}

func (w wall) ResumeTarget(ctx context.Context, r *connect.Request[calloutv1.ResumeTargetRequest]) (*connect.Response[calloutv1.ResumeTargetResponse], error) {
	return through(ctx, w, access.ResumeTarget, r, w.service.ResumeTarget)
}

func (w wall) GetRevision(ctx context.Context, r *connect.Request[calloutv1.GetRevisionRequest]) (*connect.Response[calloutv1.GetRevisionResponse], error) {
	return through(ctx, w, access.GetRevision, r, w.service.GetRevision)
}

func (w wall) CreateTarget(ctx context.Context, r *connect.Request[calloutv1.CreateTargetRequest]) (*connect.Response[calloutv1.CreateTargetResponse], error) {
	return through(ctx, w, access.CreateTarget, r, w.service.CreateTarget)
}

func (w wall) GetTarget(ctx context.Context, r *connect.Request[calloutv1.GetTargetRequest]) (*connect.Response[calloutv1.GetTargetResponse], error) {
	return through(ctx, w, access.GetTarget, r, w.service.GetTarget)
}

func (w wall) ListTargets(ctx context.Context, r *connect.Request[calloutv1.ListTargetsRequest]) (*connect.Response[calloutv1.ListTargetsResponse], error) {
	return through(ctx, w, access.ListTargets, r, w.service.ListTargets)
}

func (w wall) UpdateTarget(ctx context.Context, r *connect.Request[calloutv1.UpdateTargetRequest]) (*connect.Response[calloutv1.UpdateTargetResponse], error) {
	return through(ctx, w, access.UpdateTarget, r, w.service.UpdateTarget)
}

func (w wall) DeleteTarget(ctx context.Context, r *connect.Request[calloutv1.DeleteTargetRequest]) (*connect.Response[calloutv1.DeleteTargetResponse], error) {
	return through(ctx, w, access.DeleteTarget, r, w.service.DeleteTarget)
}

func (w wall) TestTarget(ctx context.Context, r *connect.Request[calloutv1.TestTargetRequest]) (*connect.Response[calloutv1.TestTargetResponse], error) {
	return through(ctx, w, access.TestTarget, r, w.service.TestTarget)
}

func (w wall) RotateTargetKey(ctx context.Context, r *connect.Request[calloutv1.RotateTargetKeyRequest]) (*connect.Response[calloutv1.RotateTargetKeyResponse], error) {
	return through(ctx, w, access.RotateTargetKey, r, w.service.RotateTargetKey)
}

func (w wall) SetExecution(ctx context.Context, r *connect.Request[calloutv1.SetExecutionRequest]) (*connect.Response[calloutv1.SetExecutionResponse], error) {
	return through(ctx, w, access.SetExecution, r, w.service.SetExecution)
}

func (w wall) GetExecution(ctx context.Context, r *connect.Request[calloutv1.GetExecutionRequest]) (*connect.Response[calloutv1.GetExecutionResponse], error) {
	return through(ctx, w, access.GetExecution, r, w.service.GetExecution)
}

func (w wall) ListExecutions(ctx context.Context, r *connect.Request[calloutv1.ListExecutionsRequest]) (*connect.Response[calloutv1.ListExecutionsResponse], error) {
	return through(ctx, w, access.ListExecutions, r, w.service.ListExecutions)
}

func (w wall) DeleteExecution(ctx context.Context, r *connect.Request[calloutv1.DeleteExecutionRequest]) (*connect.Response[calloutv1.DeleteExecutionResponse], error) {
	return through(ctx, w, access.DeleteExecution, r, w.service.DeleteExecution)
}

func (w wall) DeclareConditions(ctx context.Context, r *connect.Request[calloutv1.DeclareConditionsRequest]) (*connect.Response[calloutv1.DeclareConditionsResponse], error) {
	return through(ctx, w, access.DeclareConditions, r, w.service.DeclareConditions)
}

func (w wall) ListConditions(ctx context.Context, r *connect.Request[calloutv1.ListConditionsRequest]) (*connect.Response[calloutv1.ListConditionsResponse], error) {
	return through(ctx, w, access.ListConditions, r, w.service.ListConditions)
}

func (w wall) ListRevisions(ctx context.Context, r *connect.Request[calloutv1.ListRevisionsRequest]) (*connect.Response[calloutv1.ListRevisionsResponse], error) {
	return through(ctx, w, access.ListRevisions, r, w.service.ListRevisions)
}

func (w wall) DiffRevisions(ctx context.Context, r *connect.Request[calloutv1.DiffRevisionsRequest]) (*connect.Response[calloutv1.DiffRevisionsResponse], error) {
	return through(ctx, w, access.DiffRevisions, r, w.service.DiffRevisions)
}

func (w wall) Rollback(ctx context.Context, r *connect.Request[calloutv1.RollbackRequest]) (*connect.Response[calloutv1.RollbackResponse], error) {
	return through(ctx, w, access.Rollback, r, w.service.Rollback)
}

func (w wall) WatchRevisions(ctx context.Context, r *connect.Request[calloutv1.WatchRevisionsRequest], s *connect.ServerStream[calloutv1.WatchRevisionsResponse]) error {
	return stream(ctx, access.WatchRevisions, r, func(ctx context.Context) error { return w.service.WatchRevisions(ctx, r, s) })
}

func (w wall) ListSubscriptions(ctx context.Context, r *connect.Request[calloutv1.ListSubscriptionsRequest]) (*connect.Response[calloutv1.ListSubscriptionsResponse], error) {
	return through(ctx, w, access.ListSubscriptions, r, w.service.ListSubscriptions)
}

func (w wall) PauseSubscription(ctx context.Context, r *connect.Request[calloutv1.PauseSubscriptionRequest]) (*connect.Response[calloutv1.PauseSubscriptionResponse], error) {
	return through(ctx, w, access.PauseSubscription, r, w.service.PauseSubscription)
}

func (w wall) ResumeSubscription(ctx context.Context, r *connect.Request[calloutv1.ResumeSubscriptionRequest]) (*connect.Response[calloutv1.ResumeSubscriptionResponse], error) {
	return through(ctx, w, access.ResumeSubscription, r, w.service.ResumeSubscription)
}

func (w wall) RetrySubscription(ctx context.Context, r *connect.Request[calloutv1.RetrySubscriptionRequest]) (*connect.Response[calloutv1.RetrySubscriptionResponse], error) {
	return through(ctx, w, access.RetrySubscription, r, w.service.RetrySubscription)
}

func (w wall) SkipSubscription(ctx context.Context, r *connect.Request[calloutv1.SkipSubscriptionRequest]) (*connect.Response[calloutv1.SkipSubscriptionResponse], error) {
	return through(ctx, w, access.SkipSubscription, r, w.service.SkipSubscription)
}

func (w wall) ListDeadLetters(ctx context.Context, r *connect.Request[calloutv1.ListDeadLettersRequest]) (*connect.Response[calloutv1.ListDeadLettersResponse], error) {
	return through(ctx, w, access.ListDeadLetters, r, w.service.ListDeadLetters)
}

func (w wall) GetDeadLetter(ctx context.Context, r *connect.Request[calloutv1.GetDeadLetterRequest]) (*connect.Response[calloutv1.GetDeadLetterResponse], error) {
	return through(ctx, w, access.GetDeadLetter, r, w.service.GetDeadLetter)
}

func (w wall) RedriveDeadLetters(ctx context.Context, r *connect.Request[calloutv1.RedriveDeadLettersRequest]) (*connect.Response[calloutv1.RedriveDeadLettersResponse], error) {
	return through(ctx, w, access.RedriveDeadLetters, r, w.service.RedriveDeadLetters)
}

func (w wall) DiscardDeadLetters(ctx context.Context, r *connect.Request[calloutv1.DiscardDeadLettersRequest]) (*connect.Response[calloutv1.DiscardDeadLettersResponse], error) {
	return through(ctx, w, access.DiscardDeadLetters, r, w.service.DiscardDeadLetters)
}

func (w wall) ListDeliveries(ctx context.Context, r *connect.Request[calloutv1.ListDeliveriesRequest]) (*connect.Response[calloutv1.ListDeliveriesResponse], error) {
	return through(ctx, w, access.ListDeliveries, r, w.service.ListDeliveries)
}

func (w wall) GetDelivery(ctx context.Context, r *connect.Request[calloutv1.GetDeliveryRequest]) (*connect.Response[calloutv1.GetDeliveryResponse], error) {
	return through(ctx, w, access.GetDelivery, r, w.service.GetDelivery)
}

func (w wall) ReplayEvents(ctx context.Context, r *connect.Request[calloutv1.ReplayEventsRequest]) (*connect.Response[calloutv1.ReplayEventsResponse], error) {
	return through(ctx, w, access.ReplayEvents, r, w.service.ReplayEvents)
}

func (w wall) TailEvents(ctx context.Context, r *connect.Request[calloutv1.TailEventsRequest], s *connect.ServerStream[calloutv1.TailEventsResponse]) error {
	return stream(ctx, access.TailEvents, r, func(ctx context.Context) error { return w.service.TailEvents(ctx, r, s) })
}

func (w wall) ListJobs(ctx context.Context, r *connect.Request[calloutv1.ListJobsRequest]) (*connect.Response[calloutv1.ListJobsResponse], error) {
	return through(ctx, w, access.ListJobs, r, w.service.ListJobs)
}

func (w wall) GetJob(ctx context.Context, r *connect.Request[calloutv1.GetJobRequest]) (*connect.Response[calloutv1.GetJobResponse], error) {
	return through(ctx, w, access.GetJob, r, w.service.GetJob)
}

func (w wall) WatchJob(ctx context.Context, r *connect.Request[calloutv1.WatchJobRequest], s *connect.ServerStream[calloutv1.WatchJobResponse]) error {
	return stream(ctx, access.WatchJob, r, func(ctx context.Context) error { return w.service.WatchJob(ctx, r, s) })
}

func (w wall) CancelJob(ctx context.Context, r *connect.Request[calloutv1.CancelJobRequest]) (*connect.Response[calloutv1.CancelJobResponse], error) {
	return through(ctx, w, access.CancelJob, r, w.service.CancelJob)
}

func (w wall) GetStatus(ctx context.Context, r *connect.Request[calloutv1.GetStatusRequest]) (*connect.Response[calloutv1.GetStatusResponse], error) {
	return through(ctx, w, access.GetStatus, r, w.service.GetStatus)
}

func (w wall) ListWorkers(ctx context.Context, r *connect.Request[calloutv1.ListWorkersRequest]) (*connect.Response[calloutv1.ListWorkersResponse], error) {
	return through(ctx, w, access.ListWorkers, r, w.service.ListWorkers)
}

func (w wall) ListInstances(ctx context.Context, r *connect.Request[calloutv1.ListInstancesRequest]) (*connect.Response[calloutv1.ListInstancesResponse], error) {
	return through(ctx, w, access.ListInstances, r, w.service.ListInstances)
}

func (w wall) ListEvents(ctx context.Context, r *connect.Request[calloutv1.ListEventsRequest]) (*connect.Response[calloutv1.ListEventsResponse], error) {
	return through(ctx, w, access.ListEvents, r, w.service.ListEvents)
}

func (w wall) CreateToken(ctx context.Context, r *connect.Request[calloutv1.CreateTokenRequest]) (*connect.Response[calloutv1.CreateTokenResponse], error) {
	return through(ctx, w, access.CreateToken, r, w.service.CreateToken)
}

func (w wall) ListTokens(ctx context.Context, r *connect.Request[calloutv1.ListTokensRequest]) (*connect.Response[calloutv1.ListTokensResponse], error) {
	return through(ctx, w, access.ListTokens, r, w.service.ListTokens)
}

func (w wall) SetSecret(ctx context.Context, r *connect.Request[calloutv1.SetSecretRequest]) (*connect.Response[calloutv1.SetSecretResponse], error) {
	return through(ctx, w, access.SetSecret, r, w.service.SetSecret)
}

func (w wall) ListSecrets(ctx context.Context, r *connect.Request[calloutv1.ListSecretsRequest]) (*connect.Response[calloutv1.ListSecretsResponse], error) {
	return through(ctx, w, access.ListSecrets, r, w.service.ListSecrets)
}

func (w wall) DeleteSecret(ctx context.Context, r *connect.Request[calloutv1.DeleteSecretRequest]) (*connect.Response[calloutv1.DeleteSecretResponse], error) {
	return through(ctx, w, access.DeleteSecret, r, w.service.DeleteSecret)
}

func (w wall) ListAudit(ctx context.Context, r *connect.Request[calloutv1.ListAuditRequest]) (*connect.Response[calloutv1.ListAuditResponse], error) {
	return through(ctx, w, access.ListAudit, r, w.service.ListAudit)
}

func (w wall) RevokeToken(ctx context.Context, r *connect.Request[calloutv1.RevokeTokenRequest]) (*connect.Response[calloutv1.RevokeTokenResponse], error) {
	return through(ctx, w, access.RevokeToken, r, w.service.RevokeToken)
}

func (w wall) CreateInstance(ctx context.Context, r *connect.Request[calloutv1.CreateInstanceRequest]) (*connect.Response[calloutv1.CreateInstanceResponse], error) {
	return through(ctx, w, access.CreateInstance, r, w.service.CreateInstance)
}

func (w wall) DescribeInstance(ctx context.Context, r *connect.Request[calloutv1.DescribeInstanceRequest]) (*connect.Response[calloutv1.DescribeInstanceResponse], error) {
	return through(ctx, w, access.DescribeInstance, r, w.service.DescribeInstance)
}

func (w wall) DeleteInstance(ctx context.Context, r *connect.Request[calloutv1.DeleteInstanceRequest]) (*connect.Response[calloutv1.DeleteInstanceResponse], error) {
	return through(ctx, w, access.DeleteInstance, r, w.service.DeleteInstance)
}

func (w wall) SetQuota(ctx context.Context, r *connect.Request[calloutv1.SetQuotaRequest]) (*connect.Response[calloutv1.SetQuotaResponse], error) {
	return through(ctx, w, access.SetQuota, r, w.service.SetQuota)
}

func (w wall) ListTargetKeys(ctx context.Context, r *connect.Request[calloutv1.ListTargetKeysRequest]) (*connect.Response[calloutv1.ListTargetKeysResponse], error) {
	return through(ctx, w, access.ListTargetKeys, r, w.service.ListTargetKeys)
}

func (w wall) RevokeTargetKey(ctx context.Context, r *connect.Request[calloutv1.RevokeTargetKeyRequest]) (*connect.Response[calloutv1.RevokeTargetKeyResponse], error) {
	return through(ctx, w, access.RevokeTargetKey, r, w.service.RevokeTargetKey)
}

func (w wall) AddPublicKey(ctx context.Context, r *connect.Request[calloutv1.AddPublicKeyRequest]) (*connect.Response[calloutv1.AddPublicKeyResponse], error) {
	return through(ctx, w, access.AddPublicKey, r, w.service.AddPublicKey)
}

func (w wall) ListPublicKeys(ctx context.Context, r *connect.Request[calloutv1.ListPublicKeysRequest]) (*connect.Response[calloutv1.ListPublicKeysResponse], error) {
	return through(ctx, w, access.ListPublicKeys, r, w.service.ListPublicKeys)
}

func (w wall) ActivatePublicKey(ctx context.Context, r *connect.Request[calloutv1.ActivatePublicKeyRequest]) (*connect.Response[calloutv1.ActivatePublicKeyResponse], error) {
	return through(ctx, w, access.ActivatePublicKey, r, w.service.ActivatePublicKey)
}

func (w wall) DeactivatePublicKey(ctx context.Context, r *connect.Request[calloutv1.DeactivatePublicKeyRequest]) (*connect.Response[calloutv1.DeactivatePublicKeyResponse], error) {
	return through(ctx, w, access.DeactivatePublicKey, r, w.service.DeactivatePublicKey)
}

func (w wall) RemovePublicKey(ctx context.Context, r *connect.Request[calloutv1.RemovePublicKeyRequest]) (*connect.Response[calloutv1.RemovePublicKeyResponse], error) {
	return through(ctx, w, access.RemovePublicKey, r, w.service.RemovePublicKey)
}

func (w wall) ListInstanceKeys(ctx context.Context, r *connect.Request[calloutv1.ListInstanceKeysRequest]) (*connect.Response[calloutv1.ListInstanceKeysResponse], error) {
	return through(ctx, w, access.ListInstanceKeys, r, w.service.ListInstanceKeys)
}

func (w wall) RotateInstanceKey(ctx context.Context, r *connect.Request[calloutv1.RotateInstanceKeyRequest]) (*connect.Response[calloutv1.RotateInstanceKeyResponse], error) {
	return through(ctx, w, access.RotateInstanceKey, r, w.service.RotateInstanceKey)
}
