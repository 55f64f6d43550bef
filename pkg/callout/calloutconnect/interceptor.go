// Package calloutconnect intercepts the unary calls of a Connect service.
package calloutconnect

import (
	"context"
	"errors"
	"net/http"
	"reflect"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/callout/calloutproto"
	"github.com/callout-hq/callout/pkg/wire"
)

// Options of the interceptor.
type Options = calloutproto.Options

// New makes an interceptor for handlers. It belongs behind the core's
// authentication and validation of what clients send, and before the handler:
//
//	connect.WithInterceptors(authentication, validation, calloutconnect.New(options))
//
// Streaming calls pass untouched, and so do the calls of a client. An error of
// Callout becomes a *connect.Error with the closest code (calloutproto.CodeOf)
// and a message that is safe to show; errors.As finds the *action.Error in it.
// The handler's context has the request's traceparent (callout.WithTraceparent).
// An error of Options.Validate that is a *connect.Error is returned as it is.
func New(o Options) connect.Interceptor {
	return connect.UnaryInterceptorFunc(func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(ctx context.Context, request connect.AnyRequest) (connect.AnyResponse, error) {
			if request.Spec().IsClient {
				return next(ctx, request)
			}
			ctx = callout.ReceiveTraceparent(ctx, request.Header()[headerTraceparent])
			if !o.Wanted(ctx, request.Spec().Procedure) {
				return next(ctx, request)
			}
			return intercept(ctx, &o, request, next)
		}
	})
}

var headerTraceparent = http.CanonicalHeaderKey(wire.HeaderTraceparent)

func intercept(ctx context.Context, o *Options, request connect.AnyRequest, next connect.UnaryFunc) (connect.AnyResponse, error) {
	method := request.Spec().Procedure
	m, ok := request.Any().(proto.Message)
	if !ok {
		if err := o.Foreign(ctx, action.Request, method); err != nil {
			return nil, failure(err)
		}
		return next(ctx, request)
	}
	var response connect.AnyResponse
	var ofHandler error
	call := calloutproto.Call{Method: method, Headers: request.Header()}
	answer, err := o.Unary(ctx, call, m, func(ctx context.Context, changed proto.Message) (proto.Message, error) {
		if changed != m {
			request = withMessage(request, changed)
		}
		if response, ofHandler = next(ctx, request); ofHandler != nil || response == nil {
			return nil, ofHandler
		}
		message, _ := response.Any().(proto.Message)
		return message, nil
	})
	switch {
	case ofHandler != nil:
		return response, ofHandler
	case err != nil:
		return nil, failure(err)
	case answer == nil && response != nil:
		if err := o.Foreign(ctx, action.Response, method); err != nil {
			return nil, failure(err)
		}
	case answer != nil && answer != response.Any():
		return withMessage(response, answer), nil
	}
	return response, nil
}

// withMessage copies a *connect.Request or *connect.Response and puts another
// message into the copy. Their type parameter is known at run time only.
func withMessage[E any](envelope E, m proto.Message) E {
	from := reflect.ValueOf(envelope).Elem()
	fresh := reflect.New(from.Type())
	fresh.Elem().Set(from)
	fresh.Elem().FieldByName("Msg").Set(reflect.ValueOf(m))
	return fresh.Interface().(E)
}

// failure makes an error for the client of one of ours.
func failure(err error) error {
	var invalid *calloutproto.Invalid
	var coded *connect.Error
	if errors.As(err, &invalid) && errors.As(invalid.Err, &coded) {
		return coded
	}
	code, message, ok := calloutproto.Shown(err)
	if !ok {
		return err
	}
	return connect.NewError(connect.Code(code), &shown{message, err})
}

// shown says what the client may read and keeps the rest for the core's log.
type shown struct {
	message string
	cause   error
}

func (s *shown) Error() string { return s.message }
func (s *shown) Unwrap() error { return s.cause }
