package cli

import (
	"google.golang.org/protobuf/proto"
)

// lister shows the objects of a list page by page, in any form.
type lister[T any] struct {
	*Program
	form  string
	what  string // what they are called, when there are none
	table *table
	name  func(T) string          // by which it is asked for
	row   func(T)                 // adds it to the table
	json  func(T) ([]byte, error) // nil = that of a message
	items [][]byte
	found bool
}

func (l *lister[T]) page(all []T) error {
	for _, one := range all {
		l.found = true
		var err error
		switch {
		case l.form == asName:
			err = l.say("%s\n", printable(l.name(one)))
		case isJSON(l.form), l.form == asYAML:
			err = l.object(one)
		default:
			l.row(one)
		}
		if err != nil {
			return err
		}
	}
	return l.table.flush()
}

func (l *lister[T]) object(one T) error {
	var raw []byte
	var err error
	if m, ok := any(one).(proto.Message); ok && l.json == nil {
		raw, err = jsonOf(m)
	} else {
		raw, err = l.json(one)
	}
	if err == nil && l.form == asLines {
		return l.say("%s\n", raw)
	}
	l.items = append(l.items, raw)
	return err
}

// end prints what only the last page makes whole.
func (l *lister[T]) end() error {
	switch {
	case l.form == asJSON, l.form == asYAML:
		return l.printItems(l.form, l.items)
	case !l.found && (l.form == asTable || l.form == asWide):
		return l.say("no %s\n", l.what)
	}
	return nil
}

// all shows a list that comes at once.
func (l *lister[T]) all(list []T) error {
	if err := l.page(list); err != nil {
		return err
	}
	return l.end()
}
