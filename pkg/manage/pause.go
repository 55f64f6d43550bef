package manage

import (
	"context"
	"fmt"

	"connectrpc.com/connect"

	"github.com/callout-hq/callout/pkg/action"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// PauseTarget keeps a target from being called.
func (s *Service) PauseTarget(ctx context.Context, req *connect.Request[calloutv1.PauseTargetRequest]) (*connect.Response[calloutv1.PauseTargetResponse], error) {
	reason := req.Msg.GetReason()
	if len(reason) > maxReason || action.CheckID(reason) != nil {
		return nil, badField("reason", fmt.Sprintf("a reason has at most %d bytes of UTF-8 without control characters", maxReason))
	}
	err := s.engine(orDefault(req.Msg.GetInstance())).PauseTarget(ctx, req.Msg.GetOrg(), req.Msg.GetTarget(), reason)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&calloutv1.PauseTargetResponse{}), nil
}

// ResumeTarget takes back what PauseTarget did.
func (s *Service) ResumeTarget(ctx context.Context, req *connect.Request[calloutv1.ResumeTargetRequest]) (*connect.Response[calloutv1.ResumeTargetResponse], error) {
	still, err := s.engine(orDefault(req.Msg.GetInstance())).ResumeTarget(ctx, req.Msg.GetOrg(), req.Msg.GetTarget())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&calloutv1.ResumeTargetResponse{PausedByConfiguration: still}), nil
}
