package calloutgrpc

import (
	"context"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// heldStream keeps the headers and trailers that a handler sets until it is known
// whether its response leaves: what goes with a response that is refused stays here.
type heldStream struct {
	grpc.ServerTransportStream
	mu              sync.Mutex
	header, trailer metadata.MD
	sent            bool // the handler wanted its headers to leave; they do with the rest
	open            bool // nothing is held any more
}

// holding gives a context whose stream is held. It is nil where there is none, as in
// a call without a server.
func holding(ctx context.Context) (context.Context, *heldStream) {
	stream := grpc.ServerTransportStreamFromContext(ctx)
	if stream == nil {
		return ctx, nil
	}
	held := &heldStream{ServerTransportStream: stream}
	return grpc.NewContextWithServerTransportStream(ctx, held), held
}

var errSent = status.Error(codes.Internal, "the headers were sent already")

func (h *heldStream) SetHeader(md metadata.MD) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.open:
		return h.ServerTransportStream.SetHeader(md)
	case h.sent:
		return errSent
	}
	h.header = metadata.Join(h.header, md)
	return nil
}

func (h *heldStream) SendHeader(md metadata.MD) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.open:
		return h.ServerTransportStream.SendHeader(md)
	case h.sent:
		return errSent
	}
	h.header, h.sent = metadata.Join(h.header, md), true
	return nil
}

func (h *heldStream) SetTrailer(md metadata.MD) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.open {
		return h.ServerTransportStream.SetTrailer(md)
	}
	h.trailer = metadata.Join(h.trailer, md)
	return nil
}

// release lets go what was held; from then on nothing is.
func (h *heldStream) release() {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open = true
	_ = h.ServerTransportStream.SetHeader(h.header) // fails when the stream has ended, and nobody is left to tell
	_ = h.ServerTransportStream.SetTrailer(h.trailer)
}
