package catalog

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

// large is a catalog of n conditions: methods, services and functions.
func large(t testing.TB, n int) *Matcher {
	s := Empty("default")
	targets := map[string]action.Target{"t": hook("t", action.Webhook)}
	entries := []action.Entry{{Target: "t"}}
	sections := func(n int) map[action.Phase][]action.Execution {
		out := map[action.Phase][]action.Execution{}
		add := func(phase action.Phase, match string) {
			out[phase] = append(out[phase], action.Execution{Name: match, Match: match, Entries: entries})
		}
		for i := range n / 4 {
			add(action.Request, fmt.Sprintf("/company.area%d.v2.Service/Method%d", i%50, i))
			add(action.Response, fmt.Sprintf("/company.area%d.v2.Service/Method%d", i%50, i))
			add(action.Request, fmt.Sprintf("company.area%d.v2.Service", i))
			add(action.Function, fmt.Sprintf("function%d", i))
		}
		return out
	}
	s.Scopes[""] = &Scope{Targets: targets, Sections: sections(n / 2)}
	s.Scopes["acme"] = &Scope{Sections: sections(n / 2)}
	m, err := Compile(s)
	require.NoError(t, err)
	return m
}

// calls are lookups of every kind: nothing, service, method, function, and the
// same with an organization.
var calls = []struct {
	name  string
	phase action.Phase
	call  string
	org   string
}{
	{"miss", action.Request, "/other.v2.Service/Method", ""},
	{"method", action.Request, "/company.area7.v2.Service/Method57", ""},
	{"service", action.Request, "/company.area7.v2.Service/Unknown", ""},
	{"function", action.Function, "function99", ""},
	{"org-miss", action.Request, "/other.v2.Service/Method", "acme"},
	{"org-method", action.Request, "/company.area7.v2.Service/Method57", "acme"},
	{"org-unknown", action.Request, "/company.area7.v2.Service/Method57", "nobody"},
}

func BenchmarkFilter(b *testing.B) {
	f := CompileFilter(large(b, 10000).Conditions())
	for _, c := range calls {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f.Call(c.phase, c.call, c.org)
			}
		})
	}
}

func BenchmarkMatcher(b *testing.B) {
	m := large(b, 10000)
	for _, c := range calls {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m.Call(c.phase, c.call, c.org)
			}
		})
	}
}

func TestLookupsDoNotAllocate(t *testing.T) {
	m := large(t, 10000)
	f := CompileFilter(m.Conditions())
	require.Equal(t, m.Revision(), f.Revision())
	for _, c := range calls {
		require.Zero(t, testing.AllocsPerRun(100, func() { f.Call(c.phase, c.call, c.org) }), "filter %s", c.name)
		require.Zero(t, testing.AllocsPerRun(100, func() { m.Call(c.phase, c.call, c.org) }), "matcher %s", c.name)
	}
	m = compiled(t, matchFile(t))
	on := action.Condition{Phase: action.OnEvent, Match: "user.*"}
	require.Zero(t, testing.AllocsPerRun(100, func() { m.Subscribed("", on, "", "audit", "user.x.removed", "acme") }))
}
