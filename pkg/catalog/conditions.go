package catalog

import (
	"cmp"
	"slices"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
)

// Conditions is what a core may know of a catalog: which calls have an
// execution, and what to do when no worker can run it. It holds no target, no
// URL and no header.
type Conditions struct {
	Instance string                     `json:"instance"`
	Revision uint64                     `json:"revision"`
	Orgs     map[string][]CallCondition `json:"orgs"` // by organization; "" is the instance
}

// CallCondition is one execution of a call.
type CallCondition struct {
	Phase action.Phase `json:"phase"`
	Match string       `json:"match"`
	// Fail is what to do when no worker is available, resolved from
	// on_unavailable and the targets: true fails the call.
	Fail bool `json:"fail,omitempty"`
	// OnUnavailable is what is configured, empty when nothing is.
	OnUnavailable action.OnUnavailable `json:"on_unavailable,omitempty"`
	// Empty marks an execution that reaches no target and only keeps less
	// exact ones from running.
	Empty bool `json:"empty,omitempty"`
}

// Conditions extracts what cores need, sorted by phase and match.
func (m *Matcher) Conditions() Conditions {
	c := Conditions{Instance: m.Instance(), Revision: m.Revision(), Orgs: map[string][]CallCondition{}}
	for org, st := range m.scopes {
		var list []CallCondition
		for _, phase := range []action.Phase{action.Request, action.Response, action.Function} {
			for match, plan := range *st.calls.byPhase(phase) {
				list = append(list, CallCondition{
					Phase: phase, Match: match,
					Fail:          plan.OnUnavailable == action.UnavailableFail,
					OnUnavailable: plan.configured,
					Empty:         len(plan.Turns) == 0,
				})
			}
		}
		slices.SortFunc(list, func(a, b CallCondition) int {
			return cmp.Or(strings.Compare(string(a.Phase), string(b.Phase)), strings.Compare(a.Match, b.Match))
		})
		if list != nil {
			c.Orgs[org] = list
		}
	}
	return c
}

// Filter tells a core whether a call has anything to run. It is immutable and
// safe for concurrent use. The nil Filter has nothing configured.
type Filter struct {
	revision uint64
	scopes   map[string]*table[verdict]
}

type verdict struct{ any, fail bool }

// CompileFilter prepares conditions for lookup. It answers as the Matcher they
// came from does.
func CompileFilter(c Conditions) *Filter {
	f := &Filter{revision: c.Revision, scopes: make(map[string]*table[verdict], len(c.Orgs))}
	for org, list := range c.Orgs {
		t := &table[verdict]{}
		for _, e := range list {
			t.put(action.Condition{Phase: e.Phase, Match: e.Match}, verdict{any: !e.Empty, fail: e.Fail && !e.Empty})
		}
		f.scopes[org] = t
	}
	return f
}

// Revision is that of the catalog the conditions came from; 0 for nil.
func (f *Filter) Revision() uint64 {
	if f == nil {
		return 0
	}
	return f.revision
}

// Call tells whether anything runs for a call (as Matcher.Call), and whether
// the call fails when no worker is available. It takes the time of a few map
// lookups, however many conditions there are, and does not allocate.
func (f *Filter) Call(phase action.Phase, name, org string) (anything, fail bool) {
	if f == nil {
		return false, false
	}
	v := f.scope(phase, name, "")
	if org == "" {
		return v.any, v.fail
	}
	w := f.scope(phase, name, org)
	return v.any || w.any, v.fail || w.fail
}

func (f *Filter) scope(phase action.Phase, name, org string) verdict {
	t := f.scopes[org]
	if t == nil {
		return verdict{}
	}
	v, _ := t.call(phase, name)
	return v
}
