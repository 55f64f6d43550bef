package catalog

import (
	"slices"

	"github.com/callout-hq/callout/pkg/action"
)

// targetRef is a target by where it is defined.
type targetRef struct{ owner, name string }

// sectionRef is one section of one scope.
type sectionRef struct {
	org   string
	phase action.Phase
}

// names finds targets and entries by name. A name means what it means where it
// is written: an entry of an organization sees the organization's own first
// and then the instance's, an entry of the instance sees the instance's only,
// also when an organization includes it. What was looked up is kept; it is for
// one goroutine.
type names struct {
	snapshot *Snapshot
	entries  map[sectionRef]map[string]*action.Execution
	targets  map[targetRef]*action.Target
}

func newNames(s *Snapshot) *names {
	return &names{snapshot: s, entries: map[sectionRef]map[string]*action.Execution{}, targets: map[targetRef]*action.Target{}}
}

// target finds a target as seen from org; nil when there is none.
func (n *names) target(org, name string) (owner string, t *action.Target) {
	if t = n.targetOf(targetRef{org, name}); t != nil || org == "" {
		return org, t
	}
	return "", n.targetOf(targetRef{"", name})
}

// targetOf gives all who ask for a target the same one.
func (n *names) targetOf(ref targetRef) *action.Target {
	if t := n.targets[ref]; t != nil {
		return t
	}
	sc := n.snapshot.Scopes[ref.owner]
	if sc == nil {
		return nil
	}
	found, ok := sc.Targets[ref.name]
	if !ok {
		return nil
	}
	n.targets[ref] = clone(found)
	return n.targets[ref]
}

// entry finds an execution or list as seen from org; nil when there is none.
func (n *names) entry(org string, phase action.Phase, name string) (owner string, e *action.Execution) {
	if e = n.section(org, phase)[name]; e != nil || org == "" {
		return org, e
	}
	return "", n.section("", phase)[name]
}

// section is one section by name; of a name that stands there twice the first
// counts.
func (n *names) section(org string, phase action.Phase) map[string]*action.Execution {
	ref := sectionRef{org, phase}
	if byName, ok := n.entries[ref]; ok {
		return byName
	}
	var byName map[string]*action.Execution
	if sc := n.snapshot.Scopes[org]; sc != nil {
		section := sc.Sections[phase]
		byName = make(map[string]*action.Execution, len(section))
		for i := range section {
			if _, taken := byName[section[i].Name]; !taken {
				byName[section[i].Name] = &section[i]
			}
		}
	}
	n.entries[ref] = byName
	return byName
}

// targetNames and entryNames are what can be seen from org, sorted: of the instance's
// targets those that it may use.
func (n *names) targetNames(org string) []string {
	return visible(org, func(o string) []string {
		sc := n.snapshot.Scopes[o]
		if sc == nil {
			return nil
		}
		return slices.DeleteFunc(sortedKeys(sc.Targets), func(name string) bool {
			t := sc.Targets[name]
			return o == "" && org != "" && !t.IsUsableBy(org)
		})
	})
}

func (n *names) entryNames(org string, phase action.Phase) []string {
	return visible(org, func(o string) []string { return sortedKeys(n.section(o, phase)) })
}

func visible(org string, of func(string) []string) []string {
	if org == "" {
		return of("")
	}
	return append(of(org), of("")...)
}
