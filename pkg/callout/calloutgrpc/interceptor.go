// Package calloutgrpc intercepts the unary calls of a gRPC service.
package calloutgrpc

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/callout/calloutproto"
	"github.com/callout-hq/callout/pkg/wire"
)

// Options of the interceptor.
type Options = calloutproto.Options

// New makes an interceptor for a server. It belongs behind the core's
// authentication and validation of what clients send:
//
//	grpc.ChainUnaryInterceptor(authentication, validation, calloutgrpc.New(options))
//
// Streaming calls pass untouched: they have interceptors of their own. An error
// of Callout becomes a status with the closest code (calloutproto.CodeOf) and a
// message that is safe to show; errors.As finds the *action.Error in it. An
// error of Options.Validate that has a status is returned as it is. The handler's
// context has the metadata's traceparent (callout.WithTraceparent).
//
// The headers and trailers that a handler sets leave with its response, and not at
// all when that is refused, those of grpc.SendHeader too. What looks behind the
// stream of a context, as grpc.SetSendCompressor does, fails in the handler of a call
// that is intercepted.
func New(o Options) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		ctx = callout.ReceiveTraceparent(ctx, metadata.ValueFromIncomingContext(ctx, wire.HeaderTraceparent))
		if !o.Wanted(ctx, info.FullMethod) {
			return handler(ctx, request)
		}
		m, ok := request.(proto.Message)
		if !ok {
			if err := o.Foreign(ctx, action.Request, info.FullMethod); err != nil {
				return nil, failure(err)
			}
			return handler(ctx, request)
		}
		return intercept(ctx, &o, m, info.FullMethod, handler)
	}
}

func intercept(ctx context.Context, o *Options, m proto.Message, method string, handler grpc.UnaryHandler) (any, error) {
	var response any
	var ofHandler error
	md, _ := metadata.FromIncomingContext(ctx)
	call := calloutproto.Call{Method: method, Headers: headers(md)}
	var held *heldStream
	answer, err := o.Unary(ctx, call, m, func(ctx context.Context, request proto.Message) (proto.Message, error) {
		ctx, held = holding(ctx)
		response, ofHandler = handler(ctx, request)
		message, _ := response.(proto.Message)
		return message, ofHandler
	})
	switch {
	case ofHandler != nil:
		held.release()
		return response, ofHandler
	case err != nil:
		return nil, failure(err)
	case answer == nil:
		if response != nil {
			if err := o.Foreign(ctx, action.Response, method); err != nil {
				return nil, failure(err)
			}
		}
		held.release()
		return response, nil
	}
	held.release()
	return answer, nil
}

// headers are the metadata as they stood on the wire, where values of binary
// keys are base64.
func headers(md metadata.MD) map[string][]string {
	for key, values := range md {
		if !strings.HasSuffix(key, "-bin") {
			continue
		}
		for i, v := range values { // md is a copy
			values[i] = base64.RawStdEncoding.EncodeToString([]byte(v))
		}
	}
	return md
}

// failure makes an error for the client of one of ours.
func failure(err error) error {
	var invalid *calloutproto.Invalid
	if errors.As(err, &invalid) {
		if _, coded := status.FromError(invalid.Err); coded {
			return invalid.Err
		}
	}
	code, message, ok := calloutproto.Shown(err)
	if !ok {
		return err
	}
	return &shown{status.New(codes.Code(code), message), err}
}

// shown says what the client may read and keeps the rest for the core's log.
type shown struct {
	status *status.Status
	cause  error
}

func (s *shown) Error() string              { return s.status.Message() }
func (s *shown) Unwrap() error              { return s.cause }
func (s *shown) GRPCStatus() *status.Status { return s.status }
