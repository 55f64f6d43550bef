package catalog

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

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
	// Interrupts tells that one of its targets has interrupt_on_error. What was
	// stored before this member has it in Fail, unless OnUnavailable is set.
	Interrupts bool `json:"interrupts,omitempty"`
	// GivesWay tells that it does not run for an organization that has one of its
	// own for the call.
	GivesWay bool `json:"gives_way,omitempty"`
}

// Conditions extracts what cores need, sorted by phase and match. The lists are
// shared and must not be written to.
func (m *Matcher) Conditions() Conditions {
	return Conditions{Instance: m.Instance(), Revision: m.Revision(), Orgs: m.conditions.get(m.scopes)}
}

// SameConditions tells that two catalogs have the same conditions, one being
// made from the other by Next without a change to any of them.
func (m *Matcher) SameConditions(other *Matcher) bool { return m.conditions == other.conditions }

// conditionLists are what Conditions gives, made once for all revisions that
// have the same.
type conditionLists struct {
	once sync.Once
	made atomic.Bool
	orgs map[string][]CallCondition
	// What is made from the lists of the revision before, unless that is more
	// work than to make all anew.
	before  *conditionLists
	touched map[string]map[action.Condition]bool // by organization
}

// behind gives those of a revision behind, in which these conditions are touched.
// What nobody has asked for is not made for it.
func (l *conditionLists) behind(touched map[string]map[action.Condition]bool) *conditionLists {
	if !l.made.Load() {
		return &conditionLists{}
	}
	return &conditionLists{before: l, touched: touched}
}

func (l *conditionLists) get(scopes map[string]*scopeTable) map[string][]CallCondition {
	l.once.Do(func() {
		var from map[string][]CallCondition
		if l.before != nil {
			from = l.before.orgs
		}
		l.orgs = make(map[string][]CallCondition, len(scopes))
		for org, st := range scopes {
			list := from[org]
			switch n := len(l.touched[org]); {
			case from == nil || n > mostTouched:
				list = st.conditions()
			case n > 0:
				list = st.amend(list, l.touched[org])
			}
			if len(list) > 0 {
				l.orgs[org] = list
			}
		}
		l.before, l.touched = nil, nil
		l.made.Store(true)
	})
	return l.orgs
}

func (st *scopeTable) conditions() []CallCondition {
	var list []CallCondition
	for _, phase := range []action.Phase{action.Request, action.Response, action.Function} {
		for match, plan := range *st.calls.byPhase(phase) {
			list = append(list, plan.condition(phase, match))
		}
	}
	slices.SortFunc(list, CallCondition.compare)
	return list
}

// amend gives a list in which what was touched is as it is now.
func (st *scopeTable) amend(list []CallCondition, touched map[action.Condition]bool) []CallCondition {
	out := make([]CallCondition, 0, len(list)+len(touched))
	for _, c := range list {
		if !touched[action.Condition{Phase: c.Phase, Match: c.Match}] {
			out = append(out, c)
		}
	}
	for c := range touched {
		if plan, ok := st.calls.get(c); ok {
			now := plan.condition(c.Phase, c.Match)
			at, _ := slices.BinarySearchFunc(out, now, CallCondition.compare)
			out = slices.Insert(out, at, now)
		}
	}
	return out
}

func (p *Plan) condition(phase action.Phase, match string) CallCondition {
	return CallCondition{Phase: phase, Match: match, Fail: p.OnUnavailable == action.UnavailableFail,
		OnUnavailable: p.configured, Empty: len(p.Turns) == 0, Interrupts: p.interrupts, GivesWay: p.givesWay}
}

func (c CallCondition) compare(other CallCondition) int {
	return cmp.Or(strings.Compare(string(c.Phase), string(other.Phase)), strings.Compare(c.Match, other.Match))
}

// Filter tells a core whether a call has anything to run. It is immutable and
// safe for concurrent use. The nil Filter has nothing configured.
type Filter struct {
	revision uint64
	scopes   map[string]*table[verdict]
}

// verdict is what there is for a call in one scope; found also where it has nothing
// to run.
type verdict struct{ any, fail, interrupts, givesWay, found bool }

// CompileFilter prepares conditions for lookup. It answers as the Matcher they
// came from does.
func CompileFilter(c Conditions) *Filter {
	f := &Filter{revision: c.Revision, scopes: make(map[string]*table[verdict], len(c.Orgs))}
	for org, list := range c.Orgs {
		t := &table[verdict]{}
		for _, e := range list {
			interrupts := e.Interrupts || e.Fail && e.OnUnavailable == ""
			t.put(action.Condition{Phase: e.Phase, Match: e.Match},
				verdict{any: !e.Empty, fail: e.Fail && !e.Empty, interrupts: interrupts && !e.Empty, givesWay: e.GivesWay, found: true})
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
	v, w := f.both(phase, name, org)
	return v.any || w.any, v.fail || w.fail
}

// both gives what there is in the instance, and in the organization; nothing of the
// instance where that gives way.
func (f *Filter) both(phase action.Phase, name, org string) (instance, own verdict) {
	instance = f.scope(phase, name, "")
	if org == "" {
		return instance, own
	}
	if own = f.scope(phase, name, org); own.found && instance.givesWay {
		instance = verdict{}
	}
	return instance, own
}

// Interrupts tells whether any target that runs for a call has
// interrupt_on_error: what then goes wrong may end the call.
func (f *Filter) Interrupts(phase action.Phase, name, org string) bool {
	if f == nil {
		return false
	}
	v, w := f.both(phase, name, org)
	return v.interrupts || w.interrupts
}

func (f *Filter) scope(phase action.Phase, name, org string) verdict {
	t := f.scopes[org]
	if t == nil {
		return verdict{}
	}
	v, _ := t.call(phase, name)
	return v
}
