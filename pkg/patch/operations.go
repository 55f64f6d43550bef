package patch

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// The bounds of a JSON Patch. Each operation may move every item of an array, so
// that the steps of all are counted: one for an item moved, a member looked at,
// or a byte compared, and some for each that is taken apart.
const (
	maxOperations = 4096
	maxSteps      = 16 << 20
	stepsOfPart   = 8
)

// operation is one of a JSON Patch (RFC 6902).
type operation struct {
	op    string
	path  []string
	from  []string
	value []byte // nil = there is none
}

// operations applies a JSON Patch to a copy, and gives the text. limit bounds
// it, and what copying makes of it on the way.
func operations(ctx context.Context, object, body []byte, limit int) ([]byte, error) {
	list, err := wire.Elements(body)
	if err != nil {
		return nil, malformed("the answer is not a JSON Patch").WithCause(err)
	}
	if len(list) > maxOperations {
		return nil, malformed(fmt.Sprintf("the JSON Patch has more than %d operations", maxOperations))
	}
	doc := document{root: &node{text: orEmpty(object)}, limit: limit, steps: maxSteps}
	for i, raw := range list {
		if err := ctx.Err(); err != nil {
			return nil, ended(err)
		}
		op, err := readOperation(raw)
		if err != nil {
			return nil, malformed("the answer is not a JSON Patch").WithCause(fmt.Errorf("operation %d: %w", i+1, err))
		}
		if err := doc.apply(op); err != nil {
			if action.CodeOf(err) != "" {
				return nil, err
			}
			return nil, malformed("the JSON Patch does not fit the object").WithCause(fmt.Errorf("operation %d: %w", i+1, err))
		}
	}
	result := doc.root.append(nil)
	if !wire.IsObject(result) {
		return nil, malformed("the JSON Patch leaves no object")
	}
	return result, nil
}

// readOperation reads one operation. Members that RFC 6902 does not know are
// passed over, as it says.
func readOperation(raw []byte) (o operation, err error) {
	members, err := wire.Members(raw)
	if err != nil {
		return o, err
	}
	var path, from bool
	for _, m := range members {
		value := raw[m.ValStart:m.ValEnd]
		switch m.Name {
		case "op":
			o.op, err = wire.Text(value)
		case "path":
			path = true
			o.path, err = readPointer(value)
		case "from":
			from = true
			o.from, err = readPointer(value)
		case "value":
			o.value = value
		}
		if err != nil {
			return o, fmt.Errorf("%s: %w", m.Name, err)
		}
	}
	switch o.op {
	case "add", "replace", "test":
		if o.value == nil {
			return o, errors.New("value is missing")
		}
	case "move", "copy":
		if !from {
			return o, errors.New("from is missing")
		}
	case "remove":
	default:
		return o, fmt.Errorf("there is no operation %.40q", o.op)
	}
	if !path {
		return o, errors.New("path is missing")
	}
	return o, nil
}

func readPointer(value []byte) ([]string, error) {
	text, err := wire.Text(value)
	if err != nil {
		return nil, err
	}
	return pointer(text)
}

// document is an object while it is patched.
type document struct {
	root   *node
	limit  int
	copied int // bytes
	steps  int // that are left
}

// spend takes steps from what is left.
func (d *document) spend(steps int) error {
	if d.steps -= steps; d.steps < 0 {
		return malformed(fmt.Sprintf("the JSON Patch takes more than %d steps", maxSteps))
	}
	return nil
}

func (d *document) apply(o operation) error {
	switch o.op {
	case "add":
		return d.add(o.path, &node{text: o.value})
	case "remove":
		_, err := d.remove(o.path)
		return err
	case "replace":
		n, err := d.get(o.path)
		if err == nil {
			*n = node{text: o.value}
		}
		return err
	case "move":
		if len(o.path) > len(o.from) && slices.Equal(o.path[:len(o.from)], o.from) {
			return errors.New("a value cannot be moved into itself")
		}
		n, err := d.remove(o.from)
		if err != nil {
			return err
		}
		return d.add(o.path, n)
	case "copy":
		return d.copy(o)
	}
	n, err := d.get(o.path) // test
	if err != nil {
		return err
	}
	text := n.append(nil)
	if err := d.spend(len(text)); err != nil {
		return err
	}
	if !sameValue(text, o.value) {
		return errors.New("the test fails")
	}
	return nil
}

func (d *document) copy(o operation) error {
	n, err := d.get(o.from)
	if err != nil {
		return err
	}
	text := n.append(nil)
	if d.copied += len(text); d.copied > d.limit {
		return tooLarge().WithCause(fmt.Errorf("%d bytes are copied, %d are allowed", d.copied, d.limit))
	}
	return d.add(o.path, &node{text: text})
}

// get finds a value.
func (d *document) get(path []string) (*node, error) {
	n := d.root
	for _, token := range path {
		at, err := d.at(n, token, false)
		if err != nil {
			return nil, err
		}
		n = n.members[at].value
	}
	return n, nil
}

// at gives the place that a token names in an object or array. With end it may
// be one that is not there yet, which is behind the last.
func (d *document) at(n *node, token string, end bool) (int, error) {
	if err := d.open(n); err != nil {
		return 0, err
	}
	switch n.opened {
	case '[':
		return place(token, len(n.members), end)
	case '{':
		if err := d.spend(len(n.members)); err != nil {
			return 0, err
		}
		at := n.find(token)
		if at < 0 && end {
			return len(n.members), nil
		}
		if at < 0 {
			return 0, fmt.Errorf("there is no member %.80q", token)
		}
		return at, nil
	}
	return 0, fmt.Errorf("%.80q is looked for in what is no object and no array", token)
}

// add sets a member, or puts an item in.
func (d *document) add(path []string, value *node) error {
	if len(path) == 0 {
		*d.root = *value
		return nil
	}
	last := len(path) - 1
	in, err := d.get(path[:last])
	if err != nil {
		return err
	}
	at, err := d.at(in, path[last], true)
	if err == nil && in.opened == '[' {
		err = d.spend(len(in.members) - at)
	}
	switch {
	case err != nil:
		return err
	case in.opened == '[':
		in.members = slices.Insert(in.members, at, part{value: value})
	case at < len(in.members):
		in.members[at].value = value
	default:
		in.members = append(in.members, part{name: path[last], before: wire.AppendName(nil, path[last]), value: value})
	}
	return nil
}

// remove takes a value out, and gives it.
func (d *document) remove(path []string) (*node, error) {
	if len(path) == 0 {
		return nil, errors.New("the whole object cannot be taken out")
	}
	last := len(path) - 1
	in, err := d.get(path[:last])
	if err != nil {
		return nil, err
	}
	at, err := d.at(in, path[last], false)
	if err == nil {
		err = d.spend(len(in.members) - at)
	}
	if err != nil {
		return nil, err
	}
	value := in.members[at].value
	in.members = slices.Delete(in.members, at, at+1)
	return value, nil
}
