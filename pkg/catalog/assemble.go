package catalog

import (
	"fmt"
	"maps"

	"github.com/callout-hq/callout/pkg/action"
)

// Assemble makes the catalog of a revision from its chunks.
func Assemble(instance string, revision uint64, chunks []*Chunk) (*Snapshot, error) {
	s := Empty(instance)
	s.Revision = revision
	scopes := map[string]*Scope{}
	for _, c := range chunks {
		for i := range c.records {
			r := &c.records[i]
			sc := scopes[r.Org]
			if sc == nil {
				sc = &Scope{Targets: map[string]action.Target{}, Sections: map[action.Phase][]action.Execution{}, Meta: map[Ref]Meta{}}
				scopes[r.Org], s.Scopes[r.Org] = sc, sc
			}
			ref, err := r.ref()
			if err != nil {
				return nil, err
			}
			sc.take(ref, r)
		}
	}
	return s, nil
}

// ref names the object of a record; its name is empty when it is the scope
// itself.
func (r *record) ref() (Ref, error) {
	switch {
	case r.Target != nil && r.Execution == nil && r.Phase == "":
		return Ref{Name: r.Target.Name}, nil
	case r.Execution != nil && r.Target == nil && phaseOrder(r.Phase) >= 0:
		return Ref{r.Phase, r.Execution.Name}, nil
	case r.Target == nil && r.Execution == nil && r.Phase == "":
		return Ref{}, nil
	}
	return Ref{}, fmt.Errorf("an object of %q is neither a target nor an execution", r.Org)
}

// take enters an object.
func (sc *Scope) take(ref Ref, r *record) {
	switch {
	case r.Target != nil:
		sc.Targets[ref.Name] = *r.Target
	case r.Execution != nil:
		sc.Sections[r.Phase] = append(sc.Sections[r.Phase], *r.Execution)
	default: // the scope itself
		return
	}
	if r.Meta != nil {
		sc.Meta[ref] = *r.Meta
	}
}

// mostTouched is up to how many sections Reassemble makes anew one by one.
const mostTouched = 64

// Reassemble is Assemble for chunks of which most are those of a catalog that
// was assembled or stored before: what is the same is shared with it. The delta
// is against that one.
func Reassemble(before *Snapshot, beforeChunks []*Chunk, revision uint64, chunks []*Chunk) (*Snapshot, Delta, error) {
	r := &reassembly{before: before, was: map[Place]*record{}, gone: map[string]bool{}, sections: map[sectionRef]bool{},
		draft: &Snapshot{Instance: before.Instance, Revision: revision, Scopes: maps.Clone(before.Scopes)}, own: map[string]bool{}}
	r.depart(beforeChunks, chunks)
	if err := r.arrive(beforeChunks, chunks); err != nil {
		return nil, Delta{}, err
	}
	if len(r.sections) > mostTouched {
		s, err := Assemble(before.Instance, revision, chunks)
		return s, Delta{}, err
	}
	r.finish(chunks)
	return r.draft, Delta{r.found, true}, nil
}

// reassembly is one run of Reassemble.
type reassembly struct {
	before   *Snapshot
	draft    *Snapshot
	was      map[Place]*record // objects of chunks that are gone
	gone     map[string]bool   // scopes that began in such a chunk
	found    []difference
	sections map[sectionRef]bool // to be made anew, from all chunks
	own      map[string]bool     // scopes of the draft that may be written to
}

func hashSet(chunks []*Chunk) map[string]bool {
	set := make(map[string]bool, len(chunks))
	for _, c := range chunks {
		set[c.Hash] = true
	}
	return set
}

// depart collects what was in the chunks that are no longer there.
func (r *reassembly) depart(before, after []*Chunk) {
	stays := hashSet(after)
	for _, c := range before {
		if stays[c.Hash] {
			continue
		}
		for i := range c.records {
			rec := &c.records[i]
			ref, _ := rec.ref() // it was read before
			if ref == (Ref{}) {
				r.gone[rec.Org] = true
				continue
			}
			r.was[Place{rec.Org, ref}] = rec
			if ref.Phase != "" {
				r.sections[sectionRef{rec.Org, ref.Phase}] = true
			}
		}
	}
}

// arrive enters what is in the chunks that are new, and notes how it differs.
func (r *reassembly) arrive(before, after []*Chunk) error {
	known := hashSet(before)
	for _, c := range after {
		if known[c.Hash] {
			continue
		}
		for i := range c.records {
			rec := &c.records[i]
			ref, err := rec.ref()
			if err != nil {
				return err
			}
			if ref == (Ref{}) {
				delete(r.gone, rec.Org)
				if r.draft.Scopes[rec.Org] == nil {
					r.scope(rec.Org)
				}
				continue
			}
			r.enter(Place{rec.Org, ref}, rec)
		}
	}
	return nil
}

func (r *reassembly) enter(p Place, rec *record) {
	was := r.was[p]
	delete(r.was, p)
	if p.Phase != "" {
		r.sections[sectionRef{p.Org, p.Phase}] = true
	}
	if was == nil {
		was = &record{}
	}
	switch {
	case rec.Target != nil && (was.Target == nil || !sameTarget(was.Target, rec.Target)):
		r.scope(p.Org).Targets[p.Name] = *rec.Target
		r.found = append(r.found, difference{place: p, wasTarget: was.Target, nowTarget: rec.Target})
	case rec.Execution != nil && (was.Execution == nil || !sameExecution(was.Execution, rec.Execution)):
		r.found = append(r.found, difference{place: p, wasEntry: was.Execution, nowEntry: rec.Execution})
	}
	switch {
	case rec.Meta == nil && was.Meta != nil:
		delete(r.scope(p.Org).Meta, p.Ref)
	case rec.Meta != nil && (was.Meta == nil || !rec.Meta.same(was.Meta)):
		r.scope(p.Org).Meta[p.Ref] = *rec.Meta
	}
}

// scope gives a scope of the draft to write to.
func (r *reassembly) scope(org string) *Scope {
	if !r.own[org] {
		r.own[org] = true
		sc := &Scope{Targets: map[string]action.Target{}, Sections: map[action.Phase][]action.Execution{}, Meta: map[Ref]Meta{}}
		if was := r.draft.Scopes[org]; was != nil {
			maps.Copy(sc.Sections, was.Sections)
			if was.Targets != nil {
				sc.Targets = maps.Clone(was.Targets)
			}
			if was.Meta != nil {
				sc.Meta = maps.Clone(was.Meta)
			}
		}
		r.draft.Scopes[org] = sc
	}
	return r.draft.Scopes[org]
}

// finish takes out what has gone, and makes the touched sections anew.
func (r *reassembly) finish(chunks []*Chunk) {
	for p, rec := range r.was {
		r.found = append(r.found, difference{place: p, wasTarget: rec.Target, wasEntry: rec.Execution})
		if r.gone[p.Org] {
			continue
		}
		sc := r.scope(p.Org)
		delete(sc.Meta, p.Ref)
		if rec.Target != nil {
			delete(sc.Targets, p.Name)
		}
	}
	for org := range r.gone {
		if org != "" { // every catalog has the scope of the instance
			delete(r.draft.Scopes, org)
		}
	}
	made := map[sectionRef][]action.Execution{}
	for _, c := range chunks {
		for i := range c.records {
			rec := &c.records[i]
			if at := (sectionRef{rec.Org, rec.Phase}); rec.Execution != nil && r.sections[at] {
				made[at] = append(made[at], *rec.Execution)
			}
		}
	}
	for at := range r.sections {
		was := r.draft.Scopes[at.org]
		if was == nil || sameSection(was.Sections[at.phase], made[at]) {
			continue
		}
		if sc := r.scope(at.org); len(made[at]) > 0 {
			sc.Sections[at.phase] = made[at]
		} else {
			delete(sc.Sections, at.phase)
		}
	}
}
