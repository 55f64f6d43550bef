package work

import (
	"context"
	"errors"
	"maps"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/seal"
)

// headers are those of a target whose values its definition does not hold.
type headers struct {
	kept   bus.TargetSecrets // with those that a dispatcher has read
	opened map[string]string
	before map[string]string // of the ring before this one, what this one has not: a catalog that is still in force may ask for it

	values map[string]string // all of them, as they were put together last
	by     map[string]action.SecretSource
	turn   uint64
}

// namedSecret is one that was set by its name.
type namedSecret struct {
	bus.NamedSecret
	value string // opened; "" = not asked for yet
	err   error
}

// readsHeaders tells whether a dispatcher must have read values of headers of a target.
func readsHeaders(t *action.Target) bool {
	for _, from := range t.HeaderSources {
		if from.IsRead() {
			return true
		}
	}
	return false
}

// follows takes the values over that an edit is about to make superfluous, and that are
// asked for until its catalog is here.
func (r *ring) follows(was *ring) {
	if was == nil {
		return
	}
	for name, value := range was.sent.opened {
		if _, kept := r.sent.kept.Headers[name]; kept {
			continue
		}
		if r.sent.before == nil {
			r.sent.before = map[string]string{}
		}
		r.sent.before[name] = value
	}
}

// setNamed hears of a named secret; one without a value was removed.
func (k *keys) setNamed(instance string, s bus.NamedSecret) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.turns++
	at := bus.TargetKey{Instance: instance, Owner: s.Owner, Name: s.Name}
	if was := k.named[at]; was != nil {
		k.countIDs(sealedIDs(was.Value), -1)
		delete(k.named, at)
	}
	if s.Value != "" {
		k.countIDs(sealedIDs(s.Value), 1)
		k.named[at] = &namedSecret{NamedSecret: s}
	}
}

func sealedIDs(text string) []string {
	if id, err := seal.KeyID(text); err == nil {
		return []string{id}
	}
	return nil
}

// headersOf gives the values of those headers of a claim's target that its definition
// does not hold.
func (w *Worker) headersOf(ctx context.Context, instance string, c *claim) (map[string]string, error) {
	return w.keys.headers(ctx, instance, c.owner, c.target, c.left)
}

// headers gives the values of those headers of a target that its definition does not
// hold, by their names; left is its id when it has left. A target is never called without
// one of them: where one is missing, or cannot be opened, what is to be sent waits. The
// map is shared and must not be written to.
func (k *keys) headers(ctx context.Context, instance, owner string, t *action.Target, left string) (map[string]string, error) {
	if len(t.HeaderSources) == 0 {
		return nil, nil //nolint:nilnil // nearly all targets have none
	}
	k.mu.Lock()
	values, err := k.together(instance, owner, t, left)
	k.mu.Unlock()
	if err == nil || !errors.Is(err, errLacking) {
		return values, err
	}
	// The watch may be a moment behind the catalog.
	if err := k.catchUp(ctx, instance, owner, t, left); err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.together(instance, owner, t, left)
}

// together puts the values together, where something has changed since that was done
// last. It is for who holds the lock.
func (k *keys) together(instance, owner string, t *action.Target, left string) (map[string]string, error) {
	r := k.of[bus.TargetKey{Instance: instance, Owner: owner, Name: t.Name}]
	if left != "" {
		r = k.left[departure{instance, owner, left}]
	}
	if r == nil {
		return nil, action.NewError(action.CodeInternal, action.StageInvoke, "nothing is kept of the secrets of the target").WithTarget(t.Name).WithCause(errLacking)
	}
	if r.sent.values != nil && r.sent.turn == k.turns && maps.Equal(r.sent.by, t.HeaderSources) {
		return r.sent.values, nil
	}
	values := make(map[string]string, len(t.HeaderSources))
	for name, from := range t.HeaderSources {
		var err error
		if from.Secret != "" {
			values[name], err = k.namedValue(bus.TargetKey{Instance: instance, Owner: owner, Name: from.Secret})
		} else {
			values[name], err = r.header(k.with, instance, owner, name)
		}
		if err == nil && catalog.CheckHeaderValue(values[name]) != "" {
			err = action.NewError(action.CodeInternal, action.StageInvoke, "what is kept for the header "+name+" cannot be the value of a header")
		}
		if err != nil {
			return nil, err
		}
	}
	r.sent.values, r.sent.by, r.sent.turn = values, t.HeaderSources, k.turns
	return values, nil
}

// header opens a value that a dispatcher has read.
func (r *ring) header(with seal.Ring, instance, owner, name string) (string, error) {
	if value := r.sent.opened[name]; value != "" {
		return value, nil
	}
	value, ok, err := r.sent.kept.OpenHeader(with, instance, owner, name)
	if err != nil {
		return "", err
	}
	if !ok {
		if value = r.sent.before[name]; value != "" {
			return value, nil
		}
		return "", action.NewError(action.CodeInternal, action.StageInvoke, "the value of the header "+name+" is not kept: apply the configuration of the target again").WithCause(errLacking)
	}
	if r.sent.opened == nil {
		r.sent.opened = map[string]string{}
	}
	r.sent.opened[name] = value
	return value, nil
}

// namedValue opens a named secret.
func (k *keys) namedValue(at bus.TargetKey) (string, error) {
	s := k.named[at]
	if s == nil {
		how := "callout secret set"
		if at.Owner != "" {
			how += " --org " + at.Owner
		}
		return "", action.NewError(action.CodeInternal, action.StageInvoke, "the secret "+at.Name+" is not set: "+how+" "+at.Name).WithCause(errLacking)
	}
	if s.value == "" && s.err == nil {
		s.value, s.err = s.Open(k.with, at.Instance)
	}
	return s.value, s.err
}

// errLacking is the cause of the error of what is not known here, and may be in the
// store.
var errLacking = errors.New("it is not among what this worker has heard of")

// catchUp reads what a target needs where it is stored.
func (k *keys) catchUp(ctx context.Context, instance, owner string, t *action.Target, left string) error {
	i := k.bus.Instance(instance)
	for _, from := range t.HeaderSources {
		if from.Secret == "" {
			continue
		}
		s, ok, err := i.NamedSecret(ctx, owner, from.Secret)
		if err != nil {
			return err
		}
		k.mu.Lock()
		known := k.named[bus.TargetKey{Instance: instance, Owner: owner, Name: from.Secret}] != nil
		k.mu.Unlock()
		if ok && !known { // what the watch has told meanwhile is newer
			k.setNamed(instance, s)
		}
	}
	if !readsHeaders(t) || left != "" { // of one that has left the keys were asked for, and come together
		return nil
	}
	text, ok, err := i.Secret(ctx, owner, t.Name)
	if err != nil || !ok {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.put(bus.TargetKey{Instance: instance, Owner: owner, Name: t.Name}, newRing(k.with, instance, owner, text))
	return nil
}
