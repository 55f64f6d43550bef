package catalog

import (
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
// also when an organization includes it.
type names struct {
	snapshot *Snapshot
	entries  map[sectionRef]map[string]*action.Execution
	targets  map[targetRef]*action.Target
}

func newNames(s *Snapshot) *names {
	n := &names{
		snapshot: s,
		entries:  map[sectionRef]map[string]*action.Execution{},
		targets:  map[targetRef]*action.Target{},
	}
	for org, sc := range s.Scopes {
		if sc == nil {
			continue
		}
		for name, t := range sc.Targets {
			n.targets[targetRef{org, name}] = &t
		}
		for phase, section := range sc.Sections {
			byName := make(map[string]*action.Execution, len(section))
			for i := range section {
				if _, taken := byName[section[i].Name]; !taken {
					byName[section[i].Name] = &section[i]
				}
			}
			n.entries[sectionRef{org, phase}] = byName
		}
	}
	return n
}

// target finds a target as seen from org; nil when there is none.
func (n *names) target(org, name string) (owner string, t *action.Target) {
	if t = n.targets[targetRef{org, name}]; t != nil {
		return org, t
	}
	return "", n.targets[targetRef{"", name}]
}

// entry finds an execution or list as seen from org; nil when there is none.
func (n *names) entry(org string, phase action.Phase, name string) (owner string, e *action.Execution) {
	if e = n.entries[sectionRef{org, phase}][name]; e != nil {
		return org, e
	}
	return "", n.entries[sectionRef{"", phase}][name]
}

// targetNames and entryNames are what can be seen from org, sorted.
func (n *names) targetNames(org string) []string {
	return visible(org, func(o string) []string {
		if sc := n.snapshot.Scopes[o]; sc != nil {
			return sortedKeys(sc.Targets)
		}
		return nil
	})
}

func (n *names) entryNames(org string, phase action.Phase) []string {
	return visible(org, func(o string) []string { return sortedKeys(n.entries[sectionRef{o, phase}]) })
}

func visible(org string, of func(string) []string) []string {
	if org == "" {
		return of("")
	}
	return append(of(org), of("")...)
}
