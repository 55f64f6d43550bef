package bus

import (
	"context"

	"github.com/callout-hq/callout/pkg/action"
)

// Account tells what the server says of itself, and how much JetStream holds. It
// asks once. Without an answer the rest says why.
func (b *Bus) Account(ctx context.Context) action.NATSStatus {
	ctx, cancel := context.WithTimeout(ctx, readyFor)
	defer cancel()
	s := action.NATSStatus{Connected: b.Connected()}
	if !s.Connected {
		s.Fault = "NATS does not answer right now"
		return s
	}
	s.Version, s.Server = b.nc.ConnectedServerVersion(), b.nc.ConnectedServerName()
	info, err := b.js.AccountInfo(ctx)
	if err != nil {
		s.Fault = "JetStream does not answer: " + action.ShownText(Failure(err).Error())
		return s
	}
	s.Memory, s.Storage, s.Streams, s.Consumers = info.Memory, info.Store, info.Streams, info.Consumers
	s.MemoryLimit, s.StorageLimit = uint64(max(info.Limits.MaxMemory, 0)), uint64(max(info.Limits.MaxStore, 0))
	return s
}
