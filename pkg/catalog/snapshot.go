// Package catalog holds the configuration of one instance as an immutable
// value: checked, matched, compared and explained. Everything here is a pure
// function of its arguments. How it stands in a file is package file's matter.
package catalog

import (
	"maps"
	"slices"

	"github.com/callout-hq/callout/pkg/action"
)

// Snapshot is one revision of an instance's catalog. It is immutable once it
// has been handed out.
type Snapshot struct {
	Instance string            `json:"instance"`
	Revision uint64            `json:"revision"`
	Scopes   map[string]*Scope `json:"scopes"` // by organization; "" is the instance itself
}

// Scope is what one instance or organization has configured.
type Scope struct {
	Targets map[string]action.Target `json:"targets,omitempty"`
	// Sections hold the executions and lists of each phase in the order in
	// which they were written.
	Sections map[action.Phase][]action.Execution `json:"sections,omitempty"`
	// Meta is what is known of the objects beside their settings. It is empty
	// in a snapshot that does not come from the store; Stamp fills it in.
	Meta map[Ref]Meta `json:"-"`
}

// Empty is the catalog of an instance nobody has configured yet.
func Empty(instance string) *Snapshot {
	return &Snapshot{Instance: instance, Scopes: map[string]*Scope{"": {}}}
}

// Orgs lists the scopes, the instance first, then the organizations by name.
func (s *Snapshot) Orgs() []string { return slices.Sorted(maps.Keys(s.Scopes)) }

// Target finds a target as seen from an organization: its own first, then the
// instance's.
func (s *Snapshot) Target(org, name string) (owner string, t action.Target, ok bool) {
	if sc := s.Scopes[org]; sc != nil {
		if t, ok = sc.Targets[name]; ok {
			return org, t, true
		}
	}
	if sc := s.Scopes[""]; org != "" && sc != nil {
		t, ok = sc.Targets[name]
	}
	return "", t, ok
}
