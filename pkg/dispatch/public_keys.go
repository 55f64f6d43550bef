package dispatch

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/sign"
)

// The public keys of a target are no part of the catalog: they are kept under its id, so
// that they go along with another name and come back with the target, and a key that has
// to be exchanged at once waits for no followed file and makes no revision.

// AddPublicKey gives a target that org itself defines a public key. The error is bad_field,
// already_exists, or conflict.
func (i *Instance) AddPublicKey(ctx context.Context, org, target string, n bus.NewPublicKey) (bus.PublicKey, error) {
	r, err := sign.ParsePublicKey(n.PEM)
	if err != nil {
		return bus.PublicKey{}, err
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	if !n.Expires.IsZero() && !n.Expires.After(now) {
		return bus.PublicKey{}, action.NewError(action.CodeBadField, action.StageDecode, "a public key expires in the future").WithField("expire_time")
	}
	k := bus.PublicKey{ID: ulid.Make().String(), PEM: n.PEM, Kind: r.Kind, Fingerprint: r.Fingerprint, Expires: n.Expires.UTC(), Made: now, Changed: now}
	if n.Expires.IsZero() {
		k.Expires = time.Time{}
	}
	return k, i.changePublicKeys(ctx, org, target, "added", func(keys bus.PublicKeys) (bus.PublicKeys, error) {
		switch twin := slices.IndexFunc(keys, func(have bus.PublicKey) bool { return have.Fingerprint == k.Fingerprint }); {
		case twin >= 0:
			return nil, action.NewError(action.CodeAlreadyExists, action.StageStore, "the target has this key already: its id is "+keys[twin].ID).WithField("public_key")
		case len(keys) >= action.MaxPublicKeys:
			return nil, action.NewError(action.CodeConflict, action.StageStore, fmt.Sprintf("a target has at most %d public keys: remove one first", action.MaxPublicKeys))
		}
		keys = append(keys, k)
		if n.Activate {
			activate(keys, len(keys)-1, now)
			k = keys[len(keys)-1]
		}
		return keys, nil
	})
}

// activate has one key be the active one.
func activate(keys bus.PublicKeys, n int, now time.Time) {
	for at := range keys {
		if is := at == n; keys[at].Active != is {
			keys[at].Active, keys[at].Changed = is, now
		}
	}
}

// PublicKeys lists the public keys of a target that org itself defines.
func (i *Instance) PublicKeys(ctx context.Context, org, target string) (bus.PublicKeys, error) {
	id, err := i.targetID(ctx, org, target)
	if err != nil {
		return nil, err
	}
	keys, _, err := i.bus.PublicKeys(ctx, id)
	return keys, err
}

// SetPublicKeyActive has a key be the active one, or not. What is so already is no error.
func (i *Instance) SetPublicKeyActive(ctx context.Context, org, target, key string, active bool) (k bus.PublicKey, err error) {
	now := time.Now().UTC().Truncate(time.Millisecond)
	what := map[bool]string{true: "activated", false: "deactivated"}[active]
	return k, i.changePublicKeys(ctx, org, target, what, func(keys bus.PublicKeys) (bus.PublicKeys, error) {
		n, err := keys.Find(key)
		if err != nil {
			return nil, err
		}
		switch {
		case active && keys[n].IsOver(now):
			return nil, action.NewError(action.CodeBadField, action.StageStore, "the public key has expired: add another one").WithField("key_id")
		case active:
			activate(keys, n, now)
		case keys[n].Active:
			activate(keys, -1, now)
		}
		k = keys[n]
		return keys, nil
	})
}

// RemovePublicKey removes a key that is not active; the error of one that is is
// still_used.
func (i *Instance) RemovePublicKey(ctx context.Context, org, target, key string) error {
	return i.changePublicKeys(ctx, org, target, "removed", func(keys bus.PublicKeys) (bus.PublicKeys, error) {
		n, err := keys.Find(key)
		if err != nil {
			return nil, err
		}
		if keys[n].Active {
			return nil, action.NewError(action.CodeStillUsed, action.StageStore, "the public key is active: deactivate it first, or activate another one").WithField("key_id")
		}
		return slices.Delete(keys, n, n+1), nil
	})
}

// changePublicKeys puts what change makes of them in the place of a target's public keys,
// unless somebody else has done so meanwhile.
func (i *Instance) changePublicKeys(ctx context.Context, org, target, what string, change func(bus.PublicKeys) (bus.PublicKeys, error)) error {
	id, err := i.targetID(ctx, org, target)
	if err != nil {
		return err
	}
	keys, revision, err := i.bus.PublicKeys(ctx, id)
	if err != nil {
		return err
	}
	if keys, err = change(keys); err != nil {
		return action.AsError(err, action.StageStore).WithTarget(target)
	}
	err = i.bus.ReplacePublicKeys(ctx, id, keys, revision)
	if action.CodeOf(err) == action.CodeConflict {
		return action.NewError(action.CodeConflict, action.StageStore, "somebody else changed the public keys of the target meanwhile: look at them, and try again").WithTarget(target).WithCause(err)
	}
	if err == nil {
		i.log.Info().Str("org", org).Str("target", target).Int("keys", len(keys)).Msg("public key of a target " + what)
	}
	return err
}

// targetID is the id of a target that org itself defines.
func (i *Instance) targetID(ctx context.Context, org, target string) (string, error) {
	m, err := i.catalog().AtLeast(ctx, 0)
	if err != nil {
		return "", err
	}
	if _, err := m.Snapshot().FindTarget(org, target); err != nil {
		return "", err
	}
	meta, _ := m.Snapshot().MetaOf(org, catalog.Ref{Name: target})
	return meta.ID, nil
}

// forgetPublicKeys removes those of targets that are neither configured nor have left a
// short while ago.
func (t *tidying) forgetPublicKeys(ctx context.Context, m *catalog.Matcher, kept []bus.Departed, all []lines.Line) error {
	return t.bus.ForgetPublicKeys(ctx, time.Now().Add(-t.dispatcher.pace.outlive), func(target string) bool {
		_, there := m.FindID(target)
		return there || slices.ContainsFunc(kept, func(d bus.Departed) bool { return d.ID == target }) ||
			slices.ContainsFunc(all, func(l lines.Line) bool { return l.TargetID == target && !l.Drained })
	})
}
