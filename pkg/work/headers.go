package work

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/invoke"
	"github.com/callout-hq/callout/pkg/seal"
)

// sent is what goes along with the requests of a target and its definition does not hold.
// It is shared and must not be written to.
type sent struct {
	headers map[string]string
	tls     *invoke.Identity // nil = its definition says all of it
}

// headers are those of a target whose values its definition does not hold, and parts of
// its TLS.
type headers struct {
	kept   bus.TargetSecrets // with those that a dispatcher has read
	opened map[string]string
	before map[string]string // of the ring before this one, what this one has not: a catalog that is still in force may ask for it

	values *sent // all of them, as they were put together last
	by     map[string]action.SecretSource
	tls    action.TLS
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
	return t.TLS.CAFrom.IsRead() || t.TLS.CertificateFrom.IsRead() || t.TLS.Key.IsRead()
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

// sentTo gives what goes along with the requests of a claim's target and its definition
// does not hold.
func (w *Worker) sentTo(ctx context.Context, instance string, c *claim) (*sent, error) {
	return w.keys.sent(ctx, instance, c.owner, c.target, c.left)
}

// nothing is what nearly all targets have.
var nothing = &sent{}

// sent gives what goes along with the requests of a target and its definition does not
// hold; left is its id when it has left. A target is never called without
// one of them: where one is missing, or cannot be opened, what is to be sent waits.
func (k *keys) sent(ctx context.Context, instance, owner string, t *action.Target, left string) (*sent, error) {
	if len(t.HeaderSources) == 0 && !t.TLS.HasSources() {
		return nothing, nil
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
func (k *keys) together(instance, owner string, t *action.Target, left string) (*sent, error) {
	r := k.of[bus.TargetKey{Instance: instance, Owner: owner, Name: t.Name}]
	if left != "" {
		r = k.left[departure{instance, owner, left}]
	}
	switch {
	case r != nil:
	case readsHeaders(t):
		return nil, action.NewError(action.CodeInternal, action.StageInvoke, "nothing is kept of the secrets of the target").WithTarget(t.Name).WithCause(errLacking)
	default: // of one that is tried and not stored nothing is kept, and it names what it needs
		r = &ring{}
	}
	if r.sent.values != nil && r.sent.turn == k.turns && maps.Equal(r.sent.by, t.HeaderSources) && r.sent.tls == t.TLS {
		return r.sent.values, nil
	}
	values := make(map[string]string, len(t.HeaderSources))
	for name, from := range t.HeaderSources {
		value, err := k.value(r, instance, owner, name, from)
		if err == nil && catalog.CheckHeaderValue(value) != "" {
			err = action.NewError(action.CodeInternal, action.StageInvoke, "what is kept for the header "+name+" cannot be the value of a header")
		}
		if err != nil {
			return nil, err
		}
		values[name] = value
	}
	shown, err := k.identity(r, instance, owner, t)
	if err != nil {
		return nil, err
	}
	r.sent.values, r.sent.by, r.sent.tls, r.sent.turn = &sent{values, shown}, t.HeaderSources, t.TLS, k.turns
	return r.sent.values, nil
}

// value gives what stands where a header, or a part of TLS, comes from.
func (k *keys) value(r *ring, instance, owner, name string, from action.SecretSource) (string, error) {
	if from.Secret != "" {
		return k.namedValue(bus.TargetKey{Instance: instance, Owner: owner, Name: from.Secret})
	}
	return r.header(k.with, instance, owner, name)
}

// identity reads what of a target's TLS comes from elsewhere, where anything does.
func (k *keys) identity(r *ring, instance, owner string, t *action.Target) (*invoke.Identity, error) {
	if !t.TLS.HasSources() {
		return nil, nil //nolint:nilnil // its definition says all of it
	}
	parts := map[string]string{action.PartCA: t.TLS.CA, action.PartCertificate: t.TLS.Certificate}
	for name, from := range t.TLS.Sources() {
		var err error
		if parts[name], err = k.value(r, instance, owner, name, from); err != nil {
			return nil, err
		}
	}
	shown, err := invoke.NewIdentity(parts[action.PartCA], parts[action.PartCertificate], parts[action.PartKey])
	if err != nil {
		return nil, err.WithTarget(t.Name)
	}
	if says, _ := shown.Ends(time.Now()); says != "" {
		k.bus.Log().Warn().Str("instance", instance).Str("org", owner).Str("target", t.Name).Msg("the client certificate of a target: " + says)
	}
	return shown, nil
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
		return "", action.NewError(action.CodeInternal, action.StageInvoke, theValueOf(name)+" is not kept: apply the configuration of the target again").WithCause(errLacking)
	}
	if r.sent.opened == nil {
		r.sent.opened = map[string]string{}
	}
	r.sent.opened[name] = value
	return value, nil
}

func theValueOf(name string) string {
	if part, is := action.IsPart(name); is {
		return "what tls." + part + " names"
	}
	return "the value of the header " + name
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
	for _, from := range t.Sources() {
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
