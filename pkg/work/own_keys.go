package work

import (
	"context"
	"sync"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/seal"
	"github.com/callout-hq/callout/pkg/sign"
)

// ownKeys holds the keys of the instances themselves, and the public keys of targets, by
// watching. A private half is opened and read when something is to be signed with it for
// the first time, and an encrypter is made once for each public key.
type ownKeys struct {
	bus    *bus.Bus
	with   seal.Ring // opens those that are sealed
	mu     sync.Mutex
	sets   map[string]bus.OwnKeys // by instance
	halves map[half]string        // as they are stored
	opened map[half]*sign.OwnKey
	public map[receiver]bus.PublicKeys
	made   map[receiver]madeEncrypter
}

type half struct{ instance, kid string }

// receiver is a target by its id.
type receiver struct{ instance, id string }

// madeEncrypter is the encrypter of the key that is in use.
type madeEncrypter struct {
	key string
	of  *sign.Encrypter
}

func newOwnKeys(b *bus.Bus, with seal.Ring) *ownKeys {
	return &ownKeys{bus: b, with: with, sets: map[string]bus.OwnKeys{}, halves: map[half]string{}, opened: map[half]*sign.OwnKey{},
		public: map[receiver]bus.PublicKeys{}, made: map[receiver]madeEncrypter{}}
}

// set hears of an entry.
func (o *ownKeys) set(e bus.KeyEntry) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch h, r := (half{e.Instance, e.Kid}), (receiver{e.Instance, e.Target}); {
	case e.Kid != "" && e.Gone:
		delete(o.halves, h)
		delete(o.opened, h)
	case e.Kid != "":
		o.halves[h] = e.Half // one that is sealed anew is the same, and stays open
	case e.Target != "" && e.Gone:
		delete(o.public, r)
		delete(o.made, r)
	case e.Target != "":
		o.public[r] = e.Public
	case e.Gone:
		delete(o.sets, e.Instance)
	default:
		o.sets[e.Instance] = e.Own
	}
}

// signing gives the key of an instance that signs with an algorithm now. The error is
// internal while there is none: what is to be signed waits for a dispatcher, which makes
// it.
func (o *ownKeys) signing(ctx context.Context, instance string, a action.Algorithm) (*sign.OwnKey, error) {
	i := o.bus.Instance(instance)
	o.mu.Lock()
	key, ok := o.sets[instance].Signing(a, time.Now())
	o.mu.Unlock()
	if !ok { // the watch may be a moment behind the catalog
		keys, _, err := i.OwnKeys(ctx)
		if err != nil {
			return nil, err
		}
		if key, ok = keys.Signing(a, time.Now()); !ok {
			return nil, action.NewError(action.CodeInternal, action.StageInvoke, "the instance has no key that signs with "+string(a)+" yet: a dispatcher makes it in a moment")
		}
	}
	at := half{instance, key.ID}
	o.mu.Lock()
	opened, stored := o.opened[at], o.halves[at]
	o.mu.Unlock()
	if opened != nil {
		return opened, nil
	}
	return o.open(ctx, i, key, stored)
}

// open opens the private half of a key, which stays open.
func (o *ownKeys) open(ctx context.Context, i bus.Instance, key bus.OwnKey, stored string) (*sign.OwnKey, error) {
	if stored == "" {
		var err error
		if stored, err = i.PrivateHalf(ctx, key.ID); err != nil {
			return nil, action.AsError(err, action.StageInvoke)
		}
	}
	if stored == "" {
		return nil, action.NewError(action.CodeInternal, action.StageInvoke, "the private half of the instance's key is not kept: rotate the key with a lead of 0s")
	}
	text, err := i.OpenHalf(o.with, key.ID, stored)
	if err != nil {
		return nil, err
	}
	opened, err := sign.OpenPair(key.ID, key.Algorithm, text)
	if err != nil {
		return nil, action.NewError(action.CodeInternal, action.StageInvoke, "the private half of the instance's key is of another key: rotate the key with a lead of 0s").WithCause(err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.opened[half{i.ID, key.ID}] = opened
	return opened, nil
}

// encrypter gives what the requests to a target are encrypted with, and fails with
// no_public_key where there is no key that may be used.
func (o *ownKeys) encrypter(ctx context.Context, instance, target string) (*sign.Encrypter, error) {
	r := receiver{instance, target}
	o.mu.Lock()
	keys, known := o.public[r]
	made := o.made[r]
	o.mu.Unlock()
	key, err := keys.InUse(time.Now())
	if err != nil || !known { // the watch may be a moment behind who added it
		if target == "" {
			return nil, err
		}
		if keys, _, err = o.bus.Instance(instance).PublicKeys(ctx, target); err != nil {
			return nil, err
		}
		if key, err = keys.InUse(time.Now()); err != nil {
			return nil, err
		}
	}
	if made.key == key.ID {
		return made.of, nil
	}
	to, err := sign.ParsePublicKey(key.PEM)
	if err == nil {
		made = madeEncrypter{key: key.ID}
		made.of, err = to.Encrypter(key.ID)
	}
	if err != nil {
		return nil, action.NewError(action.CodeNoPublicKey, action.StageInvoke, "the public key "+key.ID+" of the target cannot be used: add another one").WithCause(err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.made[r] = made
	return made.of, nil
}

// unopened counts the private halves that are sealed for a key which this worker does not
// have, by the id of that one.
func (o *ownKeys) unopened() map[string]int {
	counts := map[string]int{}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, stored := range o.halves {
		if id := (bus.KeyEntry{Half: stored}).SealedFor(); id != "" && !o.with.Has(id) {
			counts[id]++
		}
	}
	return counts
}

// older are the instances with keys that are sealed for an older key of this worker.
func (o *ownKeys) older() map[string]bool {
	found := map[string]bool{}
	o.mu.Lock()
	defer o.mu.Unlock()
	for at, stored := range o.halves {
		if id := (bus.KeyEntry{Half: stored}).SealedFor(); id != "" && id != o.with[0].ID() && o.with.Has(id) {
			found[at.instance] = true
		}
	}
	return found
}
