package dispatch

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/lead"
	"github.com/callout-hq/callout/pkg/catalog"
)

// SetSecret stores a secret of the instance, or of an organization of it, and tells
// whether there was one of its name. value is one line as the value of a header may be,
// of 1 to catalog.MaxHeaderValue bytes, or a private key in PEM, with its certificate or
// without, of at most action.MaxSecret; by is who sets it. It is no edit: who uses it is
// told by the store. The error is bad_field, unknown_instance, or too_large.
func (i *Instance) SetSecret(ctx context.Context, org, name, value, by string) (s bus.NamedSecret, replaced bool, err error) {
	if err := checkSecretPlace(org, name); err != nil {
		return s, false, err
	}
	facts, err := checkNamedValue(value, time.Now())
	if err != nil {
		return s, false, action.NewError(action.CodeBadField, action.StageDecode, "the secret cannot be used: "+err.Error()).WithField("value")
	}
	var made [8]byte
	rand.Read(made[:]) // never fails
	// What is made from the value could be tried values against, by who sees it.
	s = bus.NamedSecret{Owner: org, Name: name, Fingerprint: hex.EncodeToString(made[:]), Set: time.Now().UTC().Truncate(time.Millisecond), By: by, Value: value, PEM: facts}
	err = i.alone(ctx, func(ctx context.Context, c *catalog.Snapshot) error {
		if err := fitsUsers(c, s); err != nil {
			return err
		}
		replaced, err = i.bus.PutNamedSecret(ctx, s, i.dispatcher.sealing.to)
		return err
	})
	s.Value = ""
	if err == nil {
		i.log.Info().Str("org", org).Str("secret", name).Bool("replaced", replaced).Msg("a secret is set")
	}
	return s, replaced, err
}

func checkSecretPlace(org, name string) error {
	if err := action.CheckName(name); err != nil {
		return action.NewError(action.CodeBadField, action.StageDecode, err.Error()).WithField("name")
	}
	if err := action.CheckID(org); err != nil {
		return action.NewError(action.CodeBadField, action.StageDecode, err.Error()).WithField("org")
	}
	return nil
}

// Secrets lists the secrets of the instance and its organizations, without their values.
func (i *Instance) Secrets(ctx context.Context) ([]bus.NamedSecret, error) {
	all, err := i.bus.NamedSecrets(ctx)
	for n := range all {
		all[n].Value = ""
	}
	return all, err
}

// maxNamed bounds how many targets an error names.
const maxNamed = 10

// DeleteSecret removes a secret. The error is not_found, or still_used, which names the
// targets of the newest catalog that use it.
func (i *Instance) DeleteSecret(ctx context.Context, org, name string) error {
	if err := checkSecretPlace(org, name); err != nil {
		return err
	}
	return i.alone(ctx, func(ctx context.Context, s *catalog.Snapshot) error {
		if users := s.UsersOfSecret(org, name); len(users) > 0 {
			named := strings.Join(users[:min(len(users), maxNamed)], ", ")
			if more := len(users) - maxNamed; more > 0 {
				named += fmt.Sprintf(" and %d more", more)
			}
			return action.NewError(action.CodeStillUsed, action.StageCatalog,
				fmt.Sprintf("the secret %q is used by the targets %s: take it out of their definitions first", name, named)).WithField("name")
		}
		there, err := i.bus.DeleteNamedSecret(ctx, org, name)
		if err == nil && !there {
			err = action.NewError(action.CodeNotFound, action.StageStore, fmt.Sprintf("there is no secret %q", name)).WithField("name")
		}
		if err == nil {
			i.log.Info().Str("org", org).Str("secret", name).Msg("a secret is deleted")
		}
		return err
	})
}

// alone does something while no edit is made, and while the instance is there.
func (i *Instance) alone(ctx context.Context, do func(context.Context, *catalog.Snapshot) error) error {
	i = i.dispatcher.shared(i.ID)
	unlock, err := i.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	return i.lead(ctx, func(ctx context.Context) error {
		latest, there, err := i.revisions.Latest(ctx)
		if err != nil {
			return err
		}
		if !there || latest.Revision == 0 {
			return action.NewError(action.CodeUnknownInstance, action.StageCatalog, "")
		}
		v, err := i.readable(ctx, latest)
		if err != nil {
			return err
		}
		if err := lead.Held(ctx); err != nil {
			return err
		}
		return do(ctx, v.Matcher.Snapshot())
	})
}

// refuseUnset refuses a target that is new or changed and names a secret that is not
// set. Of a followed file it is said, and keeps nothing up: what is to be sent waits.
func (i *Instance) refuseUnset(ctx context.Context, e *edition, s catalog.Stamped) error {
	var set []bus.NamedSecret
	asked := false
	for t := range e.touched(s) {
		shown := t.Target
		if from := t.place(action.PartCertificate); from.KeySource != (action.KeySource{}) {
			shown.TLS.Certificate, _ = e.files.textAt(from) // what is wrong with it is said where it is read
		}
		for name, from := range t.Sources() {
			if from.Secret == "" {
				continue
			}
			if !asked {
				var err error
				if set, err = i.bus.NamedSecrets(ctx); err != nil {
					return err
				}
				asked = true
			}
			var err error
			if n := slices.IndexFunc(set, func(n bus.NamedSecret) bool { return n.Owner == t.owner && n.Name == from.Secret }); n < 0 {
				err = unset(t, name, from.Secret, set)
			} else if says := misfit(&shown, name, set[n]); says != "" {
				err = badSource(t, name, "secret", says)
			} else if err = i.ends(e, t, set[n], name); err == nil {
				continue
			}
			if !e.operators {
				return err
			}
			i.log.Warn().Err(err).Str("org", t.owner).Str("target", t.Name).Msg("a target names a secret that cannot be used: what is to be sent to it waits")
		}
	}
	return nil
}

// unset is the error of a target that names a secret which is not set.
func unset(t keyed, name, secret string, set []bus.NamedSecret) error {
	whose, how := "the instance has", "callout secret set"
	if t.owner != "" {
		whose, how = "the organization has", "callout secret set --org "+t.owner
	}
	var names []string
	for _, n := range set {
		if n.Owner == t.owner {
			names = append(names, n.Name)
		}
	}
	hint := ""
	if best := catalog.Nearest(secret, names); best != "" {
		hint = fmt.Sprintf("; did you mean %q?", best)
	}
	return badSource(t, name, "secret", fmt.Sprintf("%s no secret %q: set it first, by %s%s", whose, secret, how, hint))
}
