package bus

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/seal"
	"github.com/callout-hq/callout/pkg/wire"
)

// NamedSecret is a secret of an instance, or of one of its organizations, that
// somebody has set under a name. It is a text of one line, or a key in PEM. What uses it names it: it is
// not part of any catalog, and another value makes no revision.
type NamedSecret struct {
	Owner string `json:"-"` // the organization; "" = the instance
	Name  string `json:"-"`

	Value       string    `json:"value"` // itself, or sealed
	Fingerprint string    `json:"fingerprint"`
	Set         time.Time `json:"set"`
	By          string    `json:"by,omitempty"` // who set it, by the id of his token
	Format      int       `json:"format,omitempty"`

	// PEM tells what is in a key in PEM, which is for TLS and no header; nil = it is none.
	PEM *KeyFacts `json:"pem,omitempty"`
}

// KeyFacts are what may be known of a private key, and of the certificate beside it.
type KeyFacts struct {
	Sum   string    `json:"sum"`            // action.KeySum of its public half
	Until time.Time `json:"until,omitzero"` // when the certificate ends; zero = there is none
}

// namedToken is what the key of a named secret has where that of a target that has left
// says so: it has a token more than that of a target.
const namedToken = "named"

func (i Instance) namedKey(owner, name string) string {
	return strings.Join([]string{i.Token, wire.Token(owner), namedToken, wire.Token(name)}, ".")
}

// namedRecord is what a named secret is sealed for: it is never another's.
func namedRecord(instance, owner, name string) seal.Record {
	return seal.Record{Purpose: "named secret", Instance: instance, Owner: owner, Name: name}
}

// SealedFor is the id of the key that the secret is sealed for; "" when it is not
// sealed.
func (s NamedSecret) SealedFor() string {
	id, _ := seal.KeyID(s.Value)
	return id
}

// Open gives the value. The error is internal: what needs it waits, for no fault of
// its target.
func (s NamedSecret) Open(ring seal.Ring, instance string) (string, error) {
	if !seal.IsSealed(s.Value) {
		return s.Value, nil
	}
	return openSecret(ring, s.Value, namedRecord(instance, s.Owner, s.Name), "the secret "+s.Name, "set it again")
}

// PutNamedSecret stores a secret, sealed where to is not nil, in the place of one of its
// name, and tells whether there was one. The error is too_large when the instance has
// action.MaxSecrets.
func (i Instance) PutNamedSecret(ctx context.Context, s NamedSecret, to *seal.PublicKey) (replaced bool, err error) {
	k, at := i.Bucket(BucketSecrets), i.namedKey(s.Owner, s.Name)
	keys, err := k.Keys(ctx, i.Token+".*."+namedToken+".*")
	if err != nil {
		return false, err
	}
	replaced = slices.ContainsFunc(keys, func(v Value) bool { return v.Key == at })
	if !replaced && len(keys) >= action.MaxSecrets {
		return false, action.NewError(action.CodeTooLarge, action.StageStore, fmt.Sprintf("the instance has %d secrets, as many as may be: delete some", len(keys)))
	}
	if to != nil {
		if s.Value, err = to.Seal(s.Value, namedRecord(i.ID, s.Owner, s.Name)); err != nil {
			return false, action.NewError(action.CodeInternal, action.StageStore, "the secret could not be sealed").WithCause(err)
		}
	}
	s.Format = action.Format
	raw, err := json.Marshal(s)
	if err != nil {
		return false, action.NewError(action.CodeInternal, action.StageStore, "").WithCause(err)
	}
	return replaced, k.Put(ctx, at, raw)
}

// NamedSecret reads one; ok is false when there is none that can be read.
func (i Instance) NamedSecret(ctx context.Context, owner, name string) (s NamedSecret, ok bool, err error) {
	k := i.Bucket(BucketSecrets)
	v, ok, err := k.Get(ctx, i.namedKey(owner, name))
	if err != nil || !ok {
		return s, false, err
	}
	_, s, err = readNamed(v)
	return s, k.Judge(v, err), nil
}

// NamedSecrets lists them, by the organization, then the name. What cannot be read is
// left out.
func (i Instance) NamedSecrets(ctx context.Context) (all []NamedSecret, err error) {
	k := i.Bucket(BucketSecrets)
	err = k.Each(ctx, i.Token+".*."+namedToken+".*", func(v Value) error {
		if _, s, err := readNamed(v); k.Judge(v, err) {
			all = append(all, s)
		}
		return nil
	})
	slices.SortFunc(all, func(a, b NamedSecret) int { return cmp.Or(cmp.Compare(a.Owner, b.Owner), cmp.Compare(a.Name, b.Name)) })
	return all, err
}

// DeleteNamedSecret removes one, and tells whether there was one.
func (i Instance) DeleteNamedSecret(ctx context.Context, owner, name string) (bool, error) {
	k, at := i.Bucket(BucketSecrets), i.namedKey(owner, name)
	_, there, err := k.Get(ctx, at)
	if err != nil || !there {
		return false, err
	}
	return true, k.Purge(ctx, at)
}

// readNamed reads an entry of a named secret; a removed one has no value.
func readNamed(v Value) (instance string, s NamedSecret, err error) {
	tokens := strings.Split(v.Key, ".")
	if len(tokens) != 4 || tokens[2] != namedToken {
		return "", s, errors.New("is not the key of a named secret")
	}
	of, err := readTargetKey([]string{tokens[0], tokens[1], tokens[3]})
	if err == nil && v.Bytes != nil {
		if err = Decode(v.Bytes, &s); err == nil {
			err = cmp.Or(action.CheckFormat(s.Format), checkSecret(s.Value))
		}
	}
	s.Owner, s.Name = of.Owner, of.Name
	return of.Instance, s, err
}
