package patch

import (
	"bytes"

	"github.com/callout-hq/callout/pkg/wire"
)

// A depth is how far a merge goes.
type depth bool

const (
	deep    depth = false // RFC 7396: into objects, and null removes
	shallow depth = true  // a value takes the place of another as it is, null too
)

// merge is RFC 7396 on text, if it is deep, and tells whether it changed anything but
// white space. object may be nil or no object: then the patch itself is what remains,
// without its nulls.
func merge(object, patch []byte, patched []wire.Member, d depth) (merged []byte, changed bool, err error) {
	if !wire.IsObject(object) {
		object = []byte(`{}`)
	}
	var room [16]wire.Member
	have, ok := wire.Split(object, room[:0])
	if !ok {
		return nil, false, malformed("the object is not well-formed")
	}
	w := writer{object: object, out: make([]byte, 0, len(object)+len(patch))}
	touched, met := newIndex(patched), 0
	for _, m := range have {
		old := object[m.ValStart:m.ValEnd]
		at := touched.find(m.Name)
		if at < 0 {
			w.keep(m, old)
			continue
		}
		met++
		value := patch[patched[at].ValStart:patched[at].ValEnd]
		if d == deep && isNull(value) {
			w.drop(m)
			changed = true
			continue
		}
		value, differs, err := mergeValue(old, value, d)
		if err != nil {
			return nil, false, err
		}
		w.keep(m, value)
		changed = changed || differs
	}
	known := index{}
	if met > 0 {
		known = newIndex(have)
	}
	for _, m := range patched {
		value := patch[m.ValStart:m.ValEnd]
		if d == deep && isNull(value) || known.find(m.Name) >= 0 {
			continue
		}
		if value, _, err = mergeValue(nil, value, d); err != nil {
			return nil, false, err
		}
		w.add(patch[m.Start:m.ValStart], value)
		changed = true
	}
	return w.close(have), changed, nil
}

// index finds members by their names.
type index struct {
	members []wire.Member
	at      map[string]int // of many members
}

// manyMembers is from how many members on a map pays, and has to: an answer may
// have a hundred thousand.
const manyMembers = 16

func newIndex(members []wire.Member) index {
	i := index{members: members}
	if len(members) > manyMembers {
		i.at = make(map[string]int, len(members))
		for n, m := range members {
			i.at[m.Name] = n
		}
	}
	return i
}

// find gives the place of a member, -1 for none.
func (i index) find(name string) int {
	if i.at != nil {
		if n, ok := i.at[name]; ok {
			return n
		}
		return -1
	}
	for n := range i.members {
		if i.members[n].Name == name {
			return n
		}
	}
	return -1
}

// mergeValue gives what value makes of old, and whether that differs.
func mergeValue(old, value []byte, d depth) (merged []byte, differs bool, err error) {
	if d == shallow || !wire.IsObject(value) {
		return value, !equal(value, old), nil
	}
	var room [8]wire.Member
	members, ok := wire.Split(value, room[:0])
	if !ok {
		return nil, false, malformed("")
	}
	merged, differs, err = merge(old, value, members, d)
	return merged, differs || !wire.IsObject(old), err
}

func isNull(value []byte) bool { return string(value) == "null" }

// writer writes an object anew from the text of the old one: what stood
// between two members stays with the second.
type writer struct {
	object []byte
	out    []byte
	last   int // offset in object behind the last member seen
	count  int // members written
}

func (w *writer) keep(m wire.Member, value []byte) {
	switch {
	case w.last == 0: // the opening brace and what follows it
		w.out = append(w.out, w.object[:m.Start]...)
	case w.count == 0: // all before it were dropped, their comma with them
		gap := w.object[w.last:m.Start]
		w.out = append(w.out, gap[bytes.IndexByte(gap, ',')+1:]...)
	default:
		w.out = append(w.out, w.object[w.last:m.Start]...)
	}
	w.out = append(w.out, w.object[m.Start:m.ValStart]...)
	w.out = append(w.out, value...)
	w.last = m.ValEnd
	w.count++
}

func (w *writer) drop(m wire.Member) {
	if w.last == 0 {
		w.out = append(w.out, w.object[:bytes.IndexByte(w.object, '{')+1]...)
	}
	w.last = m.ValEnd
}

func (w *writer) add(name, value []byte) {
	if w.last == 0 { // the object was empty
		w.out = append(w.out, w.object[:bytes.IndexByte(w.object, '{')+1]...)
		w.last = len(w.out)
	}
	if w.count > 0 {
		w.out = append(w.out, ',')
	}
	w.out = append(append(w.out, name...), value...)
	w.count++
}

func (w *writer) close(have []wire.Member) []byte {
	if len(have) == 0 {
		if w.count == 0 {
			return w.object
		}
		return append(w.out, w.object[bytes.LastIndexByte(w.object, '}'):]...)
	}
	return append(w.out, w.object[w.last:]...)
}
