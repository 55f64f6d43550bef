package work

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/patch"
)

// TestAPatchOverItsBudgetIsRefused: one answer cannot keep a worker busy behind
// the deadline of its call, in no instance; the object stays as it was.
func TestAPatchOverItsBudgetIsRefused(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(chainConfig)
	g.worker()
	operations := "[" + strings.TrimSuffix(strings.Repeat(`{"op":"add","path":"/list/0","value":0},`, 4096), ",") + "]"
	g.both(func(in at) {
		for _, target := range []string{"guard", "first"} {
			g.hooks.answer(in.id+"/"+target, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", patch.JSONPatch)
				_, _ = io.WriteString(w, operations)
			})
		}
		object := `{"list":[` + strings.Repeat("0,", 300000) + `0]}`
		r, err := in.method("guarded", object)
		require.NoError(t, err)
		require.Equal(t, action.Failed, r.Outcome)
		require.Equal(t, action.CodeAnswerMalformed, r.Error.Code)
		require.Equal(t, "the JSON Patch takes more than 16777216 steps", r.Error.Message)
		require.Nil(t, r.Object)
		g.says("second", 200, `{}`)
		r, err = in.method("chain", object)
		require.NoError(t, err)
		require.Equal(t, action.Continue, r.Outcome)
		require.Len(t, r.Warnings, 1)
		require.Nil(t, r.Object)
	})
}
