package dispatch

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/sign"
)

// keepKeys sees to it that every target has a signing key before anybody can
// call it.
func (d *Dispatcher) keepKeys(ctx context.Context, s *catalog.Snapshot) error {
	have, err := d.bus.Secrets(ctx, s.Instance)
	if err != nil {
		return err
	}
	var keys []bus.NewSecret
	for _, owner := range s.Orgs() {
		if s.Scopes[owner] == nil {
			continue
		}
		for name, t := range s.Scopes[owner].Targets {
			key, err := keyFor(name, t.SigningKey, have(owner, name))
			if err != nil {
				return err
			}
			if key != have(owner, name) {
				keys = append(keys, bus.NewSecret{Owner: owner, Target: name, Key: key})
			}
		}
	}
	return d.bus.PutSecrets(ctx, s.Instance, keys)
}

// keepChangedKeys is keepKeys for what an edit adds or changes. A target that
// gets another name keeps its key, and one that leaves does until nothing waits
// for it.
func (d *Dispatcher) keepChangedKeys(ctx context.Context, before *catalog.Matcher, s catalog.Stamped) error {
	moves, err := d.moves(ctx, before, s)
	if err == nil {
		err = d.keepMoves(ctx, before, moves, s)
	}
	if err != nil {
		return err
	}
	var keys []bus.NewSecret
	for _, c := range s.Changes {
		if c.Kind != catalog.KindTarget || c.Action == catalog.Removed {
			continue
		}
		have, _, err := d.bus.Secret(ctx, s.Instance, c.Org, c.Name)
		if err != nil {
			return err
		}
		from, key := s.Scopes[c.Org].Targets[c.Name].SigningKey, ""
		if c.Action == catalog.Added && from == (action.KeySource{}) {
			if key, err = d.carriedKey(ctx, before, s, c, moves); err != nil {
				return err
			}
		}
		usable := have
		if _, taken := moves.key(c.Org, c.Name, idOf(s, c)); taken {
			usable = ""
		}
		if key == "" {
			if key, err = keyFor(c.Name, from, usable); err != nil {
				return err
			}
		}
		if key != have {
			keys = append(keys, bus.NewSecret{Owner: c.Org, Target: c.Name, Key: key})
		}
	}
	return d.bus.PutSecrets(ctx, s.Instance, keys)
}

// carriedKey is the key of a target under the name that it had before, or when
// it was there before; "" when it was not.
func (d *Dispatcher) carriedKey(ctx context.Context, before *catalog.Matcher, s catalog.Stamped, c catalog.Change, moves targetMoves) (string, error) {
	was, known := before.FindID(idOf(s, c))
	if !known || was.Phase != "" {
		key, _ := moves.key(c.Org, c.Name, idOf(s, c))
		return key, nil
	}
	key, _, err := d.bus.Secret(ctx, s.Instance, was.Org, was.Name)
	return key, err
}

func idOf(s catalog.Stamped, c catalog.Change) string {
	meta, _ := s.MetaOf(c.Org, catalog.Ref{Name: c.Name})
	return meta.ID
}

// keyFor gives the key of a target by where it comes from. One that is made is
// made once: have is what there is.
func keyFor(name string, from action.KeySource, have string) (string, error) {
	var key string
	switch {
	case from.Env != "":
		if key = os.Getenv(from.Env); key == "" {
			return "", keyError(name, fmt.Errorf("the environment variable %s is not set", from.Env))
		}
	case from.File != "":
		raw, err := os.ReadFile(from.File)
		if err != nil {
			return "", keyError(name, err)
		}
		key = strings.TrimSpace(string(raw))
	case have != "":
		return have, nil
	default:
		return sign.NewKey(), nil
	}
	if err := sign.CheckKey(key); err != nil {
		return "", keyError(name, err)
	}
	return key, nil
}

func keyError(target string, err error) error {
	return action.NewError(action.CodeBadField, action.StageCatalog, "the signing key cannot be used").
		WithField("targets." + target + ".signing_key").WithTarget(target).WithCause(err)
}
