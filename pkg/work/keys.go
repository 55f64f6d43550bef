package work

import (
	"context"
	"sync"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/seal"
	"github.com/callout-hq/callout/pkg/sign"
)

// keys holds the signing keys of all targets, and what else of them is secret, by
// watching.
type keys struct {
	bus   *bus.Bus
	with  seal.Ring // opens those that are sealed
	mu    sync.Mutex
	of    map[bus.TargetKey]*ring
	left  map[departure]*ring // of targets that have left
	named map[bus.TargetKey]*namedSecret
	turns uint64 // how often a named secret has changed

	sealed map[string]int // how many secrets are sealed, by the id of the key that they are for
}

// departure names a target that has left by its id: another may have its name.
type departure struct{ instance, owner, id string }

func newKeys(b *bus.Bus, with seal.Ring) *keys {
	return &keys{bus: b, with: with, of: map[bus.TargetKey]*ring{}, left: map[departure]*ring{}, named: map[bus.TargetKey]*namedSecret{}, sealed: map[string]int{}}
}

func (k *keys) set(of bus.TargetKey, secret string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if secret == "" {
		k.count(k.of[of], nil)
		delete(k.of, of)
		return
	}
	k.put(of, newRing(k.with, of.Instance, of.Owner, secret))
}

// put has a ring take the place of the one that a target had. It is for who holds the
// lock, as is count.
func (k *keys) put(of bus.TargetKey, r *ring) {
	r.follows(k.of[of])
	k.count(k.of[of], r)
	k.of[of] = r
}

// count counts what is sealed, as one ring takes the place of another.
func (k *keys) count(was, is *ring) {
	if was != nil {
		k.countIDs(was.sealedFor, -1)
	}
	if is != nil {
		k.countIDs(is.sealedFor, 1)
	}
}

func (k *keys) countIDs(ids []string, by int) {
	for _, id := range ids {
		if k.sealed[id] += by; k.sealed[id] == 0 {
			delete(k.sealed, id)
		}
	}
}

func (k *keys) setDeparted(instance string, t bus.Departed) {
	k.mu.Lock()
	defer k.mu.Unlock()
	of := departure{instance, t.Owner, t.ID}
	if t.Key == "" {
		k.count(k.left[of], nil)
		delete(k.left, of)
		return
	}
	r := newRing(k.with, instance, t.Owner, t.Key)
	k.count(k.left[of], r)
	k.left[of] = r
}

// keysOf gives the keys that the requests of a claim are signed with. Those of a
// target that has left are kept under its id: another may have its name.
func (w *Worker) keysOf(ctx context.Context, instance string, c *claim) ([]string, error) {
	if c.left == "" {
		return w.keys.get(ctx, instance, c.owner, c.target)
	}
	return w.keys.departed(ctx, instance, c)
}

// get gives the keys a target's requests are signed with. A target is never
// called unsigned: where a key is sealed that this worker cannot open, what is to be
// signed waits for another, or for this one to be given its key. A key that is made, and is missing all the same, is made
// again: nobody else would. The slice is shared and must not be written to.
func (k *keys) get(ctx context.Context, instance, owner string, t *action.Target) ([]string, error) {
	of := bus.TargetKey{Instance: instance, Owner: owner, Name: t.Name}
	k.mu.Lock()
	known, err := k.of[of].signing()
	k.mu.Unlock()
	if known != nil || err != nil {
		return known, err
	}
	// The watch may be a moment behind the catalog.
	i := k.bus.Instance(instance)
	secret, ok, err := i.Secret(ctx, owner, t.Name)
	if err == nil && !ok && t.SigningKey == (action.KeySource{}) && !readsHeaders(t) {
		secret, err = k.make(ctx, i, owner, t.Name)
		ok = err == nil
		k.bus.Log().Warn().Str("instance", instance).Str("target", t.Name).Bool("made", ok).Msg("a target had no signing key: a new one is made")
	}
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, action.NewError(action.CodeInternal, action.StageInvoke, "the target has no signing key").WithTarget(t.Name)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.of[of] == nil { // what the watch has told meanwhile is newer
		k.put(of, newRing(k.with, instance, owner, secret))
	}
	return k.of[of].signing()
}

// make makes the key of a target that has none, sealed for the newest key of this
// worker, if any.
func (k *keys) make(ctx context.Context, i bus.Instance, owner, target string) (string, error) {
	made := bus.SigningKeys{{Key: sign.NewKey()}}
	if len(k.with) > 0 {
		var err error
		if made, err = made.Seal(k.with[0].Public(), i.ID, owner); err != nil {
			return "", err
		}
	}
	text, err := made.Text()
	if err != nil {
		return "", err
	}
	return i.MakeSecret(ctx, owner, target, text)
}

// departed gives the key of a target that has left.
func (k *keys) departed(ctx context.Context, instance string, c *claim) ([]string, error) {
	k.mu.Lock()
	known, err := k.left[departure{instance, c.owner, c.left}].signing()
	k.mu.Unlock()
	if known != nil || err != nil {
		return known, err
	}
	// The watch may be a moment behind the catalog.
	key, err := k.bus.Instance(instance).DepartedKey(ctx, c.owner, c.left)
	if err == nil && key == "" {
		err = action.NewError(action.CodeInternal, action.StageInvoke, "the target has left, and its signing key is not kept").WithTarget(c.target.Name)
	}
	if err != nil {
		return nil, err
	}
	k.setDeparted(instance, bus.Departed{Owner: c.owner, ID: c.left, Key: key})
	return newRing(k.with, instance, c.owner, key).signing()
}
