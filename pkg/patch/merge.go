package patch

import (
	"bytes"

	"github.com/callout-hq/callout/pkg/wire"
)

// merge is RFC 7396 on text. object may be nil or no object: then the patch
// itself is what remains, without its nulls.
func merge(object, patch []byte, patched []wire.Member) ([]byte, error) {
	if !wire.IsObject(object) {
		object = []byte(`{}`)
	}
	have, err := wire.Members(object)
	if err != nil {
		return nil, malformed("the object is not well-formed").WithCause(err)
	}
	with := make(map[string][]byte, len(patched))
	for _, m := range patched {
		with[m.Name] = patch[m.ValStart:m.ValEnd]
	}
	w := writer{object: object}
	for _, m := range have {
		value, touched := with[m.Name]
		delete(with, m.Name)
		switch {
		case !touched:
			w.keep(m, object[m.ValStart:m.ValEnd])
		case isNull(value):
			w.drop(m)
		default:
			merged, err := mergeValue(object[m.ValStart:m.ValEnd], value)
			if err != nil {
				return nil, err
			}
			w.keep(m, merged)
		}
	}
	for _, m := range patched {
		value, isNew := with[m.Name]
		if !isNew || isNull(value) {
			continue
		}
		merged, err := mergeValue(nil, value)
		if err != nil {
			return nil, err
		}
		w.add(patch[m.Start:m.ValStart], merged)
	}
	return w.close(have), nil
}

func mergeValue(old, value []byte) ([]byte, error) {
	if !wire.IsObject(value) {
		return value, nil
	}
	members, err := wire.Members(value)
	if err != nil {
		return nil, malformed("").WithCause(err)
	}
	return merge(old, value, members)
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
