package patch

import (
	"bytes"
	"fmt"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// Restore puts back what a target was not shown: after is what its answer made of seen,
// which is before without what the ways lead to. A member that the target has set
// itself stays as it set it; it can take none away. An array that held something which
// was not shown stays as it was, since nobody could tell whose that would be in another
// one: changing it is not_allowed, with the place. All three are texts of objects that
// were checked; limit is the size in bytes that the result may have, over it the error
// is too_large.
func Restore(before, seen, after []byte, ways wire.Ways, limit int) ([]byte, error) {
	out, err := restored("", before, seen, after, ways)
	if err == nil && len(out) > limit {
		err = tooLarge().WithCause(fmt.Errorf("%d bytes, %d are allowed", len(out), limit))
	}
	return out, err
}

func restored(path string, before, seen, after []byte, ways wire.Ways) ([]byte, error) {
	had, _ := wire.Split(before, nil)
	has, _ := wire.Split(after, nil)
	known, shown := newIndex(has), values(seen)
	next := make([][]byte, len(has)) // what takes the place of a member's value
	var more []wire.Member           // of before
	var theirs [][]byte              // their values
	for _, m := range had {
		value := before[m.ValStart:m.ValEnd]
		left, ends := ways.Into(m.Name)
		if !ends && (len(left) == 0 || equal(value, shown[m.Name])) {
			continue // nothing of it was kept from the target
		}
		at := known.find(m.Name)
		if !ends {
			var now []byte
			if at >= 0 {
				now = after[has[at].ValStart:has[at].ValEnd]
			}
			var err error
			if value, err = within(path+"/"+escape(m.Name), value, shown[m.Name], now, left); err != nil {
				return nil, err
			}
		}
		switch {
		case at < 0:
			more, theirs = append(more, m), append(theirs, value)
		case !ends:
			next[at] = value
		}
	}
	return together(before, after, has, next, more, theirs), nil
}

// within restores the value of a member: now is what the answer made of it, nil = it
// took it away.
func within(path string, value, shown, now []byte, left wire.Ways) ([]byte, error) {
	switch {
	case isArray(value) && now != nil && equal(now, shown):
		return value, nil
	case isArray(value):
		return nil, action.NewError(action.CodeNotAllowed, action.StageApply, "").WithField(path)
	case now == nil:
		return restored(path, value, shown, []byte(`{}`), left)
	case wire.IsObject(now):
		return restored(path, value, shown, now, left)
	}
	return now, nil
}

// together writes after with other values and further members, whose names stand in
// before.
func together(before, after []byte, has []wire.Member, next [][]byte, more []wire.Member, theirs [][]byte) []byte {
	out := make([]byte, 0, len(before)+len(after))
	from := 0
	for i, value := range next {
		if value != nil {
			out = append(append(out, after[from:has[i].ValStart]...), value...)
			from = has[i].ValEnd
		}
	}
	end := bytes.IndexByte(after, '{') + 1 // behind the opening brace, or the last member
	if len(has) > 0 {
		end = has[len(has)-1].ValEnd
	}
	out = append(out, after[from:max(end, from)]...)
	for i, m := range more {
		if i > 0 || len(has) > 0 {
			out = append(out, ',')
		}
		out = append(append(out, before[m.Start:m.ValStart]...), theirs[i]...)
	}
	return append(out, after[max(end, from):]...)
}
