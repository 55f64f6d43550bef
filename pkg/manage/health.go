package manage

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"
)

const maxHealth = 4 << 10 // bytes in a question of health

// health answers grpc.health.v1 as /readyz answers HTTP. All services share one
// port and one engine: they are well together, or none is.
type health struct {
	ready    func(context.Context) error
	services []string
}

var _ grpchealth.Checker = health{}

// Check tells whether a service takes traffic; no name means the dispatcher. A
// service that is not there is not_found, as the protocol says.
func (h health) Check(ctx context.Context, q *grpchealth.CheckRequest) (*grpchealth.CheckResponse, error) {
	if q.Service != "" && !slices.Contains(h.services, q.Service) {
		return nil, connect.NewError(connect.CodeNotFound, fmt.Errorf("there is no service %q", q.Service))
	}
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	status := grpchealth.StatusServing
	if h.ready(ctx) != nil {
		status = grpchealth.StatusNotServing // why is told by /readyz, to who may know
	}
	return &grpchealth.CheckResponse{Status: status}, nil
}

func (h health) handler() (string, http.Handler) {
	path, handler := grpchealth.NewHandler(h, connect.WithReadMaxBytes(maxHealth))
	return path, bounded(handler)
}
