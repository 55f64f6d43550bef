package shards

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/callout-hq/callout/pkg/action"
)

// Place is how far a line has come.
type Place struct {
	// Next is the first sequence that may not be done; 0 = the first that its shard has
	// not read.
	Next uint64 `json:"n,omitempty"`
	// Until is when it hands out something again, in nanoseconds since 1970; 0 = now.
	Until int64 `json:"u,omitempty"`
}

// Held tells whether the line hands out nothing at a moment.
func (p Place) Held(now time.Time) bool { return p.Until > now.UnixNano() }

// Places are how far the lines of a shard have come.
type Places struct {
	Read  uint64           // up to which the shard has read its stream
	Made  int64            // when that stream was made, in nanoseconds since 1970
	Lines map[string]Place // by name
}

// Change is what a commit says. Lines that it does not name stay as they are: those
// that were as far as the shard had read are as far as it has read now.
type Change struct {
	Read  uint64
	Made  int64
	Lines map[string]Place
	Gone  []string // lines that are no more
}

func (p *Places) apply(c Change) {
	p.Read, p.Made = c.Read, c.Made
	maps.Copy(p.Lines, c.Lines)
	for _, name := range c.Gone {
		delete(p.Lines, name)
	}
}

// entry is a message of the stream of positions.
type entry struct {
	Format int              `json:"format"`
	Epoch  uint64           `json:"e"` // it grows with each holder
	Number uint64           `json:"n"` // of the entry among those of its epoch
	By     string           `json:"by"`
	Whole  bool             `json:"w,omitempty"` // it takes the place of all before
	Read   uint64           `json:"r"`
	Made   int64            `json:"m,omitempty"`
	Lines  map[string]Place `json:"l,omitempty"`
	Gone   []string         `json:"g,omitempty"`
}

func (e entry) change() Change {
	return Change{Read: e.Read, Made: e.Made, Lines: e.Lines, Gone: e.Gone}
}

func readEntry(raw []byte) (e entry, err error) {
	if err = json.Unmarshal(raw, &e); err == nil {
		err = action.CheckFormat(e.Format)
	}
	if err == nil && (e.Epoch == 0 || e.By == "") {
		err = errors.New("they are no holder's")
	}
	if err != nil {
		return entry{}, fmt.Errorf("positions of a shard: %w", err)
	}
	return e, nil
}
