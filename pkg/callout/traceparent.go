package callout

import (
	"context"

	"github.com/callout-hq/callout/pkg/wire"
)

type traceparentKey struct{}

// WithTraceparent gives a context whose calls and events carry a W3C trace
// context to the targets, as the text of the header traceparent. A text of
// another form is left out, as the standard asks of who receives one: ctx is
// then returned as it is.
func WithTraceparent(ctx context.Context, traceparent string) context.Context {
	if wire.Traceparent(traceparent) == "" {
		return ctx
	}
	return context.WithValue(ctx, traceparentKey{}, traceparent)
}

// TraceparentOf is what WithTraceparent put into ctx, "" when nothing did.
func TraceparentOf(ctx context.Context) string {
	traceparent, _ := ctx.Value(traceparentKey{}).(string)
	return traceparent
}

// ReceiveTraceparent is WithTraceparent for a middleware: header are the values
// of the header traceparent of what came in. What ctx has already stays, for it
// is of the core's own.
func ReceiveTraceparent(ctx context.Context, header []string) context.Context {
	if len(header) != 1 || TraceparentOf(ctx) != "" {
		return ctx
	}
	return WithTraceparent(ctx, header[0])
}
