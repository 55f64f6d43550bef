package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/catalog/file"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

// snapshot gets the catalog of a revision; 0 is the one in force.
func snapshot(ctx context.Context, server *serverFlags, revision uint64) (*catalog.Snapshot, error) {
	answer, err := ask(ctx, server, &calloutv1.ExportRequest{Instance: server.instance, Revision: revision}, calloutv1connect.ActionServiceClient.Export)
	if err != nil {
		return nil, err
	}
	s, problems, err := file.ParseFor(ctx, time.Time{}, "", answer.GetInstance(), []byte(answer.GetConfiguration()))
	if err != nil {
		return nil, err
	}
	if s == nil {
		return nil, fmt.Errorf("the configuration of %s is none that this version reads: %s", action.ShownURL(server.url), problems[0])
	}
	s.Revision = answer.GetRevision()
	return s, nil
}

// reached is the part of a catalog that holds executions and everything they
// name, in the order of the whole.
func reached(whole *catalog.Snapshot, refs []executionRef) *catalog.Snapshot {
	c := &collector{whole: whole, part: catalog.Empty(whole.Instance), entries: map[executionRef]*action.Execution{}, taken: map[executionRef]bool{}}
	eachExecution(whole, func(r executionRef, e *action.Execution) { c.entries[r] = e })
	for _, r := range refs {
		c.take(r)
	}
	eachExecution(whole, func(r executionRef, e *action.Execution) {
		if c.taken[r] {
			addExecution(c.part, r.org, r.phase, *e)
		}
	})
	return c.part
}

func eachExecution(s *catalog.Snapshot, do func(executionRef, *action.Execution)) {
	for _, org := range s.Orgs() {
		for _, phase := range action.Phases {
			section := s.Scopes[org].Sections[phase]
			for i := range section {
				do(executionRef{org, phase, section[i].Name}, &section[i])
			}
		}
	}
}

type collector struct {
	whole, part *catalog.Snapshot
	entries     map[executionRef]*action.Execution
	taken       map[executionRef]bool
}

// take takes an execution and what it names, as seen from where it stands.
func (c *collector) take(r executionRef) {
	e := c.entries[r]
	if e == nil || c.taken[r] {
		return
	}
	c.taken[r] = true
	for _, entry := range e.Entries {
		if entry.Include != "" {
			c.take(c.included(r, entry.Include))
			continue
		}
		if owner, t, ok := c.whole.Target(r.org, entry.Target); ok {
			addTarget(c.part, owner, t)
		}
	}
}

// included finds what an execution includes: its organization's own first, then
// the instance's.
func (c *collector) included(by executionRef, name string) executionRef {
	own := executionRef{by.org, by.phase, name}
	if c.entries[own] == nil {
		own.org = ""
	}
	return own
}

func addExecution(s *catalog.Snapshot, org string, phase action.Phase, e action.Execution) {
	sc := scopeOf(s, org)
	if sc.Sections == nil {
		sc.Sections = map[action.Phase][]action.Execution{}
	}
	sc.Sections[phase] = append(sc.Sections[phase], e)
}
