package scaffold

import (
	"strings"

	"github.com/callout-hq/callout/pkg/action"
)

// What one language alone needs of a project.

// Imports are the classes of the SDK for Java that a project uses.
func (p *project) Imports() (names []string) {
	for _, one := range []struct {
		name   string
		isUsed bool
	}{
		{"Answer", p.Calls()},
		{"Call", len(p.Of("request")) > 0},
		{"Callout", true},
		{"Event", len(p.Of("event")) > 0},
		{"ResponseCall", len(p.Of("response")) > 0},
		{"codec.Jackson2Codec", p.HasTypes},
	} {
		if one.isUsed {
			names = append(names, "io.github.callouthq.callout."+one.name)
		}
	}
	return names
}

// PythonNames are what is imported of the SDK for Python.
func (p *project) PythonNames() string {
	names := []string{"Callout"}
	for _, one := range []struct{ phase, name string }{{"request", "Call"}, {"event", "Event"}, {"function", "Function"}, {"response", "Response"}} {
		switch {
		case len(p.Of(one.phase)) == 0:
		case one.name < "Callout":
			names = append([]string{one.name}, names...)
		default:
			names = append(names, one.name)
		}
	}
	return strings.Join(names, ", ")
}

// group is a member of the type parameter that the SDK for TypeScript has.
type group struct {
	Kind    string
	Entries []entry
}

type entry struct{ Name, Type string }

// Core is the type parameter of a project. A kind is left out where a condition is not among
// its names: the SDK then takes every name of that kind, with a body of any form.
func (p *project) Core() (groups []group) {
	if !p.Typed {
		return nil
	}
	methods, functions, events := group{Kind: "methods"}, group{Kind: "functions"}, group{Kind: "events"}
	for _, method := range p.typedMatches(action.Request, action.Response) {
		request, response := "request."+method, "response."+method
		methods.Entries = append(methods.Entries, entry{method, "{ request: " + p.object("request", request, response) + "; response: " + p.object("response", response) + " }"})
	}
	for _, name := range p.typedMatches(action.Function) {
		functions.Entries = append(functions.Entries, entry{name, p.language.typed(p.schemaName[p.contract.bodyOf("function."+name)])})
	}
	for _, name := range p.typedMatches(action.OnEvent) {
		events.Entries = append(events.Entries, entry{name, p.object("event_payload", "event."+name)})
	}
	for _, g := range []group{methods, functions, events} {
		if len(g.Entries) > 0 {
			groups = append(groups, g)
		}
	}
	return groups
}

// object is the type of a member of the first body that has one.
func (p *project) object(member string, keys ...string) string {
	for _, key := range keys {
		if name := p.schemaName[p.contract.messageOf(p.contract.bodyOf(key), member)]; name != "" {
			return p.language.typed(name)
		}
	}
	return "Record<string, unknown>"
}

// HasCore tells whether there is such a parameter.
func (p *project) HasCore() bool { return len(p.Core()) > 0 }

// typedMatches are the conditions of phases that have types and are handled, by themselves
// or by a group; none where a handler is for something without types.
func (p *project) typedMatches(phases ...action.Phase) (all []string) {
	seen := map[string]bool{}
	for _, h := range p.Handlers {
		for _, phase := range phases {
			if h.Phase != phase {
				continue
			}
			typed := p.contract.covered(action.Condition{Phase: h.Phase, Match: h.Match})
			if len(typed) == 0 {
				return nil
			}
			for _, c := range typed {
				if !seen[c.Match] {
					seen[c.Match] = true
					all = append(all, c.Match)
				}
			}
		}
	}
	return all
}
