package dispatch

import (
	"context"

	"github.com/callout-hq/callout/pkg/bus/letters"
)

// LastDeadLetter is the place of the newest dead letter of an instance; 0 when
// there never was one.
func (i *Instance) LastDeadLetter(ctx context.Context) (place uint64, err error) {
	if err := i.exists(ctx); err != nil {
		return 0, err
	}
	return i.letters.LastPlace(ctx)
}

// DeadLettersFrom reads the dead letters of an instance from a place on, oldest
// first, until do returns false.
func (i *Instance) DeadLettersFrom(ctx context.Context, place uint64, do func(letters.Letter) bool) error {
	if err := i.exists(ctx); err != nil {
		return err
	}
	return i.letters.Each(ctx, place, do)
}

// DeadLetter reads one dead letter of an instance whole. The id must be within
// the grammar of ids; the error is not_found when there is none.
func (i *Instance) DeadLetter(ctx context.Context, deliveryID string) (letters.Letter, error) {
	if err := i.exists(ctx); err != nil {
		return letters.Letter{}, err
	}
	return i.letters.Get(ctx, deliveryID)
}
