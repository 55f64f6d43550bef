package work

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/share"
)

// flows are what this worker does for instances: how much each may have, and how much it
// has had. They are safe for concurrent use.
type flows struct {
	calls   share.Rates
	bytes   share.Flows
	storage sync.Map // int64 by instance, of those that have a quota of it

	mu    sync.Mutex
	since time.Time              // when it was told last
	had   map[string]action.Flow // since then, by instance: numbers, not yet a second's
}

func newFlows() *flows { return &flows{since: time.Now(), had: map[string]action.Flow{}} }

// set says how much an instance may have.
func (f *flows) set(instance string, q action.Quota) {
	f.calls.Set(instance, q.Calls)
	f.bytes.Set(instance, q.Delivered, time.Now())
	if q.Storage > 0 {
		f.storage.Store(instance, q.Storage)
	} else {
		f.storage.Delete(instance)
	}
}

// takeCall is the error too_many_requests of an instance that has had as many calls in
// this second as it may, or still owes for bytes that were sent. What the call sends is
// noted when it is: how much that will be its targets' answers decide.
func (f *flows) takeCall(instance string) error {
	now := time.Now()
	if f.bytes.Take(instance, 0, now) > 0 {
		return action.TooFast("bytes delivered")
	}
	if taken, _ := f.calls.Take(instance, 1, now); !taken {
		return action.TooFast("calls")
	}
	f.note(instance, action.Flow{Calls: 1})
	return nil
}

// sent notes what an exchange of a call sent to a target.
func (f *flows) sent(instance string, n int) {
	f.bytes.Owe(instance, n, time.Now())
	f.note(instance, action.Flow{Delivered: float64(n)})
}

// A delivery that is over its instance's bytes waits at least paceLeast, since for less it
// is not worth handing back, and looks again after paceMost: the quota may be raised.
const (
	paceLeast = 100 * time.Millisecond
	paceMost  = 5 * time.Second
)

// takeDelivery takes the bytes of a delivery that is about to be sent, or tells how long
// it is to wait.
func (f *flows) takeDelivery(instance string, n int) (wait time.Duration) {
	if wait = f.bytes.Take(instance, n, time.Now()); wait > 0 {
		return min(max(wait, paceLeast), paceMost)
	}
	f.note(instance, action.Flow{Delivered: float64(n)})
	return 0
}

// unsent gives back the bytes of a delivery of which nothing was sent.
func (f *flows) unsent(instance string, n int) {
	f.bytes.Owe(instance, -n, time.Now())
	f.note(instance, action.Flow{Delivered: -float64(n)})
}

func (f *flows) note(instance string, more action.Flow) {
	f.mu.Lock()
	defer f.mu.Unlock()
	had := f.had[instance]
	f.had[instance] = action.Flow{Calls: had.Calls + more.Calls, Delivered: had.Delivered + more.Delivered}
}

// tell gives what instances had in a second since it was asked before, of those that sent
// most.
func (f *flows) tell(now time.Time) map[string]action.Flow {
	f.mu.Lock()
	had, took := f.had, now.Sub(f.since).Seconds()
	f.had, f.since = map[string]action.Flow{}, now
	f.mu.Unlock()
	if took <= 0 {
		return nil
	}
	most := slices.SortedFunc(maps.Keys(had), func(a, b string) int {
		return cmp.Or(cmp.Compare(had[b].Delivered, had[a].Delivered), cmp.Compare(had[b].Calls, had[a].Calls), cmp.Compare(a, b))
	})
	all := map[string]action.Flow{}
	for _, instance := range most[:min(len(most), action.MaxFlows)] {
		all[instance] = action.Flow{Calls: had[instance].Calls / took, Delivered: max(had[instance].Delivered, 0) / took}
	}
	return all
}

// overStorage names the quota where what an instance stores has no room by that.
func (f *flows) overStorage(instance string, err error) error {
	if most, has := f.storage.Load(instance); has && action.CodeOf(err) == action.CodeStreamFull {
		return action.OverStorage(most.(int64)).WithCause(err) //nolint:forcetypeassert // set alone stores
	}
	return err
}
