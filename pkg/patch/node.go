package patch

import (
	"bytes"
	"slices"

	"github.com/callout-hq/callout/pkg/wire"
)

// node is a value that a JSON Patch looks into. It is taken apart only where the
// patch goes, so that everything else keeps its bytes. Where it goes, white
// space stays with the member or item that it surrounds.
type node struct {
	text    []byte // of a value that was not taken apart
	opened  byte   // { or [ of one that was
	members []part
}

// part is a member of an object or an item of an array.
type part struct {
	name   string // of a member, decoded
	before []byte // white space, and of a member its name and colon
	value  *node
	after  []byte // white space
}

// open takes an object or array apart; any other value stays as it is.
func (d *document) open(n *node) error {
	if n.opened != 0 {
		return nil
	}
	var parts []wire.Member // of a text that was checked
	opened := byte('{')
	switch {
	case wire.IsObject(n.text):
		parts, _ = wire.Split(n.text, nil)
	case isArray(n.text):
		parts, _ = wire.SplitList(n.text, nil)
		opened = '['
	default:
		return nil
	}
	if err := d.spend(stepsOfPart * len(parts)); err != nil {
		return err
	}
	n.opened = opened
	n.members = make([]part, len(parts))
	from := bytes.IndexByte(n.text, n.opened) + 1
	for i, m := range parts {
		to := m.ValEnd
		for n.text[to] != ',' && n.text[to] != n.opened+2 { // } and ] stand two behind { and [
			to++
		}
		n.members[i] = part{m.Name, n.text[from:m.ValStart], &node{text: n.text[m.ValStart:m.ValEnd]}, n.text[m.ValEnd:to]}
		from = to + 1
	}
	return nil
}

func isArray(value []byte) bool {
	for _, c := range value {
		if c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return c == '['
		}
	}
	return false
}

// find gives the place of a member, -1 when there is none.
func (n *node) find(name string) int {
	return slices.IndexFunc(n.members, func(p part) bool { return p.name == name })
}

// append writes the value's text.
func (n *node) append(out []byte) []byte {
	if n.opened == 0 {
		return append(out, n.text...)
	}
	out = append(out, n.opened)
	for i, p := range n.members {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, p.before...)
		out = p.value.append(out)
		out = append(out, p.after...)
	}
	return append(out, n.opened+2)
}
