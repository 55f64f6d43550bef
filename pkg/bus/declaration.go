package bus

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/wire"
)

// BucketDeclared holds what each core of an instance has declared, one value a
// core. Cores write to it themselves, in any language:
//
//	$KV.callout_declared.<instance>.<core>   {"core","methods","functions","event_types"}
const BucketDeclared = wire.BucketDeclared

func (i Instance) declaredKey(core string) string { return i.Token + "." + wire.Token(core) }

// Declare stores what a core can be extended at, in the place of what it
// declared before; a declaration without names takes that back. An instance
// that is not there yet may be declared for. The errors are those of
// catalog.Declaration.Check; too_large for more than the bus carries; unavailable
// while NATS is away, missing while no dispatcher has prepared it. That another
// core is one too many is not known here: who declares may read nothing of others.
// Dispatchers leave out those that declared last, and say so.
func (i Instance) Declare(ctx context.Context, d catalog.Declaration) error {
	if i.ID == "" || action.CheckID(i.ID) != nil {
		return action.NewError(action.CodeBadField, action.StageDecode, "an instance has an id of at most 200 bytes without control characters").WithField("instance")
	}
	raw, err := d.Encode()
	if err != nil {
		return err
	}
	key := i.declaredKey(d.Core)
	if d.Names() == 0 {
		return i.Bucket(BucketDeclared).Purge(ctx, key)
	}
	return i.Bucket(BucketDeclared).Put(ctx, key, raw)
}

// Declared reads what the cores of an instance have declared, as it is stored
// now. What cannot be read, and what comes after as many cores as an instance may
// have, is left out and named.
func (i Instance) Declared(ctx context.Context) (*catalog.Declared, error) {
	var cores []catalog.Declaration
	var all []Value
	err := i.Bucket(BucketDeclared).Each(ctx, i.Token+".*", func(v Value) error {
		all = append(all, v)
		if d, ok := i.declaration(v, len(cores)); ok {
			cores = append(cores, d)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	declared := catalog.Gather(cores)
	declared.Revision = revisionOf(all)
	return declared, nil
}

// DeclaredRevision gives the Revision that Declared would have, and reads no declaration for
// it. isThere tells whether a core of that name has declared something, readable or not.
func (i Instance) DeclaredRevision(ctx context.Context, core string) (revision string, isThere bool, err error) {
	all, err := i.Bucket(BucketDeclared).Keys(ctx, i.Token+".*")
	if err != nil {
		return "", false, err
	}
	key := i.declaredKey(core)
	return revisionOf(all), slices.ContainsFunc(all, func(v Value) bool { return v.Key == key }), nil
}

// revisionOf names what stands under some keys: what is stored again has another place, and
// in a bucket that was made again another time.
func revisionOf(all []Value) string {
	sum := sha256.New()
	for _, v := range all {
		fmt.Fprintf(sum, "%s %d %d\n", v.Key, v.Revision, v.At.UnixNano())
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

// errTooManyCores is why a declaration is left out that could be read.
var errTooManyCores = fmt.Errorf("%d cores of the instance have declared before: take one back", catalog.MaxCores)

func (i Instance) declaration(v Value, before int) (catalog.Declaration, bool) {
	d, err := readDeclaration(v)
	if err == nil && before >= catalog.MaxCores {
		err = errTooManyCores
	}
	d.Declared = v.At
	return d, i.Bucket(BucketDeclared).Judge(v, err)
}

func readDeclaration(v Value) (catalog.Declaration, error) {
	d, err := catalog.DecodeDeclaration(v.Bytes)
	instance, token, _ := strings.Cut(v.Key, ".")
	if err == nil && wire.Token(d.Core) != token {
		err = errors.New("it names another core than its key")
	}
	if err == nil {
		_, err = readToken(instance)
	}
	return d, err
}

// CheckDeclaration is why a declaration cannot be read; nil = it can.
func CheckDeclaration(v Value) error {
	_, err := readDeclaration(v)
	return err
}

// StrangeInDeclaration names a member of a declaration that means nothing, and is passed
// over; "" when there is none, or when it cannot be read at all.
func StrangeInDeclaration(v Value) string { return catalog.StrangeInDeclaration(v.Bytes) }

// How long one try to declare takes at most, and how soon the next comes.
const (
	declareFor   = 5 * time.Second
	declareSoon  = 50 * time.Millisecond
	declareAgain = 2 * time.Second
)

// KeepDeclaring declares until it is stored, ctx ends, or the declaration is
// refused: after a while, and at once when the connection has been made anew.
func (i Instance) KeepDeclaring(ctx context.Context, d catalog.Declaration) error {
	for wait := declareSoon; ; wait = min(2*wait, declareAgain) {
		renewed := i.Renewed()
		err := i.declareOnce(ctx, d)
		switch action.CodeOf(err) {
		case "", action.CodeBadField, action.CodeTooLarge:
			return err
		}
		if ctx.Err() != nil {
			return err
		}
		i.log.Debug().Err(err).Str("core", d.Core).Msg("conditions not declared yet")
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-renewed:
			wait = declareSoon
		case <-timer.C:
		}
		timer.Stop()
	}
}

func (i Instance) declareOnce(ctx context.Context, d catalog.Declaration) error {
	ctx, cancel := context.WithTimeout(ctx, declareFor)
	defer cancel()
	return i.Declare(ctx, d)
}
