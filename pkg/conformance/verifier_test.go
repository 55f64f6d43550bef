package conformance_test

import (
	"bufio"
	"encoding/json"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/conformance"
)

// run has a verifier made of pkg/sign answer all vectors, and gives those that failed.
func (a adapter) run(t *testing.T) (failed []string, count int) {
	t.Helper()
	vectors, err := conformance.Vectors()
	require.NoError(t, err)
	in, to := io.Pipe()
	from, out := io.Pipe()
	go func() {
		lines := bufio.NewScanner(in)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var l conformance.Line
			if json.Unmarshal(lines.Bytes(), &l) != nil {
				break
			}
			raw, _ := json.Marshal(a.verify(l)) // has always a JSON
			_, _ = out.Write(append(raw, '\n'))
		}
		_ = out.Close()
	}()
	err = conformance.CheckVerifier(t.Context(), conformance.Verifier{In: to, Out: from}, vectors, func(r conformance.Result) {
		count++
		if r.Result != conformance.Passed {
			failed = append(failed, r.Case+": "+r.Why)
		}
	})
	require.NoError(t, err)
	_ = to.Close()
	return failed, count
}

// TestSignPasses: what the vectors ask is what pkg/sign does.
func TestSignPasses(t *testing.T) {
	failed, count := adapter{}.run(t)
	require.Empty(t, failed)
	require.Greater(t, count, 250)
}

// TestBrokenVerifiersFail: each fault shows, in the cases that are about it.
func TestBrokenVerifiersFail(t *testing.T) {
	for name, c := range map[string]struct {
		broken adapter
		want   string
	}{
		"the time is believed":          {adapter{noTolerance: true}, "2.4 v1, +301 seconds: it was taken, and has to be refused"},
		"the last key alone is tried":   {adapter{lastKey: true}, "1.3 two keys, signed with the first: it was refused, and is genuine"},
		"a dot in an id is taken":       {adapter{dots: true}, "2.2 an id with a dot: it was taken, and has to be refused"},
		"the body is written out again": {adapter{reserialised: true}, "2.1 v1, a body with its own spaces and escapes: it was refused, and is genuine"},
	} {
		t.Run(name, func(t *testing.T) {
			failed, _ := c.broken.run(t)
			require.Contains(t, failed, c.want)
			require.Less(t, len(failed), 60, "a fault shows where it is, not everywhere")
		})
	}
}
