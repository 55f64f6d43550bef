package catalog

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

// built is a catalog of an instance with a webhook, a call target and one
// section, and whatever an organization has.
func built(phase action.Phase, entries map[string][]action.Entry) *Snapshot {
	s, sc := Empty("default").Draft("")
	sc.Targets["hook"], sc.Targets["ask"] = hook("hook", action.Webhook), hook("ask", action.CallOut)
	for _, name := range sortedKeys(entries) {
		e := action.Execution{Name: name, Entries: entries[name]}
		if KeyIsCondition(phase, name) && !strings.HasPrefix(name, "list") {
			e.Match = name
		}
		sc.Sections[phase] = append(sc.Sections[phase], e)
	}
	return s
}

func errorsOf(s *Snapshot) string {
	var out []string
	for _, p := range Validate(s) {
		if p.Severity == Error {
			out = append(out, p.String())
		}
	}
	return strings.Join(out, "\n")
}

func to(names ...string) (out []action.Entry) {
	for _, name := range names {
		if list, is := strings.CutPrefix(name, "+"); is {
			out = append(out, action.Entry{Include: list})
		} else {
			out = append(out, action.Entry{Target: name})
		}
	}
	return out
}

// TestReferences: what an entry names and is not there, in words that say what
// was meant.
func TestReferences(t *testing.T) {
	for _, c := range []struct {
		name    string
		phase   action.Phase
		entries map[string][]action.Entry
		want    string
	}{
		{"all is there", action.Request, map[string][]action.Entry{"*": to("+list", "ask"), "list": to("hook")}, ""},
		{"a target misspelled", action.Request, map[string][]action.Entry{"*": to("hok")},
			`requests."*".targets[0].target: error: no target is named "hok"; did you mean "hook"? [unknown_target]`},
		{"a target of no such name", action.Request, map[string][]action.Entry{"*": to("hook", "nothing like it")},
			`requests."*".targets[1].target: error: no target is named "nothing like it" [unknown_target]`},
		{"a list for a target", action.Request, map[string][]action.Entry{"*": to("list"), "list": to("hook")},
			"requests.\"*\".targets[0].target: error: \"list\" is a list, not a target; write `include: list` [not_a_target]"},
		{"an execution for a target", action.Request, map[string][]action.Entry{"*": to("hook"), "s.S": to("*")},
			"requests.\"s.S\".targets[0].target: error: \"*\" is an execution, not a target; write `include: \"*\"` [not_a_target]"},
		{"a target for a list", action.Request, map[string][]action.Entry{"*": to("+hook")},
			"requests.\"*\".targets[0].include: error: \"hook\" is a target; write `target: hook` [not_an_include]"},
		{"a list misspelled", action.Request, map[string][]action.Entry{"*": to("+lsit"), "list": to("hook")},
			`requests."*".targets[0].include: error: no entry of requests is named "lsit"; did you mean "list"? [unknown_include]`},
		{"itself", action.Function, map[string][]action.Entry{"a": to("+a")},
			`functions.a.targets[0].include: error: includes go round in a ring: a -> a [cycle]`},
		{"a ring", action.Function, map[string][]action.Entry{"a": to("hook", "+b"), "b": to("+c"), "c": to("+a")},
			`functions.c.targets[0].include: error: includes go round in a ring: a -> b -> c -> a [cycle]`},
		{"a call target of an event", action.OnEvent, map[string][]action.Entry{"user.added": to("hook", "ask")},
			`events."user.added".targets[1].target: error: an event goes to webhook and async targets only, and "ask" is a call target [call_in_event]`},
		{"a call target through a list", action.OnEvent, map[string][]action.Entry{"user.added": to("+list"), "list": to("ask")},
			`events.list.targets[0].target: error: an event goes to webhook and async targets only, and "ask" is a call target (through the event "user.added") [call_in_event]`},
		{"a call target in a list that no event reaches", action.OnEvent, map[string][]action.Entry{"list": to("ask")}, ""},
	} {
		require.Equal(t, c.want, errorsOf(built(c.phase, c.entries)), c.name)
	}
}

// TestIncludesStayInTheirSection: a name is looked for in the other sections
// too, so that the mistake can be named.
func TestIncludesStayInTheirSection(t *testing.T) {
	s := built(action.Request, map[string][]action.Entry{"list": to("hook"), "*": to("+list")})
	s.Scopes[""].Sections[action.OnEvent] = []action.Execution{{Name: "user.added", Match: "user.added", Entries: to("+list")}}
	require.Equal(t, `events."user.added".targets[0].include: error: "list" stands under requests; an include stays within its own section, events [unknown_include]`, errorsOf(s))
}

// TestOrganizationsSeeTheInstance: an organization names its own and the
// instance's, the instance only its own.
func TestOrganizationsSeeTheInstance(t *testing.T) {
	s := built(action.Request, map[string][]action.Entry{"list": to("hook"), "*": to("+list", "own")})
	s = s.WithTarget("acme", hook("own", action.Webhook)).
		WithExecution("acme", action.Request, action.Execution{Name: "*", Match: "*", Entries: to("own", "hook", "+list", "+mine")}).
		WithExecution("acme", action.Request, action.Execution{Name: "mine", Entries: to("own")}).
		WithExecution("beta", action.Request, action.Execution{Name: "*", Match: "*", Entries: to("own", "+mine")})
	require.Equal(t, `orgs.beta.requests."*".targets[0].target: error: no target is named "own" [unknown_target]
orgs.beta.requests."*".targets[1].include: error: no entry of requests is named "mine" [unknown_include]
requests."*".targets[1].target: error: no target is named "own" [unknown_target]`, errorsOf(s))
}

// TestIncludesHaveADepth: the deepest that is legal, and one more.
func TestIncludesHaveADepth(t *testing.T) {
	chain := func(levels int) *Snapshot {
		entries := map[string][]action.Entry{}
		for i := range levels {
			entries[fmt.Sprintf("l%02d", i)] = to(fmt.Sprintf("+l%02d", i+1))
		}
		entries[fmt.Sprintf("l%02d", levels)] = to("hook")
		return built(action.Function, entries)
	}
	require.Empty(t, errorsOf(chain(action.MaxIncludes)))
	require.Equal(t, "functions.l00.targets[0].include: error: includes are nested at most 16 levels [too_deep]", errorsOf(chain(action.MaxIncludes+1)))
}

// TestTargetsOfOneExecution: the most that are legal, and one more, said once
// where they come together.
func TestTargetsOfOneExecution(t *testing.T) {
	half := func(n int) (out []action.Entry) {
		for range n {
			out = append(out, action.Entry{Target: "hook"})
		}
		return out
	}
	n := action.MaxTargets / 2
	entries := map[string][]action.Entry{"half": half(n), "whole": to("+half", "+half"), "z": to("+whole")}
	require.Empty(t, errorsOf(built(action.Function, entries)))
	entries["half"] = half(n + 1)
	require.Equal(t, fmt.Sprintf(`functions.whole.targets: error: "whole" has more than %d targets once its includes are put in [too_many]`, action.MaxTargets),
		errorsOf(built(action.Function, entries)))
}

// TestWarnings: what is legal and has no part in anything.
func TestWarnings(t *testing.T) {
	s := built(action.OnEvent, map[string][]action.Entry{"list": to("hook"), "nobody.*": nil, "user.added": to("hook", "hook")})
	require.Equal(t, `events."nobody.*": warning: "nobody.*" reaches no target: it only keeps less exact executions from running [empty]
events."user.added".targets[1].target: warning: "hook" is in this event execution already; each event goes to it once [twice]
events.list: warning: nothing includes the list "list", so it never fires; a condition: would make it an execution [unused_list]
targets.ask: warning: nothing uses the target "ask" [unused_target]
`, show(Validate(s)))
}
