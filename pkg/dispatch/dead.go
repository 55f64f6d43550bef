package dispatch

import (
	"context"

	"github.com/callout-hq/callout/pkg/bus"
)

// LastDeadLetter is the place of the newest dead letter of an instance; 0 when
// there never was one.
func (d *Dispatcher) LastDeadLetter(ctx context.Context, instance string) (place uint64, err error) {
	if _, err := d.catalogs.AtLeast(ctx, instance, 0); err != nil {
		return 0, err
	}
	return d.bus.LastPlace(ctx, instance)
}

// DeadLettersFrom reads the dead letters of an instance from a place on, oldest
// first, until do returns false.
func (d *Dispatcher) DeadLettersFrom(ctx context.Context, instance string, place uint64, do func(bus.StoredLetter) bool) error {
	if _, err := d.catalogs.AtLeast(ctx, instance, 0); err != nil {
		return err
	}
	return d.bus.DeadLettersFrom(ctx, instance, place, do)
}

// DeadLetter reads one dead letter of an instance whole. The id must be within
// the grammar of ids; the error is not_found when there is none.
func (d *Dispatcher) DeadLetter(ctx context.Context, instance, deliveryID string) (bus.StoredLetter, error) {
	if _, err := d.catalogs.AtLeast(ctx, instance, 0); err != nil {
		return bus.StoredLetter{}, err
	}
	return d.bus.StoredDeadLetter(ctx, instance, deliveryID)
}

// RedriveDeadLetter sends one dead letter again, with its delivery id. The
// error is not_found when there is none.
func (d *Dispatcher) RedriveDeadLetter(ctx context.Context, instance, deliveryID string) error {
	return d.bus.Redrive(ctx, instance, deliveryID)
}

// DiscardDeadLetter takes one dead letter out for good. The error is not_found
// when there is none.
func (d *Dispatcher) DiscardDeadLetter(ctx context.Context, instance, deliveryID string) error {
	return d.bus.Discard(ctx, instance, deliveryID)
}
