package catalog

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/callout-hq/callout/pkg/action"
)

// TestReportIsBounded: of each severity one problem more says that there are
// others; it counts once.
func TestReportIsBounded(t *testing.T) {
	var r Report
	for range MaxProblems - 1 {
		r.errorf("a", ProblemBadValue, "wrong")
	}
	r.warnf("b", ProblemNoEffect, "the last one shown")
	require.Len(t, r.Problems(), MaxProblems)
	for range 3 {
		r.warnf("c", ProblemNoEffect, "not shown")
		r.errorf("d", ProblemBadValue, "not shown")
	}
	require.Len(t, r.Problems(), MaxProblems+2)
	require.Equal(t, []string{
		"warning: there are more than 10000 problems; the other warnings are not shown [too_many_problems]",
		"error: there are more than 10000 problems; the other errors are not shown [too_many_problems]",
	}, []string{r.Problems()[MaxProblems].String(), r.Problems()[MaxProblems+1].String()})
}

// TestAWarningTooManyIsNoError: a catalog that has only warnings stays usable,
// however many they are.
func TestAWarningTooManyIsNoError(t *testing.T) {
	s, sc := Empty("default").Draft("")
	for _, name := range numbered(MaxProblems+10, "t%d") {
		sc.Targets[name] = hook(name, action.Webhook)
	}
	found := Validate(s)
	require.Len(t, found, MaxProblems+1)
	require.False(t, HasErrors(found))
	_, err := Compile(s)
	require.NoError(t, err)
}

func TestProblemAsJSON(t *testing.T) {
	raw, err := json.Marshal(Problem{Path: "a.b", Severity: Error, Code: ProblemDuplicateCondition, Message: "m", Also: "c.d"})
	require.NoError(t, err)
	require.JSONEq(t, `{"path":"a.b","severity":"error","code":"duplicate_condition","message":"m"}`, string(raw), "a second place is in the message, once it is known")
}

// TestSortProblems: the order in which problems came does not show.
func TestSortProblems(t *testing.T) {
	want := []Problem{
		{Line: 1, Col: 2, Path: "z"},
		{Line: 1, Col: 3, Path: "a", Code: "a"},
		{Line: 1, Col: 3, Path: "a", Code: "b", Message: "a"},
		{Line: 1, Col: 3, Path: "a", Code: "b", Message: "b"},
		{Line: 1, Col: 3, Path: "b"},
		{Line: 2, Col: 1, Path: "a"},
	}
	rapid.Check(t, func(t *rapid.T) {
		shuffled := rapid.Permutation(want).Draw(t, "order")
		SortProblems(shuffled)
		require.Equal(t, want, shuffled)
	})
}

// TestQuote: what people wrote is shown on one line that a terminal can be
// trusted with, and never at its whole length.
func TestQuote(t *testing.T) {
	require.Equal(t, `"a\nb"`, Quote("a\nb"))
	require.Equal(t, `"\x1b[2J"`, Quote("\x1b[2J"))
	require.Equal(t, `"日本"`, Quote("日本"))
	long := Quote(strings.Repeat("日", action.MaxEventType+1))
	require.Equal(t, action.MaxEventType+3, utf8.RuneCountInString(long))
	require.True(t, strings.HasSuffix(long, `…"`))
	rapid.Check(t, func(t *rapid.T) {
		q := Quote(rapid.String().Draw(t, "text"))
		require.NotContains(t, q, "\n")
		require.LessOrEqual(t, utf8.RuneCountInString(q), 10*(action.MaxEventType+1)+2)
	})
}
