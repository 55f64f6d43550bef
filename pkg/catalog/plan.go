package catalog

import (
	"sync"

	"github.com/callout-hq/callout/pkg/action"
)

// Plan is what one call runs: the turns of the instance's best match, then
// those of the organization's. It is shared and must not be written to.
type Plan struct {
	Turns []Turn
	// OnUnavailable is resolved: fail if either execution says so or, where it
	// says nothing, if any of its targets interrupts.
	OnUnavailable action.OnUnavailable

	configured action.OnUnavailable
	interrupts bool // any of its targets does
	givesWay   bool // it is the instance's, and runs where an organization has none
}

// newPlan is the plan of one execution. Without turns it stands in the table
// all the same: it keeps less exact executions from running.
func newPlan(e *action.Execution, turns []Turn) *Plan {
	p := &Plan{Turns: turns, OnUnavailable: e.OnUnavailable, configured: e.OnUnavailable, givesWay: e.GivesWay()}
	for _, t := range turns {
		p.interrupts = p.interrupts || t.Target.InterruptOnError
	}
	switch {
	case p.OnUnavailable != "":
	case p.interrupts:
		p.OnUnavailable = action.UnavailableFail
	default:
		p.OnUnavailable = action.UnavailableContinue
	}
	return p
}

// Call gives what runs for a request, a response or a function: name is the
// full method `/pkg.Service/Method` or the function's name, org the
// organization of the caller, "" or unknown = the instance only. It is nil
// when there is nothing to run. The most exact condition of each scope wins:
// method over service over *; functions match exactly. One of the instance that
// gives way does not run where the organization has one that covers the call, be
// it one that reaches no target. A lookup that was made before does not allocate.
func (m *Matcher) Call(phase action.Phase, name, org string) *Plan {
	first := m.scopePlan(phase, name, "")
	if org == "" {
		return first.running()
	}
	second := m.scopePlan(phase, name, org)
	switch {
	case second == nil:
		return first.running()
	case first.running() == nil || first.givesWay:
		return second.running()
	case second.running() == nil:
		return first
	}
	return m.plans.both(first, second)
}

// scopePlan is the best match of one scope, nil when there is none.
func (m *Matcher) scopePlan(phase action.Phase, name, org string) *Plan {
	st := m.scopes[org]
	if st == nil {
		return nil
	}
	p, _ := st.calls.call(phase, name)
	return p
}

// running is the plan, nil when it has nothing to run.
func (p *Plan) running() *Plan {
	if p == nil || len(p.Turns) == 0 {
		return nil
	}
	return p
}

// maxCachedPlans bounds the pairs kept: thousands of organizations times
// thousands of conditions would be too many. When it is full it starts anew.
const maxCachedPlans = 65536

// planCache keeps the plans made of an instance's and an organization's.
type planCache struct {
	mu    sync.RWMutex
	pairs map[planPair]*Plan
}

type planPair struct{ instance, org *Plan }

func (c *planCache) both(instance, org *Plan) *Plan {
	key := planPair{instance, org}
	c.mu.RLock()
	p := c.pairs[key]
	c.mu.RUnlock()
	if p != nil {
		return p
	}
	p = joinPlans(instance, org)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pairs == nil || len(c.pairs) >= maxCachedPlans {
		c.pairs = map[planPair]*Plan{}
	}
	if before := c.pairs[key]; before != nil {
		return before
	}
	c.pairs[key] = p
	return p
}

func joinPlans(instance, org *Plan) *Plan {
	p := &Plan{
		Turns:         make([]Turn, 0, len(instance.Turns)+len(org.Turns)),
		OnUnavailable: action.UnavailableContinue,
	}
	p.Turns = append(append(p.Turns, instance.Turns...), org.Turns...)
	if instance.OnUnavailable == action.UnavailableFail || org.OnUnavailable == action.UnavailableFail {
		p.OnUnavailable = action.UnavailableFail
	}
	return p
}
