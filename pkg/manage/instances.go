package manage

import (
	"context"
	"fmt"

	"connectrpc.com/connect"

	"github.com/callout-hq/callout/pkg/action"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// CreateInstance makes an instance, with nothing configured.
func (s *Service) CreateInstance(ctx context.Context, req *connect.Request[calloutv1.CreateInstanceRequest]) (*connect.Response[calloutv1.CreateInstanceResponse], error) {
	id := req.Msg.GetInstance()
	if err := oneInstance(id); err != nil {
		return nil, err
	}
	revision, err := s.engine(id).Create(ctx)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&calloutv1.CreateInstanceResponse{Instance: id, Revision: revision}), nil
}

// oneInstance is the error of a request that is to name an instance, and means no other by
// leaving it out.
func oneInstance(id string) error {
	if id == "" {
		return missing("instance", "an instance is needed: say which")
	}
	if err := action.CheckID(id); err != nil {
		return badField("instance", err.Error())
	}
	return nil
}

// DescribeInstance tells what there is of an instance.
func (s *Service) DescribeInstance(ctx context.Context, req *connect.Request[calloutv1.DescribeInstanceRequest]) (*connect.Response[calloutv1.DescribeInstanceResponse], error) {
	usage, err := s.engine(orDefault(req.Msg.GetInstance())).Usage(ctx)
	if err != nil {
		return nil, err
	}
	quota, err := s.engine(usage.ID).Quota(ctx)
	if err != nil {
		return nil, err
	}
	answer := &calloutv1.DescribeInstanceResponse{Usage: usageMessage(usage)}
	if quota != (action.Quota{}) {
		answer.Quota = &calloutv1.Quota{Targets: uint32(quota.Targets), Executions: uint32(quota.Executions), Lines: uint32(quota.Lines),
			Events: uint32(quota.Events), Calls: uint32(quota.Calls), Storage: uint64(quota.Storage), DeliveredBytes: uint64(quota.Delivered)}
	}
	return connect.NewResponse(answer), nil
}

// SetQuota says how much an instance may have and do.
func (s *Service) SetQuota(ctx context.Context, req *connect.Request[calloutv1.SetQuotaRequest]) (*connect.Response[calloutv1.SetQuotaResponse], error) {
	if err := oneInstance(req.Msg.GetInstance()); err != nil {
		return nil, err
	}
	q := req.Msg.GetQuota()
	for name, n := range map[string]uint64{"quota.storage": q.GetStorage(), "quota.delivered_bytes": q.GetDeliveredBytes()} {
		if n > uint64(action.MaxQuotaBytes) {
			return nil, badField(name, fmt.Sprintf("a quota is 0, which is none, to %d bytes", action.MaxQuotaBytes))
		}
	}
	err := s.engine(req.Msg.GetInstance()).SetQuota(ctx, action.Quota{Targets: int(q.GetTargets()), Executions: int(q.GetExecutions()), Lines: int(q.GetLines()),
		Events: int(q.GetEvents()), Calls: int(q.GetCalls()), Storage: int64(q.GetStorage()), Delivered: int64(q.GetDeliveredBytes())})
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&calloutv1.SetQuotaResponse{}), nil
}

// DeleteInstance deletes an instance with everything of it.
func (s *Service) DeleteInstance(ctx context.Context, req *connect.Request[calloutv1.DeleteInstanceRequest]) (*connect.Response[calloutv1.DeleteInstanceResponse], error) {
	id := req.Msg.GetInstance()
	if err := oneInstance(id); err != nil {
		return nil, err
	}
	if req.Msg.GetConfirm() != id {
		return nil, badField("confirm", fmt.Sprintf("everything of instance %q would be gone for good: confirm is its id once more", id))
	}
	was, err := s.engine(id).Delete(ctx)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&calloutv1.DeleteInstanceResponse{Deleted: usageMessage(was)}), nil
}

func usageMessage(u action.InstanceUsage) *calloutv1.InstanceUsage {
	return &calloutv1.InstanceUsage{Instance: u.ID, Revision: u.Revision, MakeTime: moment(u.Made), Targets: uint32(u.Targets), Executions: uint32(u.Executions),
		Lines: uint32(u.Lines), Events: u.Events, EventBytes: u.EventBytes, Waiting: u.Waiting, DeadLetters: u.DeadLetters, DeadLetterBytes: u.DeadLetterBytes,
		Async: u.Async, AsyncBytes: u.AsyncBytes, Attempts: u.Attempts, AttemptBytes: u.AttemptBytes, StoredBytes: u.Stored(),
		EventsPerSecond: u.EventRate, CallsPerSecond: u.Flow.Calls, DeliveredBytesPerSecond: u.Flow.Delivered, Fault: text(u.Fault)}
}
