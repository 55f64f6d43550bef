package dispatch

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/present"
	"github.com/callout-hq/callout/pkg/seal"
)

// sealing is how a dispatcher stores secrets: sealed, when it has a key to seal
// for, and as they are otherwise. It cannot open what is sealed. Whether what
// comes from a file or a variable is something else than what is stored it
// knows of those alone that it sealed itself: of each it remembers what it stored and a
// fingerprint, keyed by what this process made up and tells nobody. A fingerprint in
// the store would be one that whoever has the store can try weak keys against. So
// another process, or this one started again, seals such a key once more when its
// configuration is applied, which changes what is stored and not what signs.
type sealing struct {
	to    *seal.PublicKey // nil = nothing is sealed
	once  sync.Once
	by    []byte // keys the fingerprints
	mu    sync.Mutex
	known map[bus.TargetKey]sealedHere
}

// sealedHere is what this process has read and sealed.
type sealedHere struct {
	text  string // as it is stored
	print [sha256.Size]byte
}

func (s *sealing) print(key string) (sum [sha256.Size]byte) {
	s.once.Do(func() {
		s.by = make([]byte, sha256.Size)
		rand.Read(s.by) // never fails
	})
	mac := hmac.New(sha256.New, s.by)
	mac.Write([]byte(key))
	mac.Sum(sum[:0])
	return sum
}

// keep gives the text that is to be stored of a target's secrets: what is sealed in it
// stays as it is. read is what was read of it, see secretsOf.
func (s *sealing) keep(of bus.TargetKey, text, read string) (string, error) {
	if s.to == nil {
		return text, nil
	}
	secrets, err := bus.ReadTargetSecrets(text)
	if err != nil {
		return "", err
	}
	if secrets.AreSealed() {
		return text, nil
	}
	if secrets, err = secrets.Seal(*s.to, of.Instance, of.Owner); err != nil {
		return "", err
	}
	stored, err := secrets.Text()
	if err == nil && read != "" {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.known == nil {
			s.known = map[bus.TargetKey]sealedHere{}
		}
		s.known[of] = sealedHere{stored, s.print(read)}
	}
	return stored, err
}

// isStored tells whether what was read where it comes from is what is stored.
func (s *sealing) isStored(of bus.TargetKey, secrets secretsOf, stored string) bool {
	if s.to == nil {
		return secrets.text == stored
	}
	s.mu.Lock()
	known, is := s.known[of]
	s.mu.Unlock()
	return is && known.text == stored && known.print == s.print(secrets.read)
}

// targetKey names a target in the whole installation.
func (i *Instance) targetKey(owner, target string) bus.TargetKey {
	return bus.TargetKey{Instance: i.ID, Owner: owner, Name: target}
}

// keepText is the text of a target's secrets as it is to be stored.
func (i *Instance) keepText(owner, target, text, read string) (bus.NewSecret, error) {
	stored, err := i.dispatcher.sealing.keep(i.targetKey(owner, target), text, read)
	return bus.NewSecret{Owner: owner, Target: target, Key: stored}, err
}

// keepSecret are the secrets of a target as they are to be stored.
func (i *Instance) keepSecret(t keyed, secrets secretsOf) (bus.NewSecret, error) {
	return i.keepText(t.owner, t.Name, secrets.text, secrets.read)
}

// addSecret adds the secrets of a target to those that are to be stored.
func (i *Instance) addSecret(all []bus.NewSecret, t keyed, secrets secretsOf) ([]bus.NewSecret, error) {
	kept, err := i.keepSecret(t, secrets)
	return append(all, kept), err
}

// putSecret stores the secrets of a target, whatever stands there.
func (i *Instance) putSecret(ctx context.Context, t keyed, secrets secretsOf) error {
	kept, err := i.keepSecret(t, secrets)
	if err != nil {
		return err
	}
	return i.bus.PutSecrets(ctx, []bus.NewSecret{kept})
}

// isKept tells whether what secretsFor gave is what is stored of a target already: a key
// that is made is, whenever there is one.
func (i *Instance) isKept(t keyed, secrets secretsOf, stored string) bool {
	if secrets.read == "" {
		return secrets.text == stored
	}
	return i.dispatcher.sealing.isStored(i.targetKey(t.owner, t.Name), secrets, stored)
}

// sealKeys seals what lies open of the instance's secrets, for who was started
// with a key to seal for: those that stood before, and those that a dispatcher without
// one has made meanwhile.
func (i *Instance) sealKeys(ctx context.Context) error {
	if !i.hasOpenKeys() {
		return i.sealHalves(ctx)
	}
	to := i.dispatcher.sealing.to
	sealed, err := i.bus.SealSecrets(ctx, *to)
	if sealed > 0 {
		i.log.Info().Int("keys", sealed).Str("seal_key", to.ID()).Msg("secrets that lay open are sealed")
	}
	if err != nil {
		return err
	}
	return i.sealHalves(ctx)
}

// hasOpenKeys tells whether there is anything for sealKeys to do, by what this process
// remembers.
func (i *Instance) hasOpenKeys() bool {
	return i.dispatcher.sealing.to != nil && i.dispatcher.health.secrets.Any(i.bus.Token+".", bus.HasOpenSecrets)
}

// unopened says, in words, what keeps secrets from being sealed or opened.
func (d *Dispatcher) unopened(ctx context.Context) (words []string) {
	sealed := d.health.secrets.Any("", func(v bus.Value) bool { return len(bus.SealedSecrets(v)) > 0 })
	if !sealed {
		return nil
	}
	if d.sealing.to == nil {
		words = append(words, "secrets are sealed, and this dispatcher stores what it makes as it is: start it with --seal-to")
	}
	workers, err := present.List(ctx, d.bus, action.RoleWorker)
	if err != nil {
		return words // that NATS is away is said elsewhere
	}
	for _, w := range workers {
		for _, id := range slices.Sorted(maps.Keys(w.Unopened)) {
			words = append(words, fmt.Sprintf("worker %s on %q lacks the key %s, for which %d secrets are sealed: start it with --open-with and the file of that key; what they are needed for waits",
				w.ID, w.Host, id, w.Unopened[id]))
		}
	}
	return words
}
