package dispatch

import (
	"context"
	"fmt"
	"iter"
	"os"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/sign"
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
		owner := t.owner
		switch key, _, err := files.keyFor(t, have(owner, t.Name)); {
		case err != nil:
			return err
		case keysFit(owner, t.Target, key) != nil:
			return keysFit(owner, t.Target, key)
		case i.isKept(t, key, have(owner, t.Name)):
		case t.SigningKey == (action.KeySource{}):
			err := i.makeKey(ctx, owner, t.Name, key)
			if bus.IsBadSecret(err) { // whoever applies it wants it to be called
				i.log.Warn().Str("org", owner).Str("target", t.Name).Msg("the signing key of a target could not sign: a new one is made")
				keys, err = i.addSecret(keys, t, key)
			}
			if err != nil {
				return err
			}
		default:
			i.log.Info().Str("org", owner).Str("target", t.Name).Msg("the signing key of a target is read anew from where it comes from")
			if keys, err = i.addSecret(keys, t, key); err != nil {
				return err
			}
		}
	}
	return i.bus.PutSecrets(ctx, keys)
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
		key, _, err := files.keyFor(t, "")
		if err == nil {
			if err = keysFit(owner, t.Target, key); err == nil {
				err = i.makeKey(ctx, owner, t.Name, key)
			}
		}
		if bus.IsBadSecret(err) {
			if t.SigningKey == (action.KeySource{}) { // its target knows the one that was there, and no new one
				continue
			}
			err = i.putSecret(ctx, t, key)
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

// makeKey gives a target that is in force, and has none, its key.
func (i *Instance) makeKey(ctx context.Context, owner, target, key string) error {
	kept, err := i.keepSecret(owner, target, key)
	if err != nil {
		return err
	}
	if _, err := i.bus.MakeSecret(ctx, owner, target, kept.Key); err != nil {
		return err
	}
	i.log.Warn().Str("org", owner).Str("target", target).Msg("a target had no signing key: a new one is made")
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

// keyFor gives the text of a target's keys by where they come from; a file is among
// those that were read. One that is made is made once: had is what there is.
func (have keyFiles) keyFor(t keyed, had string) (text string, made bool, err error) {
	name, from := t.Name, t.from
	if err := have.offer.refuses(t); err != nil {
		return "", false, err
	}
	switch {
	case from.Env != "":
		if text = os.Getenv(from.Env); text == "" {
			return "", false, keyError(name, fmt.Errorf("the environment variable %s is not set", from.Env))
		}
	case from.File != "":
		if err := have.read[from].err; err != nil {
			return "", false, keyError(name, err)
		}
		text = strings.TrimSpace(have.read[from].text)
	case had != "":
		return had, false, nil
	default:
		return sign.NewKey(), true, nil
	}
	if err := sign.CheckForm(text); err != nil {
		return "", false, keyError(name, err)
	}
	return text, false, nil
}

func keyError(target string, err error) error {
	return action.NewError(action.CodeBadField, action.StageCatalog, "the signing key cannot be used").
		WithField("targets." + target + ".signing_key").WithTarget(target).WithCause(err)
}
