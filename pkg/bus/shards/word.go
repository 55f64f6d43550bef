package shards

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/callout-hq/callout/pkg/bus"
)

// Bounds of what a session may say of itself. No worker that is killed keeps its lines
// from going on for longer than longestLease: that is what AckWait is for others, which
// an installation may raise as it likes without its lines standing longer. It allows
// beats that cost 1.2 s.
const (
	shortestLease = bus.MinAckWait
	longestLease  = 10 * time.Second
	oldLease      = 2 * time.Second // of an entry that does not say it
)

// word is what the entry of a session says.
type word struct {
	dead  bool
	lease time.Duration // how long it may be unheard from this word on
	beat  uint64        // its number among those of the session; 0 = it has none
}

const (
	wordAlive = "alive"
	wordDead  = "dead"
)

func (w word) bytes() []byte {
	if w.dead {
		return []byte(wordDead)
	}
	return fmt.Appendf(nil, "%s %dms %d", wordAlive, w.lease.Milliseconds(), w.beat)
}

// wordOf reads what bytes writes, and the word alone, which is of before leases were
// said. Who says anything else is there too: nobody is taken for dead at once by what
// cannot be read.
func wordOf(raw []byte) word {
	w := word{lease: oldLease}
	if string(raw) == wordDead {
		return word{dead: true}
	}
	parts := strings.Split(string(raw), " ")
	if parts[0] != wordAlive || len(parts) != 3 {
		return w
	}
	ms, err := strconv.ParseUint(strings.TrimSuffix(parts[1], "ms"), 10, 32)
	if err != nil {
		return w
	}
	w.lease = min(max(time.Duration(ms)*time.Millisecond, shortestLease), longestLease)
	w.beat, _ = strconv.ParseUint(parts[2], 10, 64) // 0 is none
	return w
}
