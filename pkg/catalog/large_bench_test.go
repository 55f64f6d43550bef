package catalog

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

// many is a catalog of n targets and n executions of the instance: calls of
// every phase, and 200 executions of events.
func many(n int) *Snapshot {
	s := Empty("default")
	sc := &Scope{Targets: make(map[string]action.Target, n), Sections: map[action.Phase][]action.Execution{}}
	s.Scopes[""] = sc
	for i := range n {
		t := WithDefaults(action.Target{Name: fmt.Sprintf("target-%05d", i), Kind: action.Webhook, URL: fmt.Sprintf("https://hooks.example.com/v1/%d/hook", i),
			Timeout: time.Second, Headers: map[string]string{"X-Team": "identity"}, Labels: map[string]string{"team": "identity"}})
		sc.Targets[t.Name] = t
		phase, match := action.Request, fmt.Sprintf("/company.area%d.v2.UserService/Method%d", i%50, i)
		switch {
		case i%50 == 0:
			phase, match = action.OnEvent, fmt.Sprintf("user.event%d", i)
		case i%3 == 1:
			phase = action.Response
		case i%3 == 2:
			phase, match = action.Function, fmt.Sprintf("function%d", i)
		}
		sc.Sections[phase] = append(sc.Sections[phase], action.Execution{Name: match, Match: match, Entries: []action.Entry{{Target: t.Name}}})
	}
	return s
}

// BenchmarkLarge measures the steps of an edit that changes one target of ten
// thousand.
func BenchmarkLarge(b *testing.B) {
	ids := 0
	how := Stamping{Now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), NewID: func() string { ids++; return fmt.Sprintf("01J%023d", ids) }}
	first := Stamp(Empty("default"), many(10000), how)
	s := first.Snapshot
	m, err := Compile(s)
	require.NoError(b, err)
	edit := func() *Snapshot {
		next, sc := s.Draft("")
		t := sc.Targets["target-05000"]
		t.URL += "/changed"
		sc.Targets[t.Name] = t
		return next
	}
	next := edit()
	stamped := Stamp(s, next, how)
	chunks, fresh := first.Chunks(nil)
	changed, again := stamped.Chunks(chunks)
	require.Len(b, again, 1)
	size := 0
	for _, c := range fresh {
		size += len(c.Value)
	}
	b.Logf("%d chunks of %d bytes; %d bytes for a changed target", len(chunks), size/len(chunks), len(again[0].Value))
	conditions := m.Conditions()
	for _, step := range []struct {
		name string
		do   func()
	}{
		{"validate", func() { Validate(s) }},
		{"compile", func() { _, _ = Compile(s) }},
		{"draft", func() { edit() }},
		{"diff", func() { Diff(s, next) }},
		{"stamp", func() { Stamp(s, next, how) }},
		{"next", func() { _, _ = m.Next(stamped.Snapshot, stamped.Delta()) }},
		{"chunks-all", func() { first.Chunks(nil) }},
		{"chunks", func() { stamped.Chunks(chunks) }},
		{"read-all", func() {
			for _, c := range fresh {
				_, _ = ReadChunk(c.Hash, c.Value)
			}
		}},
		{"assemble-all", func() { _, _ = Assemble("default", 1, chunks) }},
		{"assemble", func() { _, _, _ = Reassemble(s, chunks, 2, changed) }},
		{"conditions", func() { m.Conditions() }},
		{"filter", func() { CompileFilter(conditions) }},
		{"match", func() { m.Call(action.Request, "/company.area9.v2.UserService/Method9", "") }},
	} {
		b.Run(step.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				step.do()
			}
		})
	}
}
