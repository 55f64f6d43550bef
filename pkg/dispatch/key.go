package dispatch

import (
	"context"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
)

// SigningKey gives the newest signing key of a target that org itself defines, "" when
// it is sealed: a dispatcher cannot open it. The error is not_found when it has none.
func (i *Instance) SigningKey(ctx context.Context, org, target string) (string, error) {
	text, ok, err := i.bus.Secret(ctx, org, target)
	if err == nil && !ok {
		err = action.NewError(action.CodeNotFound, action.StageCatalog, "the target has no signing key").WithTarget(target)
	}
	if err != nil {
		return "", err
	}
	keys, err := bus.ReadSigningKeys(text)
	if err != nil {
		return "", action.AsError(err, action.StageStore).WithTarget(target)
	}
	if keys[0].IsSealed() {
		return "", nil
	}
	return keys[0].Key, nil
}
