package manage

import (
	"context"
	"time"

	"connectrpc.com/connect"

	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

// interceptor is what every call goes through: its time is bounded, its error is
// worded, and it is logged.
type interceptor struct{ service *Service }

var _ connect.Interceptor = interceptor{}

// WrapUnary bounds the time of a call to maxTime; a test takes as long as its
// target may.
func (i interceptor) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		limit := maxTime
		if req.Spec().Procedure == calloutv1connect.ActionServiceTestTargetProcedure {
			limit = maxTestTime
		}
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		began := time.Now()
		answer, err := next(ctx, req)
		return answer, i.ended(err, req.Spec(), req.Peer(), began)
	}
}

// WrapStreamingHandler leaves a stream the time it takes: it ends with its
// client, or with the dispatcher.
func (i interceptor) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		began := time.Now()
		return i.ended(next(ctx, conn), conn.Spec(), conn.Peer(), began)
	}
}

// WrapStreamingClient has nothing to do: the service calls nobody.
func (interceptor) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

// ended logs a call and words its error.
func (i interceptor) ended(err error, spec connect.Spec, peer connect.Peer, began time.Time) error {
	line := i.service.log.Debug()
	if err != nil {
		line = i.service.log.Info().Err(err)
		err = failure(err)
	}
	line.Str("procedure", spec.Procedure).Str("protocol", peer.Protocol).Dur("took", time.Since(began)).Msg("management call")
	return err
}
