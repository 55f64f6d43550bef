package dispatch

import (
	"sync"
	"time"

	"github.com/callout-hq/callout/pkg/bus"
)

// cameFor is over how long it is told how many events come.
const cameFor = 10 * time.Second

// came is how many events have come to instances of late, by whichever way: the looks at
// their streams tell. A core that publishes over NATS passes no dispatcher. The zero
// value is ready to use, and safe for concurrent use.
type came struct {
	mu sync.Mutex
	of map[string][]bus.StreamLook // of the event stream, the oldest first, by instance
}

// note remembers a look.
func (c *came) note(known []string, look bus.Look, b *bus.Bus) {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := make(map[string][]bus.StreamLook, len(known))
	for _, id := range known {
		now, there := look.Streams[b.Instance(id).Events]
		if !there {
			continue
		}
		seen := c.of[id]
		if len(seen) > 0 && (!seen[0].Made.Equal(now.Made) || seen[len(seen)-1].LastSeq > now.LastSeq) {
			seen = nil // it is another stream
		}
		for len(seen) > 1 && now.At.Sub(seen[1].At) >= cameFor {
			seen = seen[1:]
		}
		next[id] = append(seen[:len(seen):len(seen)], now)
	}
	c.of = next
}

// rate is how many came in a second.
func (c *came) rate(instance string) float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	seen := c.of[instance]
	if len(seen) < 2 {
		return 0
	}
	first, last := seen[0], seen[len(seen)-1]
	return float64(last.LastSeq-first.LastSeq) / last.At.Sub(first.At).Seconds()
}
