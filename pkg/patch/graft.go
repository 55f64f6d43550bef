package patch

import (
	"slices"

	"github.com/callout-hq/callout/pkg/wire"
)

// graft gives next in the text of old: what is the same keeps its bytes, white
// space and place. Both are well-formed. It undoes that a JSON Patch library
// writes everything anew.
func graft(old, next []byte) []byte {
	switch {
	case equal(old, next):
		return old
	case wire.IsObject(old) && wire.IsObject(next):
		return graftObject(old, next)
	case isArray(old) && isArray(next):
		return graftArray(old, next)
	}
	return next
}

func graftObject(old, next []byte) []byte {
	had, ok := wire.Split(old, nil)
	has, fine := wire.Split(next, nil)
	if !ok || !fine {
		return next
	}
	stays, before := newIndex(has), newIndex(had)
	if !slices.ContainsFunc(had, func(m wire.Member) bool { return stays.find(m.Name) >= 0 }) {
		return next
	}
	w := writer{object: old, out: make([]byte, 0, len(old)+len(next))}
	for _, m := range had {
		if at := stays.find(m.Name); at >= 0 {
			w.keep(m, graft(old[m.ValStart:m.ValEnd], next[has[at].ValStart:has[at].ValEnd]))
		} else {
			w.drop(m)
		}
	}
	for _, m := range has {
		if before.find(m.Name) < 0 {
			w.add(next[m.Start:m.ValStart], next[m.ValStart:m.ValEnd])
		}
	}
	return w.close(had)
}

// graftArray lets the items stay that both have at the beginning and at the
// end; what lies between is next's.
func graftArray(old, next []byte) []byte {
	had, ok := wire.SplitList(old, nil)
	has, fine := wire.SplitList(next, nil)
	if !ok || !fine {
		return next
	}
	front, back := 0, 0
	for front < min(len(had), len(has)) && equal(had[front], has[front]) {
		front++
	}
	for back < min(len(had), len(has))-front && equal(had[len(had)-1-back], has[len(has)-1-back]) {
		back++
	}
	out := []byte{'['}
	for i, item := range has {
		if i > 0 {
			out = append(out, ',')
		}
		switch fromEnd := len(has) - i; {
		case i < front:
			item = had[i]
		case fromEnd <= back:
			item = had[len(had)-fromEnd]
		case len(had) == len(has):
			item = graft(had[i], item)
		}
		out = append(out, item...)
	}
	return append(out, ']')
}

func isArray(value []byte) bool {
	for _, c := range value {
		if c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return c == '['
		}
	}
	return false
}
