package file

import (
	"slices"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
)

var (
	scopeKeys    = namesOf(ScopeKeys)
	documentKeys = namesOf(DocumentKeys)
)

// document reads the root of a file.
func (r *reader) document(root *node) *catalog.Snapshot {
	r.broken = map[string]bool{}
	r.wait = action.DefaultTimeout
	s := catalog.Empty(catalog.DefaultInstance)
	fields := r.fields(root, "", documentKeys)
	for _, f := range fields {
		switch f.key {
		case "version":
			r.version(f)
		case "instance":
			r.instance(f, s)
		case "defaults":
			r.defaults(f)
		}
	}
	if org := r.ofOrg(fields); org != "" {
		s.Scopes[org] = r.scope(org, r.below(org, fields))
		return s
	}
	s.Scopes[""] = r.scope("", fields)
	for _, f := range fields {
		if f.key == "orgs" {
			r.orgs(f, s)
		}
	}
	return s
}

// ofOrg gives the organization that a file is of, which names it at its head; "" when
// it is the instance's.
func (r *reader) ofOrg(fields []field) (org string) {
	for _, f := range fields {
		if f.key != "org" {
			continue
		}
		if text, ok := r.text(f); ok && text == "" {
			r.errorf(f.value.at, f.path, catalog.ProblemBadName, "an organization has an id; a file of the instance has no org:")
		} else if ok {
			org = text
		}
	}
	for _, f := range fields {
		if f.key == "orgs" && org != "" {
			r.errorf(f.at, f.path, catalog.ProblemMisplaced, "a file of one organization has no others in it: leave out org: or orgs:")
		}
	}
	r.org = org
	return org
}

// below gives the keys of a file of an organization the paths that they have in one of
// the instance.
func (r *reader) below(org string, fields []field) []field {
	out := slices.Clone(fields)
	for i, f := range out {
		if slices.Contains(scopeKeys, f.key) {
			out[i].path = catalog.JoinPath(catalog.Place{Org: org}.ScopePath(), f.key)
			r.positions[out[i].path] = f.at
		}
	}
	return out
}

func (r *reader) version(f field) {
	if text, ok := r.text(f); ok && text != "1" {
		r.errorf(f.value.at, f.path, catalog.ProblemBadValue, "the version of this file format is 1")
	}
}

func (r *reader) instance(f field, s *catalog.Snapshot) {
	if text, ok := r.text(f); ok {
		s.Instance = text
	}
}

func (r *reader) defaults(f field) {
	for _, d := range r.fields(f.value, f.path, keysOf(DocumentKeys, "defaults")) {
		wait := r.duration(d)
		if r.isBroken(d.path) {
			continue
		}
		if err := catalog.OutOfRange(wait, action.MinTimeout, action.MaxTimeout); err != "" {
			r.errorf(d.value.at, d.path, catalog.ProblemOutOfRange, "timeout %s", err)
			continue
		}
		r.wait = wait
	}
}

func (r *reader) orgs(f field, s *catalog.Snapshot) {
	for _, o := range r.entries(f.value, f.path) {
		if o.key == "" {
			r.errorf(o.at, o.path, catalog.ProblemBadName, "an organization has an id; the instance's own entries stand at the top of the file")
			continue
		}
		s.Scopes[o.key] = r.scope(o.key, r.fields(o.value, o.path, scopeKeys))
	}
}

// scope reads what the instance or one organization has configured.
func (r *reader) scope(org string, fields []field) *catalog.Scope {
	sc := &catalog.Scope{Targets: map[string]action.Target{}, Sections: map[action.Phase][]action.Execution{}}
	for _, f := range fields {
		if f.key == "targets" {
			for _, t := range r.entries(f.value, f.path) {
				sc.Targets[t.key] = r.target(org, t)
			}
		}
		for _, phase := range action.Phases {
			if f.key != catalog.SectionKey(phase) {
				continue
			}
			for _, e := range r.entries(f.value, f.path) {
				sc.Sections[phase] = append(sc.Sections[phase], r.execution(phase, e))
			}
		}
	}
	return sc
}
