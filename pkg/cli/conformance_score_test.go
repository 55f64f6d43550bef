package cli

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/conformance"
)

// TestATargetWithoutTheKitsHandlersIsTold drives no target: it is about what is told of results. Nothing here has an instance.
func TestATargetWithoutTheKitsHandlersIsTold(t *testing.T) {
	lacks := conformance.Result{Result: conformance.Failed, Why: `the status is 404, not 200: {"code":"unknown_condition"}`}
	other := conformance.Result{Result: conformance.Failed, Why: "the status is 200, not 401"}
	for name, c := range map[string]struct {
		results []conformance.Result
		told    bool
	}{
		"most lack a handler": {[]conformance.Result{lacks, lacks, other}, true},
		"one of many":         {[]conformance.Result{lacks, other, other}, false},
		"none":                {[]conformance.Result{other}, false},
	} {
		t.Run(name, func(t *testing.T) {
			var out, told bytes.Buffer
			p := &Program{Out: &out, Err: &told}
			names := []string{"1.1 a", "1.2 b", "1.3 c"}[:len(c.results)]
			s, err := p.newScore(names)
			require.NoError(t, err)
			for i, r := range c.results {
				r.Case = names[i]
				s.add(r)
			}
			require.ErrorIs(t, s.end(asTable, nil), errTold)
			require.Equal(t, c.told, bytes.Contains(told.Bytes(), []byte("section 9 of "+contractPage)), told.String())
		})
	}
}
