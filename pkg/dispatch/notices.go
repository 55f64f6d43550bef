package dispatch

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/calls"
)

// notices are what cores have sent over NATS that could not mean what they meant, and
// that nobody could be answered about. Readiness tells of them.
type notices struct {
	mu       sync.Mutex
	declared map[string]string // by the key of the declaration, why
	short    uint64            // events that were published to no stream
	last     string            // the subject of the last of them
}

// maxNoticed bounds how many declarations are remembered: their keys are the cores' own.
const maxNoticed = 1000

// checkDeclaration notes what a declaration has that means nothing, and tells why it
// cannot be read.
func (d *Dispatcher) checkDeclaration(v bus.Value) error {
	strange := bus.StrangeInDeclaration(v)
	n := &d.health.notices
	n.mu.Lock()
	was := n.declared[v.Key]
	delete(n.declared, v.Key)
	if strange != "" && len(n.declared) < maxNoticed {
		if n.declared == nil {
			n.declared = map[string]string{}
		}
		n.declared[v.Key] = strange
	}
	n.mu.Unlock()
	if strange != "" && strange != was {
		d.log.Warn().Str("key", bus.ShownKey(v.Key)).Str("error", strange).Msg("a declaration has a member that is passed over")
	}
	return bus.CheckDeclaration(v)
}

// hearMisaddressed hears of events whose subject has a token too few.
func (d *Dispatcher) hearMisaddressed() (err error) {
	d.unhear, err = calls.Misaddressed(d.bus, func(subject string) {
		n := &d.health.notices
		n.mu.Lock()
		n.short++
		n.last = bus.ShownKey(subject)
		again := n.short&(n.short-1) != 0
		n.mu.Unlock()
		if again { // told are the first, the second, the fourth, the eighth …: who sends them does not fill the log
			return
		}
		d.log.Warn().Str("subject", bus.ShownKey(subject)).Msg("an event was published to no stream: its subject has a token too few")
	})
	return err
}

// noticed words them.
func (h *health) noticed() (words []string) {
	n := &h.notices
	n.mu.Lock()
	declared, short, last := maps.Clone(n.declared), n.short, n.last
	n.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(declared)) {
		isThere := h.declared.Any(key, func(v bus.Value) bool { return v.Key == key })
		if !isThere && len(declared) == maxNoticed { // what is gone makes room
			n.mu.Lock()
			delete(n.declared, key)
			n.mu.Unlock()
		}
		if isThere && len(words) < namedMost {
			words = append(words, fmt.Sprintf("passed over in %s of %s: %s", bus.ShownKey(key), bus.BucketDeclared, declared[key]))
		}
	}
	if short > 0 {
		words = append(words, fmt.Sprintf("%d events were published to no stream since this dispatcher began, with a token too few in their subject, the last to %s", short, last))
	}
	return words
}
