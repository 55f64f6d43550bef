package dispatch

import (
	"context"

	"github.com/callout-hq/callout/pkg/action"
)

// SigningKey gives the signing key of a target that org itself defines. The
// error is not_found when it has none.
func (d *Dispatcher) SigningKey(ctx context.Context, instance, org, target string) (string, error) {
	key, ok, err := d.bus.Secret(ctx, instance, org, target)
	if err == nil && !ok {
		err = action.NewError(action.CodeNotFound, action.StageCatalog, "the target has no signing key").WithTarget(target)
	}
	return key, err
}
