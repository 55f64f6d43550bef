package catalog

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/callout-hq/callout/pkg/action"
)

// Line is what one subscription's events stand in, or one of its lanes.
type Line struct {
	Org         string             `json:"org,omitempty"` // scope of the execution; "" is the instance
	Condition   action.Condition   `json:"condition"`
	Owner       string             `json:"owner,omitempty"` // organization that defines the target
	Target      string             `json:"target"`
	Lane        int                `json:"lane"` // counted from 0
	Lanes       int                `json:"lanes"`
	Unordered   bool               `json:"unordered,omitempty"` // an async target: no order kept, always one lane
	OnExhausted action.OnExhausted `json:"on_exhausted"`
	MaxStop     time.Duration      `json:"max_stop"`
}

// maxSlug bounds the readable part of a line's name.
const maxSlug = 80

// Name is the name of the line that begins at a cut: a readable part of at most
// 80 characters and the first 128 bits of a SHA-256 over scope, condition, target
// with its owner, lane, number of lanes and cut, in hex. It holds A-Z a-z 0-9 _ -
// only. It does not depend on OnExhausted and MaxStop, which may change in place.
// A line that is removed and made again begins at another cut, so that no name
// is ever used twice.
func (l Line) Name(cut uint64) string {
	h := sha256.New()
	for _, part := range []string{l.Org, string(l.Condition.Phase), l.Condition.Match, l.Owner, l.Target,
		strconv.Itoa(l.Lane), strconv.Itoa(l.Lanes)} {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(part)))
		h.Write(size[:])
		h.Write([]byte(part))
	}
	if cut > 0 {
		h.Write(binary.BigEndian.AppendUint64(nil, cut))
	}
	return l.slug() + "-" + hex.EncodeToString(h.Sum(nil)[:16])
}

// slug is the readable part: scope, condition and target, what is not legal
// written as one -.
func (l Line) slug() string {
	parts := []string{l.Condition.Match, l.Target}
	if l.Org != "" {
		parts = append([]string{l.Org}, parts...)
	}
	if l.Lanes > 1 {
		parts = append(parts, "lane"+strconv.Itoa(l.Lane))
	}
	var b strings.Builder
	for _, c := range strings.ReplaceAll(strings.Join(parts, "."), "*", "all") {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_':
			b.WriteRune(c)
		case !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		if b.Len() == maxSlug {
			break
		}
	}
	return strings.Trim(b.String(), "-")
}

// lanesOf is how many lines a subscription to the target has.
func lanesOf(t *action.Target) int {
	if t.Kind == action.Async {
		return 1
	}
	return max(t.Lanes, 1)
}

func appendLines(lines []Line, e *eventEntry) []Line {
	for _, t := range e.match.Turns {
		lanes := lanesOf(t.Target)
		for lane := range lanes {
			lines = append(lines, Line{
				Org: e.match.Scope, Condition: e.match.Condition,
				Owner: t.Owner, Target: t.Target.Name,
				Lane: lane, Lanes: lanes, Unordered: t.Target.Kind == action.Async,
				OnExhausted: cmp.Or(e.match.Execution.OnExhausted, action.ExhaustedDeadLetter),
				MaxStop:     cmp.Or(e.match.Execution.MaxStop, action.DefaultMaxStop),
			})
		}
	}
	return lines
}

func sortLines(lines []Line) {
	slices.SortFunc(lines, func(a, b Line) int {
		return cmp.Or(strings.Compare(a.Org, b.Org), strings.Compare(a.Condition.Match, b.Condition.Match),
			strings.Compare(a.Owner, b.Owner), strings.Compare(a.Target, b.Target), cmp.Compare(a.Lane, b.Lane))
	})
}

// AsyncTarget is an async target by where it is defined.
type AsyncTarget struct {
	Owner  string // organization; "" is the instance
	Target string
}

func appendAsync(list []AsyncTarget, turns []Turn) []AsyncTarget {
	for _, t := range turns {
		if t.Target.Kind == action.Async {
			list = append(list, AsyncTarget{Owner: t.Owner, Target: t.Target.Name})
		}
	}
	return list
}

func asyncTargets(list []AsyncTarget) []AsyncTarget {
	slices.SortFunc(list, func(a, b AsyncTarget) int {
		return cmp.Or(strings.Compare(a.Owner, b.Owner), strings.Compare(a.Target, b.Target))
	})
	return slices.Compact(list)
}
