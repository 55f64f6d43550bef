package zitadel

import (
	"context"

	"connectrpc.com/connect"

	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// nothing is a question that says nothing.
type nothing struct{}

type listFunctionsResponse struct {
	Functions []string `json:"functions,omitempty"`
}

type listMethodsResponse struct {
	Methods []string `json:"methods,omitempty"`
}

type listServicesResponse struct {
	Services []string `json:"services,omitempty"`
}

// declared gives what cores have declared that they can be extended at.
func (f *face) declared(ctx context.Context, c caller) (*calloutv1.ListConditionsResponse, error) {
	answer, err := f.service.ListConditions(ctx, connect.NewRequest(&calloutv1.ListConditionsRequest{Instance: c.instance}))
	if err != nil {
		return nil, err
	}
	return answer.Msg, nil
}

func (f *face) listFunctions(ctx context.Context, c caller, _ *nothing) (*listFunctionsResponse, uint64, error) {
	declared, err := f.declared(ctx, c)
	return &listFunctionsResponse{declared.GetFunctions()}, 0, err
}

func (f *face) listMethods(ctx context.Context, c caller, _ *nothing) (*listMethodsResponse, uint64, error) {
	declared, err := f.declared(ctx, c)
	return &listMethodsResponse{declared.GetMethods()}, 0, err
}

func (f *face) listServices(ctx context.Context, c caller, _ *nothing) (*listServicesResponse, uint64, error) {
	declared, err := f.declared(ctx, c)
	return &listServicesResponse{declared.GetServices()}, 0, err
}
