package patch_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/patch"
)

const most = 1 << 20

// list is an object of so many items.
func list(n int) []byte { return []byte(`{"a":[` + strings.Repeat("0,", n-1) + `0]}`) }

// wide is an object of so many members.
func wide(n int) []byte {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"m%d":0,`, i)
	}
	return []byte("{" + strings.TrimSuffix(b.String(), ",") + "}")
}

func operations(n int, operation string) patch.Answer {
	return patch.Answer{JSONPatch: true, Body: []byte("[" + strings.TrimSuffix(strings.Repeat(operation+",", n), ",") + "]")}
}

// TestAPatchHasABudget: what few operations make of a large object is bounded by
// what they move, look at and compare, whichever operation it is.
func TestAPatchHasABudget(t *testing.T) {
	for name, c := range map[string]struct {
		object []byte
		answer patch.Answer
	}{
		"put in front":     {list(400000), operations(4096, `{"op":"add","path":"/a/0","value":0}`)},
		"taken from front": {list(400000), operations(4096, `{"op":"remove","path":"/a/0"}`)},
		"moved to the end": {list(400000), operations(4096, `{"op":"move","from":"/a/0","path":"/a/-"}`)},
		"copied to front":  {list(400000), operations(4096, `{"op":"copy","from":"/a/0","path":"/a/0"}`)},
		"looked for":       {wide(80000), operations(4096, `{"op":"replace","path":"/m79999","value":0}`)},
		"not there":        {wide(80000), operations(4096, `{"op":"add","path":"/n","value":0}`)},
		"compared":         {[]byte(`{"a":[` + strings.Repeat(" ", 1000000) + `]}`), operations(4096, `{"op":"test","path":"/a","value":[]}`)},
		"opened again":     {[]byte(`{}`), operations(12, `{"op":"add","path":"/a","value":[`+strings.Repeat("0,", 200000)+`0]},{"op":"remove","path":"/a/1"}`)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := patch.Apply(t.Context(), c.object, c.answer, most)
			require.Equal(t, action.CodeAnswerMalformed, action.CodeOf(err), "%v", err)
		})
	}
}

// TestAPatchWithinItsBudget is applied, however many operations it has.
func TestAPatchWithinItsBudget(t *testing.T) {
	for name, c := range map[string]struct {
		object []byte
		answer patch.Answer
	}{
		"a list that grows in front": {list(1), operations(4096, `{"op":"add","path":"/a/0","value":0}`)},
		"a list that is emptied":     {list(4096), operations(4096, `{"op":"remove","path":"/a/0"}`)},
		"the end of a long list":     {list(400000), operations(4096, `{"op":"add","path":"/a/-","value":0}`)},
		"members of many":            {wide(2000), operations(4096, `{"op":"replace","path":"/m1999","value":1}`)},
		"tests":                      {wide(2000), operations(4096, `{"op":"test","path":"/m1000","value":0}`)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := patch.Apply(t.Context(), c.object, c.answer, most)
			require.NoError(t, err)
		})
	}
}

// asked is a context that ends when it has been asked so many times.
type asked struct {
	context.Context
	left int
	err  error
}

func (c *asked) Err() error {
	if c.left--; c.left < 0 {
		return c.err
	}
	return nil
}

// TestAPatchEndsWithItsContext: it is asked between operations.
func TestAPatchEndsWithItsContext(t *testing.T) {
	object := list(3)
	for err, code := range map[error]action.Code{context.DeadlineExceeded: action.CodeDeadline, context.Canceled: action.CodeCancelled} {
		for n := range 5 {
			got, changed, failed := patch.Apply(&asked{t.Context(), n, err}, object, operations(4, `{"op":"add","path":"/a/0","value":1}`), most)
			if n == 4 {
				require.NoError(t, failed)
				require.Equal(t, `{"a":[1,1,1,1,0,0,0]}`, string(got))
				continue
			}
			require.Equal(t, code, action.CodeOf(failed), "%v", failed)
			require.ErrorIs(t, failed, err)
			require.False(t, changed)
			require.Nil(t, got)
		}
	}
}
