package dispatch

import (
	"context"
	"iter"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/catalog"
)

// keepKeys sees to it that every target of a text that is in force has its
// signing key: where it comes from may have changed, and one that is made may
// have been lost. Like makeMissingKeys it fails with an *unreadKeys where files
// lacks one.
func (i *Instance) keepKeys(ctx context.Context, targets iter.Seq[keyed], files keyFiles) error {
	if err := files.lacks(targets); err != nil {
		return err
	}
	have, err := i.bus.Secrets(ctx)
	if err != nil {
		return err
	}
	var keys []bus.NewSecret
	for t := range targets {
		owner, stored := t.owner, have(t.owner, t.Name)
		switch secrets, err := files.secretsFor(t, stored); {
		case err != nil:
			return err
		case keysFit(owner, t.Target, secrets.text) != nil:
			return keysFit(owner, t.Target, secrets.text)
		case i.isKept(t, secrets, stored):
		case secrets.made != "" && !t.HasSources():
			err := i.makeKey(ctx, t, secrets)
			if bus.IsBadSecret(err) { // whoever applies it wants it to be called
				i.log.Warn().Str("org", owner).Str("target", t.Name).Msg("the signing key of a target could not sign: a new one is made")
				keys, err = i.addSecret(keys, t, secrets)
			}
			if err != nil {
				return err
			}
		default:
			i.log.Info().Str("org", owner).Str("target", t.Name).Msg(readAnew(t))
			if keys, err = i.addSecret(keys, t, secrets); err != nil {
				return err
			}
		}
	}
	return i.bus.PutSecrets(ctx, keys)
}

func readAnew(t keyed) string {
	if t.SigningKey == (action.KeySource{}) {
		return "what a target has in variables and files is read anew"
	}
	return "the signing key of a target is read anew from where it comes from"
}

// makeMissingKeys makes the keys that targets lack, for a revision that another
// dispatcher left half done. A key that comes from where only that one can read
// it is said, and keeps nothing up. One that cannot sign is read again where it
// comes from, and left as it is where it was made.
func (i *Instance) makeMissingKeys(ctx context.Context, s *catalog.Snapshot, files keyFiles) error {
	have, err := i.bus.Secrets(ctx)
	if err != nil {
		return err
	}
	lacking := func(yield func(keyed) bool) {
		for t := range asStored(s) {
			if have(t.owner, t.Name) == "" && !yield(t) {
				return
			}
		}
	}
	if err := files.lacks(lacking); err != nil {
		return err
	}
	for t := range lacking {
		owner := t.owner
		if recalled, err := i.bus.RecallSecret(ctx, i.dispatcher.health.secrets, owner, t.Name); err != nil || recalled {
			if err != nil {
				return err
			}
			continue // its target knows that one
		}
		secrets, err := files.secretsFor(t, "")
		if err == nil {
			if err = keysFit(owner, t.Target, secrets.text); err == nil {
				err = i.makeKey(ctx, t, secrets)
			}
		}
		if bus.IsBadSecret(err) {
			if t.SigningKey == (action.KeySource{}) { // its target knows the one that was there, and no new one
				continue
			}
			err = i.putSecret(ctx, t, secrets)
		}
		if action.CodeOf(err) == action.CodeBadField {
			i.log.Error().Err(err).Str("target", t.Name).Msg("a target has no signing key")
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// makeKey gives a target that is in force, and has no secrets, its key. One that was
// made meanwhile stays, but of a target whose headers a dispatcher alone can read.
func (i *Instance) makeKey(ctx context.Context, t keyed, secrets secretsOf) error {
	kept, err := i.keepSecret(t, secrets)
	if err != nil {
		return err
	}
	if t.HasSources() {
		err = i.bus.PutSecrets(ctx, []bus.NewSecret{kept})
	} else {
		_, err = i.bus.MakeSecret(ctx, t.owner, t.Name, kept.Key)
	}
	if err != nil {
		return err
	}
	i.log.Warn().Str("org", t.owner).Str("target", t.Name).Msg("a target had no signing key: a new one is made")
	return nil
}

// targetsOf gives all targets of a catalog, each with who owns it.
func targetsOf(s *catalog.Snapshot) iter.Seq2[string, action.Target] {
	return func(yield func(string, action.Target) bool) {
		for owner, scope := range s.Scopes {
			if scope == nil {
				continue
			}
			for name, t := range scope.Targets {
				t.Name = name
				if !yield(owner, t) {
					return
				}
			}
		}
	}
}

func keyError(target string, err error) error {
	return action.NewError(action.CodeBadField, action.StageCatalog, "the signing key cannot be used").
		WithField("targets." + target + ".signing_key").WithTarget(target).WithCause(err)
}
