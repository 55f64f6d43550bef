package catalog

import (
	"maps"
	"slices"
	"time"

	"github.com/callout-hq/callout/pkg/action"
)

// Stamping says how an edit is stamped.
type Stamping struct {
	Now   time.Time
	NewID func() string // an id nobody has had
	// File is the followed file that makes the edit, and Named what stands in
	// it: these objects are its own from now on. Without a file, an object that
	// changes belongs to nobody.
	File  string
	Named *Snapshot
}

// Stamped is an edit with everything that is known of its objects.
type Stamped struct {
	*Snapshot
	Changes   []Change // as Diff gives them
	TakenOver []Place  // objects that were not the file's before, sorted
	// Same tells that nothing is new: neither a setting nor an owner.
	Same bool

	delta   Delta
	touched map[Place]bool // objects of which anything is new
}

// Delta tells in which objects a snapshot differs from another one, which is
// known to whoever made it from that one.
type Delta struct {
	found []difference
	known bool
}

// Delta is against the catalog that was in force before.
func (s *Stamped) Delta() Delta { return s.delta }

// Stamp gives each object of next its id and its times. An object that stays,
// which is one of the same name in the same scope and section, keeps its id, as
// does an execution whose condition stays. Meta that next has already set for a
// name that is new is kept, when the object that had the id goes with the edit
// or has gone before: this is how an object is given another name. Neither
// argument is written to; the result shares their values.
func Stamp(current, next *Snapshot, how Stamping) Stamped {
	s := &stamper{current: current, next: next, how: how, taken: map[string]bool{}, gone: map[string]Meta{},
		conditions: map[conditionKey]Meta{}, touched: map[Place]bool{}}
	differences(current, next, func(d difference) { s.found = append(s.found, d) })
	slices.SortFunc(s.found, func(a, b difference) int { return a.place.compare(b.place) })
	out := Stamped{Snapshot: &Snapshot{Instance: next.Instance, Scopes: make(map[string]*Scope, len(next.Scopes))}}
	s.out = out.Snapshot
	for org, sc := range next.Scopes {
		out.Scopes[org] = s.scope(org, sc)
	}
	for i := range s.found {
		s.touched[s.found[i].place] = true
		out.Changes = append(out.Changes, s.found[i].change())
	}
	s.departed()
	for i := range s.found {
		s.stamp(&s.found[i])
	}
	reowned := s.own(&out)
	out.Same = len(out.Changes) == 0 && !reowned
	out.delta, out.touched = Delta{s.found, true}, s.touched
	return out
}

type conditionKey struct {
	org   string
	phase action.Phase
	match string
}

type stamper struct {
	current, next, out *Snapshot
	how                Stamping
	found              []difference
	gone               map[string]Meta       // what the edit removes, by id
	conditions         map[conditionKey]Meta // and by condition
	ids                map[string]bool       // of current; made when needed
	taken              map[string]bool       // ids given to an object that had another name
	touched            map[Place]bool
}

// scope shares the settings and begins with what was known before.
func (s *stamper) scope(org string, next *Scope) *Scope {
	if next == nil {
		next = noScope
	}
	was := s.current.Scopes[org]
	if was == next && s.how.File == "" && was.known() {
		return was
	}
	sc := &Scope{Targets: next.Targets, Sections: next.Sections, Meta: map[Ref]Meta{}}
	if was != nil && was.Meta != nil {
		sc.Meta = maps.Clone(was.Meta)
	}
	return sc
}

// known tells whether every object of a scope has been stamped.
func (sc *Scope) known() bool { return sc != nil && len(sc.Meta) == sc.objects() }

// objects counts the objects of a scope.
func (sc *Scope) objects() int {
	n := len(sc.Targets)
	for _, section := range sc.Sections {
		n += len(section)
	}
	return n
}

// departed notes what the edit removes, so that its ids may go on elsewhere.
func (s *stamper) departed() {
	for i := range s.found {
		d := &s.found[i]
		if d.nowTarget != nil || d.nowEntry != nil {
			continue
		}
		if sc := s.out.Scopes[d.place.Org]; sc != nil {
			delete(sc.Meta, d.place.Ref)
		}
		meta, ok := s.current.MetaOf(d.place.Org, d.place.Ref)
		if !ok {
			continue
		}
		s.gone[meta.ID] = meta
		if d.wasEntry != nil && !d.wasEntry.IsList() {
			s.conditions[conditionKey{d.place.Org, d.place.Phase, d.wasEntry.Match}] = meta
		}
	}
}

// stamp settles what is known of an object that is new or changed.
func (s *stamper) stamp(d *difference) {
	if d.nowTarget == nil && d.nowEntry == nil {
		return
	}
	meta := s.origin(d)
	meta.Changed, meta.Owner = s.how.Now, ""
	s.out.Scopes[d.place.Org].Meta[d.place.Ref] = meta
}

// origin finds the id of an object and when it was made.
func (s *stamper) origin(d *difference) Meta {
	if meta, ok := s.current.MetaOf(d.place.Org, d.place.Ref); ok {
		return meta
	}
	if set, _ := s.next.MetaOf(d.place.Org, d.place.Ref); set.ID != "" && !s.taken[set.ID] {
		carried, goes := s.gone[set.ID]
		if !goes && !s.lives(set.ID) {
			carried, goes = set, true
		}
		if goes {
			s.taken[carried.ID] = true
			return carried
		}
	}
	if d.nowEntry != nil && !d.nowEntry.IsList() {
		if meta, ok := s.conditions[conditionKey{d.place.Org, d.place.Phase, d.nowEntry.Match}]; ok && !s.taken[meta.ID] {
			s.taken[meta.ID] = true
			return meta
		}
	}
	return Meta{ID: s.how.NewID(), Created: s.how.Now}
}

func (s *stamper) lives(id string) bool {
	if s.ids == nil {
		s.ids = s.current.ids()
	}
	return s.ids[id]
}

// own fills in what was never stamped, and gives the file what it names.
func (s *stamper) own(out *Stamped) (changed bool) {
	for org, sc := range out.Scopes {
		if sc.known() {
			continue
		}
		sc.Each(func(ref Ref) {
			if sc.Meta[ref].ID == "" {
				s.touched[Place{org, ref}] = true
				sc.Meta[ref] = Meta{ID: s.how.NewID(), Created: s.how.Now, Changed: s.how.Now}
				changed = true
			}
		})
	}
	if s.how.File == "" {
		return changed
	}
	for org, named := range s.how.Named.Scopes {
		if named == nil {
			continue
		}
		named.Each(func(ref Ref) {
			meta, there := out.Scopes[org].Meta[ref]
			if !there || meta.Owner == s.how.File {
				return
			}
			if before, ok := s.current.MetaOf(org, ref); ok && before.Owner != s.how.File {
				out.TakenOver = append(out.TakenOver, Place{org, ref})
				changed = true
			}
			meta.Owner = s.how.File
			s.touched[Place{org, ref}] = true
			out.Scopes[org].Meta[ref] = meta
		})
	}
	slices.SortFunc(out.TakenOver, Place.compare)
	return changed
}

// Objects counts the targets, executions and lists of a catalog.
func (s *Snapshot) Objects() (n int) {
	for _, sc := range s.Scopes {
		if sc != nil {
			n += sc.objects()
		}
	}
	return n
}

// Each calls do with every object of a scope.
func (sc *Scope) Each(do func(Ref)) {
	for name := range sc.Targets {
		do(Ref{Name: name})
	}
	for phase, section := range sc.Sections {
		for i := range section {
			do(Ref{phase, section[i].Name})
		}
	}
}
