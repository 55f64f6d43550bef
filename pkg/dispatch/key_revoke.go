package dispatch

import (
	"context"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
)

// SigningKeys are the keys that sign for a target that org itself defines, the newest
// first. What they are is not for who asks.
func (i *Instance) SigningKeys(ctx context.Context, org, target string) (bus.SigningKeys, error) {
	m, err := i.current(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := m.Snapshot().FindTarget(org, target); err != nil {
		return nil, err
	}
	keys, _, err := i.bus.SigningKeys(ctx, org, target)
	signing, _ := keys.At(time.Now())
	return signing, err
}

// RevokeKey has a key that another has taken the place of sign no more, by its id, and
// gives those that still sign. It is no edit. The error is not_found, bad_field for the
// newest, and conflict when somebody else was first.
func (i *Instance) RevokeKey(ctx context.Context, org, target, id string) (bus.SigningKeys, error) {
	m, err := i.current(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := m.Snapshot().FindTarget(org, target); err != nil {
		return nil, err
	}
	had, revision, err := i.bus.TargetSecrets(ctx, org, target)
	if err != nil {
		return nil, err
	}
	left, err := had.Keys.Revoked(id)
	if err != nil {
		return nil, action.AsError(err, action.StageStore).WithTarget(target)
	}
	i = i.dispatcher.shared(i.ID)
	if err := i.lead(ctx, func(ctx context.Context) error {
		return i.replaceKeys(ctx, org, target, bus.TargetSecrets{Keys: left, Headers: had.Headers}, revision)
	}); err != nil {
		return nil, err
	}
	i.log.Info().Str("org", org).Str("target", target).Str("fingerprint", id).Msg("signing key of a target revoked")
	signing, _ := left.At(time.Now())
	return signing, nil
}
