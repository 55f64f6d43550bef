package dispatch

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/present"
)

// led remembers when this dispatcher led which instance last.
type led struct {
	mu   sync.Mutex
	last map[string]time.Time
}

func (l *led) note(instance string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last == nil {
		l.last = map[string]time.Time{}
	}
	l.last[instance] = time.Now().UTC()
}

// forget drops an instance that was deleted.
func (l *led) forget(instance string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.last, instance)
}

// newest are those that were led last, as many as are told of.
func (l *led) newest() map[string]time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	names := slices.SortedFunc(maps.Keys(l.last), func(a, b string) int { return cmp.Or(l.last[b].Compare(l.last[a]), cmp.Compare(a, b)) })
	out := map[string]time.Time{}
	for _, name := range names[:min(len(names), action.MaxLed)] {
		out[name] = l.last[name]
	}
	return out
}

// tell tells that this dispatcher is there, until ctx ends.
func (d *Dispatcher) tell(ctx context.Context, version string) {
	self := present.Self(action.RoleDispatcher, version)
	present.Keep(ctx, d.bus, func() action.Presence {
		self.Led = d.led.newest()
		return self
	})
}
