package catalog

import (
	"time"

	"github.com/callout-hq/callout/pkg/action"
)

var (
	scopeKeys    = []string{"targets", "requests", "responses", "events", "functions"}
	documentKeys = append([]string{"version", "instance", "defaults", "orgs"}, scopeKeys...)
)

// document reads the root of a file.
func (r *reader) document(root *node) *Snapshot {
	r.broken = map[string]bool{}
	r.wait = action.DefaultTimeout
	s := Empty(DefaultInstance)
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
	s.Scopes[""] = r.scope(fields)
	for _, f := range fields {
		if f.key == "orgs" {
			r.orgs(f, s)
		}
	}
	return s
}

func (r *reader) version(f field) {
	if text, ok := r.text(f); ok && text != "1" {
		r.errorf(f.value.at, f.path, ProblemBadValue, "the version of this file format is 1")
	}
}

func (r *reader) instance(f field, s *Snapshot) {
	if text, ok := r.text(f); ok {
		s.Instance = text
	}
}

func (r *reader) defaults(f field) {
	for _, d := range r.fields(f.value, f.path, []string{"timeout"}) {
		wait := r.duration(d)
		if r.isBroken(d.path) {
			continue
		}
		if err := checkRange(wait, action.MinTimeout, action.MaxTimeout); err != "" {
			r.errorf(d.value.at, d.path, ProblemOutOfRange, "timeout %s", err)
			continue
		}
		r.wait = wait
	}
}

func (r *reader) orgs(f field, s *Snapshot) {
	for _, o := range r.entries(f.value, f.path) {
		if o.key == "" {
			r.errorf(o.at, o.path, ProblemBadName, "an organization has an id; the instance's own entries stand at the top of the file")
			continue
		}
		s.Scopes[o.key] = r.scope(r.fields(o.value, o.path, scopeKeys))
	}
}

// scope reads what the instance or one organization has configured.
func (r *reader) scope(fields []field) *Scope {
	sc := &Scope{Targets: map[string]action.Target{}, Sections: map[action.Phase][]action.Execution{}}
	for _, f := range fields {
		if f.key == "targets" {
			for _, t := range r.entries(f.value, f.path) {
				sc.Targets[t.key] = r.target(t)
			}
		}
		for phase, key := range sectionKeys {
			if f.key != key {
				continue
			}
			for _, e := range r.entries(f.value, f.path) {
				sc.Sections[phase] = append(sc.Sections[phase], r.execution(phase, e))
			}
		}
	}
	return sc
}

// WithDefaults fills in what a target leaves open: timeout, retry policy, one
// lane, merge, both signatures.
func WithDefaults(t action.Target) action.Target {
	if t.Timeout == 0 {
		t.Timeout = action.DefaultTimeout
	}
	fill(&t.Retry.Initial, action.DefaultRetry().Initial)
	fill(&t.Retry.Max, action.DefaultRetry().Max)
	fill(&t.Retry.MaxAge, action.DefaultRetry().MaxAge)
	if t.Lanes == 0 {
		t.Lanes = 1
	}
	if t.Mapping == "" {
		t.Mapping = action.Merge
	}
	if len(t.Signatures) == 0 {
		t.Signatures = []action.Signature{action.SignZitadel, action.SignStandard}
	}
	return t
}

func fill(d *time.Duration, value time.Duration) {
	if *d == 0 {
		*d = value
	}
}
