package catalog

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

// thousandOrgs is an instance with ten executions, and a thousand organizations with
// ten executions and a target each, of which every second has an event line.
func thousandOrgs() *Snapshot {
	s := Empty("default")
	fill := func(org string, events int) {
		sc := &Scope{Targets: map[string]action.Target{"own": hook("own", action.Webhook)}, Sections: map[action.Phase][]action.Execution{}}
		s.Scopes[org] = sc
		for i := range 10 {
			phase, match := action.Request, fmt.Sprintf("/company.area%d.v2.Service/Method", i)
			if i < events {
				phase, match = action.OnEvent, fmt.Sprintf("user.event%d", i)
			}
			e := action.Execution{Name: match, Match: match, Entries: []action.Entry{{Target: "own"}}}
			if org == "" && i%2 == 0 {
				e.Applies = action.AppliesDefault
			}
			sc.Sections[phase] = append(sc.Sections[phase], e)
		}
	}
	fill("", 2)
	for i := range 1000 {
		fill(fmt.Sprintf("org%d", i), i%2)
	}
	return s
}

// BenchmarkOrganizations looks up what runs for a call and for an event of one of a
// thousand organizations, and changes one of them.
func BenchmarkOrganizations(b *testing.B) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	s := Stamp(Empty("default"), thousandOrgs(), Stamping{Now: time.Unix(0, 0), NewID: func() string { return "01J00000000000000000000000" }}).Snapshot
	m, err := Compile(s)
	require.NoError(b, err)
	runtime.GC()
	runtime.ReadMemStats(&after)
	require.Len(b, m.Lines(), 502)
	f := CompileFilter(m.Conditions())
	on := action.Condition{Phase: action.OnEvent, Match: "user.event0"}
	for name, do := range map[string]func(){
		"call":   func() { m.Call(action.Request, "/company.area4.v2.Service/Method", "org77") },
		"filter": func() { f.Call(action.Request, "/company.area4.v2.Service/Method", "org77") },
		"event":  func() { m.Subscribed("", on, "", "own", "user.event0", "org77") },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				do()
			}
		})
	}
	b.Run("edit", func(b *testing.B) {
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "MB")
		for b.Loop() {
			next, sc := s.Draft("org77")
			t := sc.Targets["own"]
			t.URL += "/changed"
			sc.Targets["own"] = t
			_, err := m.Next(next, Delta{})
			require.NoError(b, err)
		}
	})
}
