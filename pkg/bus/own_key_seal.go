package bus

import (
	"context"
	"encoding/json"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/seal"
)

// HasOpenHalf tells of an entry of the bucket of keys whether it is a private half that
// is not sealed.
func (e KeyEntry) HasOpenHalf() bool { return e.Half != "" && !seal.IsSealed(e.Half) }

// SealedFor is the id of the key that a private half is sealed for; "" when it is not.
func (e KeyEntry) SealedFor() string {
	id, _ := seal.KeyID(e.Half)
	return id
}

// SealHalves seals the private halves of the instance's keys that are not sealed, and
// tells how many that were. What somebody writes meanwhile stays as he writes it.
func (i Instance) SealHalves(ctx context.Context, to seal.PublicKey) (sealed int, err error) {
	return i.rewriteHalves(ctx, func(e KeyEntry) (string, bool) { return e.Half, e.HasOpenHalf() }, to)
}

// ResealHalves seals for the newest key of a ring those that are sealed for another of
// it, and tells how many that were.
func (i Instance) ResealHalves(ctx context.Context, ring seal.Ring) (sealed int, err error) {
	if len(ring) < 2 {
		return 0, nil
	}
	return i.rewriteHalves(ctx, func(e KeyEntry) (string, bool) {
		id := e.SealedFor()
		if id == "" || id == ring[0].ID() || !ring.Has(id) {
			return "", false
		}
		text, err := i.OpenHalf(ring, e.Kid, e.Half)
		return text, err == nil // who is to sign with one that cannot be opened says so
	}, ring[0].Public())
}

func (i Instance) rewriteHalves(ctx context.Context, text func(KeyEntry) (string, bool), to seal.PublicKey) (all int, err error) {
	k := i.Bucket(BucketKeys)
	var todo []Value
	err = k.Each(ctx, i.Token+"."+tokenOwn+".*", func(v Value) error {
		e, err := readKeyEntry(v)
		if err != nil {
			return nil // what cannot be read is named elsewhere
		}
		private, is := text(e)
		if !is {
			return nil
		}
		again, err := to.Seal(private, halfRecord(i.ID, e.Kid))
		if err != nil {
			return err
		}
		v.Bytes, err = json.Marshal(privateHalf{again, action.Format})
		todo = append(todo, v)
		return err
	})
	for _, v := range todo {
		switch _, err := k.Update(ctx, v.Key, v.Bytes, v.Revision); action.CodeOf(err) {
		case "":
			all++
		case action.CodeConflict:
		default:
			return all, err
		}
	}
	return all, err
}
