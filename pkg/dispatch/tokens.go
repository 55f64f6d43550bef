package dispatch

import (
	"context"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/tokens"
)

// nobodyAsked is the refusal to make a token that nobody would ask for.
func (d *Dispatcher) nobodyAsked() error {
	if d.identity.access != nil {
		return nil
	}
	return action.NewError(action.CodeForbidden, action.StageAccess,
		"this dispatcher asks nobody who he is, so that a token would open what is open: start it with --token-file, which \"callout auth init\" makes")
}

// AddToken stores a token; it counts at once here, and within a second at every other
// dispatcher.
func (d *Dispatcher) AddToken(ctx context.Context, t access.Token) error {
	if err := d.nobodyAsked(); err != nil {
		return err
	}
	if err := tokens.Of(d.bus).Add(ctx, t); err != nil {
		return err
	}
	d.identity.ring.Set(t)
	return nil
}

// Tokens lists what is stored, which the operator's own token is not.
func (d *Dispatcher) Tokens(ctx context.Context) ([]tokens.Listed, error) {
	if err := d.nobodyAsked(); err != nil {
		return nil, err
	}
	return tokens.Of(d.bus).List(ctx)
}

// revokeTokens has the tokens of an instance that is deleted count no more: one that is
// made again under its id is another.
func (i *Instance) revokeTokens(ctx context.Context) error {
	store := tokens.Of(i.dispatcher.bus)
	all, err := store.List(ctx)
	for _, t := range all {
		if err == nil && t.Scope.Instance == i.ID {
			err = store.Revoke(ctx, t.ID)
		}
	}
	return err
}

// RevokeToken has a token count no more.
func (d *Dispatcher) RevokeToken(ctx context.Context, id string) error {
	if err := d.nobodyAsked(); err != nil {
		return err
	}
	if err := tokens.Of(d.bus).Revoke(ctx, id); err != nil {
		return err
	}
	d.identity.ring.Remove(id)
	return nil
}
