package dispatch

import (
	"sync"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/lines"
)

// knownLines is what a dispatcher knows of the lines of all instances by
// following them.
type knownLines struct {
	dispatcher *Dispatcher
	mu         sync.Mutex
	by         map[string]lines.Line // by watched key
	paused     map[bus.TargetKey]action.Code
}

func (k *knownLines) begin(d *Dispatcher) {
	k.dispatcher, k.by, k.paused = d, map[string]lines.Line{}, map[bus.TargetKey]action.Code{}
}

func (k *knownLines) setPaused(of bus.TargetKey, reason action.Code) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if reason == "" {
		delete(k.paused, of)
		return
	}
	k.paused[of] = reason
}

func (k *knownLines) pause(of bus.TargetKey) (reason action.Code, paused bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	reason, paused = k.paused[of]
	return reason, paused
}

func (k *knownLines) set(watched string, l *lines.Line) {
	k.mu.Lock()
	before := k.by[watched]
	var instance string
	if l == nil {
		instance = before.Instance
		delete(k.by, watched)
	} else {
		instance = l.Instance
		k.by[watched] = *l
	}
	k.mu.Unlock()
	if known, ok := k.dispatcher.instances.Load(instance); ok {
		known.(*Instance).lookSoon()
	}
}

// of lists the lines of an instance.
func (k *knownLines) of(instance string) []lines.Line {
	k.mu.Lock()
	defer k.mu.Unlock()
	var all []lines.Line
	for _, l := range k.by {
		if l.Instance == instance {
			all = append(all, l)
		}
	}
	return all
}

// strange gives the instances of those lines whose instance is not known, by watched
// key.
func (k *knownLines) strange(knows func(instance string) bool) map[string]string {
	k.mu.Lock()
	defer k.mu.Unlock()
	found := map[string]string{}
	for watched, l := range k.by {
		if !knows(l.Instance) {
			found[watched] = l.Instance
		}
	}
	return found
}

func (k *knownLines) has(watched string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, has := k.by[watched]
	return has
}

// LineCount is how many lines there are, of all instances.
func (d *Dispatcher) LineCount() int {
	d.lines.mu.Lock()
	defer d.lines.mu.Unlock()
	return len(d.lines.by)
}
