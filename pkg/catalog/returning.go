package catalog

import (
	"maps"

	"github.com/callout-hq/callout/pkg/action"
)

// Departures are the objects that left a catalog a short while ago, under the
// names that they had last. It is filled from the newest edit back to the oldest.
type Departures struct {
	by  map[Place]departure
	ids map[string]bool // of those in by, and of those that have another name now
}

type departure struct {
	meta Meta
	kind action.Kind // of a target
	url  string      // of a target: the key is for who is behind it
	list bool        // a list, not an execution
}

// Add notes what an edit has removed. Who had a name last is the one who counts;
// one that the edit has given another name is nobody's who comes back.
func (d *Departures) Add(before, after *Snapshot) {
	if d.by == nil {
		d.by, d.ids = map[Place]departure{}, map[string]bool{}
	}
	stays := after.ids()
	differences(before, after, func(x difference) {
		if _, known := d.by[x.place]; known || x.nowTarget != nil || x.nowEntry != nil {
			return
		}
		meta, _ := before.MetaOf(x.place.Org, x.place.Ref)
		if meta.ID == "" || stays[meta.ID] || d.ids[meta.ID] {
			d.by[x.place] = departure{}
			return
		}
		d.ids[meta.ID] = true
		d.by[x.place] = departureOf(meta, x.wasTarget, x.wasEntry)
	})
}

func departureOf(meta Meta, t *action.Target, e *action.Execution) departure {
	d := departure{meta: meta}
	if t != nil {
		d.kind, d.url = t.Kind, t.URL
	} else {
		d.list = e.IsList()
	}
	return d
}

// Restore gives the objects of next that are new, and have the scope, the name
// and the kind of one that left, what is known of that one: they are it, and
// have come back. Of a target the kind is its type and its URL, of an execution
// that it is no list. What lives on under another name comes back to nobody. Neither
// argument is written to; the result shares their values.
func (d *Departures) Restore(current, next *Snapshot) *Snapshot {
	if len(d.by) == 0 {
		return next
	}
	out, own := next, map[string]bool{}
	lives := current.ids()
	differences(current, next, func(x difference) {
		left, known := d.by[x.place]
		if x.wasTarget != nil || x.wasEntry != nil || !known || lives[left.meta.ID] {
			return
		}
		if set, _ := next.MetaOf(x.place.Org, x.place.Ref); set.ID != "" {
			return // it is somebody already
		}
		if left != departureOf(left.meta, x.nowTarget, x.nowEntry) {
			return
		}
		org := x.place.Org
		if out == next {
			out = &Snapshot{Instance: next.Instance, Revision: next.Revision, Scopes: maps.Clone(next.Scopes)}
		}
		if !own[org] {
			own[org] = true
			sc := *next.Scopes[org]
			sc.Meta = maps.Clone(sc.Meta)
			if sc.Meta == nil {
				sc.Meta = map[Ref]Meta{}
			}
			out.Scopes[org] = &sc
		}
		meta := left.meta
		meta.Owner = ""
		out.Scopes[org].Meta[x.place.Ref] = meta
	})
	return out
}

// Adds tells whether an edit brings in an object of which nothing is known.
func Adds(current, next *Snapshot) bool {
	found := false
	differences(current, next, func(x difference) {
		set, _ := next.MetaOf(x.place.Org, x.place.Ref)
		found = found || x.wasTarget == nil && x.wasEntry == nil && set.ID == ""
	})
	return found
}

// ids are those of all objects.
func (s *Snapshot) ids() map[string]bool {
	ids := map[string]bool{}
	for _, sc := range s.Scopes {
		if sc == nil {
			continue
		}
		for meta := range maps.Values(sc.Meta) {
			ids[meta.ID] = true
		}
	}
	return ids
}
