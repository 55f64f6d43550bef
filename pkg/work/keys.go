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
	of  map[bus.TargetKey][]string
}

func newKeys(b *bus.Bus) *keys { return &keys{bus: b, of: map[bus.TargetKey][]string{}} }

func (k *keys) set(of bus.TargetKey, secret string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if secret == "" {
		delete(k.of, of)
		return
	}
	k.of[of] = []string{secret}
}

// get gives the keys a target's requests are signed with. A target is never
// called unsigned: a key that is missing is a fault of ours. The slice is shared
// and must not be written to.
func (k *keys) get(ctx context.Context, instance, owner, target string) ([]string, error) {
	of := bus.TargetKey{Instance: instance, Owner: owner, Name: target}
	k.mu.Lock()
	known := k.of[of]
	k.mu.Unlock()
	if known != nil {
		return known, nil
	}
	// The watch may be a moment behind the catalog.
	secret, ok, err := k.bus.Secret(ctx, instance, owner, target)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, action.NewError(action.CodeInternal, action.StageInvoke, "the target has no signing key").WithTarget(target)
	}
	k.set(of, secret)
	return []string{secret}, nil
}
