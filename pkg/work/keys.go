package work

import (
	"context"
	"sync"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
)

// keys holds the signing keys of all targets.
type keys struct {
	bus *bus.Bus
	mu  sync.Mutex
	of  map[bus.SecretKey]string
}

func newKeys(b *bus.Bus) *keys { return &keys{bus: b, of: map[bus.SecretKey]string{}} }

func (k *keys) set(key bus.SecretKey, secret string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if secret == "" {
		delete(k.of, key)
		return
	}
	k.of[key] = secret
}

// get gives the keys a target's requests are signed with. A target is never
// called unsigned: a key that is missing is a fault of ours.
func (k *keys) get(ctx context.Context, instance, owner, target string) ([]string, error) {
	name := bus.SecretOf(instance, owner, target)
	k.mu.Lock()
	secret := k.of[name]
	k.mu.Unlock()
	if secret != "" {
		return []string{secret}, nil
	}
	// The watch may be a moment behind the catalog.
	secret, ok, err := k.bus.Secret(ctx, instance, owner, target)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, action.NewError(action.CodeInternal, action.StageInvoke, "the target has no signing key").WithTarget(target)
	}
	k.set(name, secret)
	return []string{secret}, nil
}
