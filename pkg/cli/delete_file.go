package cli

import (
	"context"
	"slices"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/manage"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// deleteFiles deletes what a configuration names, as far as it is there.
func (p *Program) deleteFiles(ctx context.Context, f *deleteFlags, files []string) error {
	c, err := p.load(ctx, files)
	if err != nil {
		return err
	}
	named, err := c.read(ctx, f.server.instance)
	if err != nil {
		return p.refused(err)
	}
	f.server.instance = named.Instance
	current, err := snapshot(ctx, &f.server, 0)
	if err != nil {
		return err
	}
	there := both(named, current)
	if f.dryRun {
		return p.tryDelete(f, current, there)
	}
	done := 0
	for _, e := range includersFirst(there) {
		done++
		if err := p.deleteExecution(ctx, f, e); err != nil {
			return err
		}
	}
	for _, org := range there.Orgs() {
		for _, name := range sortedTargets(there.Scopes[org]) {
			done++
			if err := p.deleteTarget(ctx, f, ref{org: org, name: name}); err != nil {
				return err
			}
		}
	}
	if done == 0 && f.server.output == asTable {
		return p.say("instance %s: nothing of it is there\n", f.server.instance)
	}
	return nil
}

// tryDelete tells what deleting would remove, and what then would be wrong.
func (p *Program) tryDelete(f *deleteFlags, current, there *catalog.Snapshot) error {
	rest := without(current, there)
	var wrong []catalog.Problem
	for _, problem := range catalog.Validate(rest) {
		if problem.Severity == catalog.Error {
			wrong = append(wrong, problem)
		}
	}
	if len(wrong) > 0 {
		return p.refused(&flawed{wrong})
	}
	answer := &calloutv1.ApplyResponse{Instance: current.Instance, Revision: current.Revision}
	for _, c := range catalog.Diff(current, rest) {
		answer.Changed = true
		answer.Changes = append(answer.Changes, removal(c))
	}
	if f.server.output != asTable {
		return p.print(f.server.output, answer)
	}
	return p.plan(answer, whyDryRun)
}

// removal is an object that is gone, as it goes over the wire.
func removal(c catalog.Change) *calloutv1.Change {
	kind := map[catalog.ObjectKind]calloutv1.Change_Kind{catalog.KindTarget: calloutv1.Change_KIND_TARGET,
		catalog.KindExecution: calloutv1.Change_KIND_EXECUTION, catalog.KindList: calloutv1.Change_KIND_LIST}[c.Kind]
	return &calloutv1.Change{Action: calloutv1.Change_ACTION_REMOVED, Kind: kind, Org: c.Org, Phase: manage.PhaseNumber(c.Phase), Name: c.Name, Condition: c.Match}
}

// both is what is in one catalog and, by its name or its condition, in another
// too, as it stands in the other.
func both(named, current *catalog.Snapshot) *catalog.Snapshot {
	out := catalog.Empty(current.Instance)
	for _, org := range named.Orgs() {
		at := current.Scopes[org]
		if at == nil {
			continue
		}
		for name := range named.Scopes[org].Targets {
			if t, ok := at.Targets[name]; ok {
				addTarget(out, org, t)
			}
		}
		for _, phase := range action.Phases {
			for _, e := range named.Scopes[org].Sections[phase] {
				same := slices.IndexFunc(at.Sections[phase], func(x action.Execution) bool { return sameExecution(x, e) })
				if same >= 0 {
					addExecution(out, org, phase, at.Sections[phase][same])
				}
			}
		}
	}
	return out
}

// sameExecution tells whether two are one object: the condition is its
// identity, of a list the name.
func sameExecution(a, b action.Execution) bool {
	if a.IsList() || b.IsList() {
		return a.IsList() && b.IsList() && a.Name == b.Name
	}
	return a.Match == b.Match
}

// without is what stays of a catalog when a part of it is gone.
func without(whole, part *catalog.Snapshot) *catalog.Snapshot {
	out := catalog.Empty(whole.Instance)
	for _, org := range whole.Orgs() {
		gone := part.Scopes[org]
		if gone == nil {
			gone = &catalog.Scope{}
		}
		scopeOf(out, org)
		for name, t := range whole.Scopes[org].Targets {
			if _, ok := gone.Targets[name]; !ok {
				addTarget(out, org, t)
			}
		}
		for _, phase := range action.Phases {
			for _, e := range whole.Scopes[org].Sections[phase] {
				if !slices.ContainsFunc(gone.Sections[phase], func(x action.Execution) bool { return x.Name == e.Name }) {
					addExecution(out, org, phase, e)
				}
			}
		}
	}
	return out
}

// includersFirst orders the executions of a catalog so that none comes after
// one that it includes.
func includersFirst(s *catalog.Snapshot) []*calloutv1.Execution {
	var order []*calloutv1.Execution
	seen := map[executionRef]bool{}
	c := &collector{whole: s, entries: map[executionRef]*action.Execution{}}
	eachExecution(s, func(r executionRef, e *action.Execution) { c.entries[r] = e })
	var visit func(executionRef)
	visit = func(r executionRef) {
		if seen[r] || c.entries[r] == nil {
			return
		}
		seen[r] = true
		for _, entry := range c.entries[r].Entries {
			if entry.Include != "" {
				visit(c.included(r, entry.Include))
			}
		}
		order = append(order, executionMessage(r.org, r.phase, c.entries[r]))
	}
	eachExecution(s, func(r executionRef, _ *action.Execution) { visit(r) })
	slices.Reverse(order)
	return order
}

func sortedTargets(sc *catalog.Scope) []string {
	var names []string
	for name := range sc.Targets {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
