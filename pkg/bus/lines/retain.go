package lines

import (
	"context"

	"github.com/nats-io/nats.go/jetstream"
)

// Trim removes events below a sequence. Only events go: a purge by sequence alone
// would take the markers with them, and nobody could tell any more which catalog
// was in force.
func (i Lines) Trim(ctx context.Context, below uint64) error {
	if below <= 1 { // 0 would mean all
		return nil
	}
	stream, err := i.Stream(ctx, i.Events)
	if err != nil {
		return err
	}
	err = stream.Purge(ctx, jetstream.WithPurgeSubject("callout.event."+i.Token+".>"), jetstream.WithPurgeSequence(below))
	if err != nil {
		return i.StreamFailure(ctx, i.Events, err)
	}
	return nil
}

// Fill tells how full the event stream is, from 0 to 1.
func (i Lines) Fill(ctx context.Context) (float64, error) {
	info, err := i.State(ctx, i.Events)
	if err != nil || info.Config.MaxBytes <= 0 {
		return 0, err
	}
	return float64(info.State.Bytes) / float64(info.Config.MaxBytes), nil
}
