package file

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
)

// TestSettingsAreReadAsAFile: the same settings give the same object and the
// same problems, whichever way they come.
func TestSettingsAreReadAsAFile(t *testing.T) {
	const text = `
targets:
  t: {type: REST Webhook, url: nowhere, timeout: soon, retry: {initial: 1s, most: 2}, egress: {allow: [10.0.0.1/8, x]}, breaker: {failures: 0}, labels: {a: b}, lanes: [1], rate: 5/d}
`
	_, want := Parse("", []byte(text))
	got, reading := ReadTarget("", "t", Settings{
		"type": "REST Webhook", "url": "nowhere", "timeout": "soon", "retry": Settings{"initial": "1s", "most": "2"}, "egress": Settings{"allow": []any{"10.0.0.1/8", "x"}},
		"breaker": Settings{"failures": "0"}, "labels": Settings{"a": "b"}, "lanes": []any{"1"}, "rate": "5/d",
	})
	require.Equal(t, action.Webhook, got.Kind)
	s := catalog.Empty(catalog.DefaultInstance).WithTarget("", got)
	found := reading.Problems(catalog.Validate(s.Part(catalog.Place{Ref: catalog.Ref{Name: "t"}})))
	words := func(all []catalog.Problem) (out []string) {
		for _, p := range all {
			out = append(out, p.Path+": "+p.Message)
		}
		slices.Sort(out)
		return out
	}
	require.Equal(t, words(want), words(found))

	e, reading := ReadExecution("acme", action.OnEvent, "named", Settings{"condition": "user.*", "targets": []any{Settings{"target": "t"}, Settings{}, Settings{"include": ""}},
		"on_exhausted": "stop", "max_stop": "0s", "frob": "x"})
	require.Equal(t, []any{"named", "user.*", 3, action.ExhaustedStop}, []any{e.Name, e.Match, len(e.Entries), e.OnExhausted})
	require.Equal(t, []string{
		`orgs.acme.events.named.frob: unknown key "frob"; known are condition, list, targets, on_unavailable, on_exhausted, max_stop, applies`,
		"orgs.acme.events.named.max_stop: max_stop is between 1ms and 8760h",
		`orgs.acme.events.named.targets[2].include: "include" has no value`,
	}, words(reading.Problems(nil)))
}
