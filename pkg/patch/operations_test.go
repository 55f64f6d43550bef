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

// TestJSONPatch: the examples of RFC 6902, appendix A, then what its text and
// that of RFC 6901 say besides. Without a wanted object the patch is refused.
func TestJSONPatch(t *testing.T) {
	for _, c := range []struct{ object, body, want string }{
		{`{"foo":"bar"}`, `[{"op":"add","path":"/baz","value":"qux"}]`, `{"foo":"bar","baz":"qux"}`},
		{`{"foo":["bar","baz"]}`, `[{"op":"add","path":"/foo/1","value":"qux"}]`, `{"foo":["bar","qux","baz"]}`},
		{`{"baz":"qux","foo":"bar"}`, `[{"op":"remove","path":"/baz"}]`, `{"foo":"bar"}`},
		{`{"foo":["bar","qux","baz"]}`, `[{"op":"remove","path":"/foo/1"}]`, `{"foo":["bar","baz"]}`},
		{`{"baz":"qux","foo":"bar"}`, `[{"op":"replace","path":"/baz","value":"boo"}]`, `{"baz":"boo","foo":"bar"}`},
		{`{"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}}`, `[{"op":"move","from":"/foo/waldo","path":"/qux/thud"}]`, `{"foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}}`},
		{`{"foo":["all","grass","cows","eat"]}`, `[{"op":"move","from":"/foo/1","path":"/foo/3"}]`, `{"foo":["all","cows","eat","grass"]}`},
		{`{"baz":"qux","foo":["a",2,"c"]}`, `[{"op":"test","path":"/baz","value":"qux"},{"op":"test","path":"/foo/1","value":2},{"op":"add","path":"/x","value":1}]`, `{"baz":"qux","foo":["a",2,"c"],"x":1}`},
		{`{"baz":"qux"}`, `[{"op":"test","path":"/baz","value":"bar"}]`, ``},
		{`{"foo":"bar"}`, `[{"op":"add","path":"/child","value":{"grandchild":{}}}]`, `{"foo":"bar","child":{"grandchild":{}}}`},
		{`{"foo":"bar"}`, `[{"op":"add","path":"/baz","value":"qux","xyz":123}]`, `{"foo":"bar","baz":"qux"}`},
		{`{"foo":"bar"}`, `[{"op":"add","path":"/baz/bat","value":"qux"}]`, ``},
		{`{"/":9,"~1":10}`, `[{"op":"test","path":"/~01","value":10},{"op":"replace","path":"/~1","value":8}]`, `{"/":8,"~1":10}`},
		{`{"/":9,"~1":10}`, `[{"op":"test","path":"/~01","value":"10"}]`, ``},
		{`{"foo":["bar"]}`, `[{"op":"add","path":"/foo/-","value":["abc","def"]}]`, `{"foo":["bar",["abc","def"]]}`},

		{`{"a":1,"":7}`, `[{"op":"remove","path":""}]`, ``},
		{`{"a":1,"":7}`, `[{"op":"remove","path":"/"}]`, `{"a":1}`},
		{`{"a":{"b":1},"":7}`, `[{"op":"copy","from":"/a","path":""}]`, `{"b":1}`},
		{`{"a":{"b":1}}`, `[{"op":"move","from":"/a","path":""}]`, `{"b":1}`},
		{`{"a":1}`, `[{"op":"copy","from":"/a","path":""}]`, ``},
		{`{"a":1}`, `[{"op":"test","path":"/nope","value":null}]`, ``},
		{`{"a":null}`, `[{"op":"test","path":"/a","value":null},{"op":"add","path":"/a","value":2}]`, `{"a":2}`},
		{`{"a":{"b":1.50}}`, `[{"op":"test","path":"/a/b","value":1.5},{"op":"add","path":"/c","value":0}]`, `{"a":{"b":1.50},"c":0}`},
		{`{"a":100}`, `[{"op":"test","path":"/a","value":1e2},{"op":"test","path":"/a","value":1000e-1},{"op":"remove","path":"/a"}]`, `{}`},
		{`{"a":9007199254740993}`, `[{"op":"test","path":"/a","value":9007199254740992}]`, ``},
		{`{"a":-0}`, `[{"op":"test","path":"/a","value":0.0},{"op":"remove","path":"/a"}]`, `{}`},
		{`{"a":1}`, `[{"op":"test","path":"/a","value":-1}]`, ``},
		{`{"a":"\u00e9"}`, `[{"op":"test","path":"/a","value":"é"},{"op":"remove","path":"/a"}]`, `{}`},
		{`{"a":{"x":1,"y":[1,{"z":2}]}}`, `[{"op":"test","path":"/a","value":{"y":[1.0,{"z":2}],"x":1}},{"op":"remove","path":"/a"}]`, `{}`},
		{`{"a":{"x":1}}`, `[{"op":"test","path":"/a","value":{"x":1,"y":2}}]`, ``},
		{`{"a":[1,2]}`, `[{"op":"test","path":"/a","value":[2,1]}]`, ``},
		{`{"a":{"b":1}}`, `[{"op":"replace","path":"a/b","value":2}]`, ``},
		{`{"l":[1,2]}`, `[{"op":"replace","path":"/l/01","value":3}]`, ``},
		{`{"l":[1,2]}`, `[{"op":"replace","path":"/l/-1","value":3}]`, ``},
		{`{"l":[1,2]}`, `[{"op":"replace","path":"/l/-","value":3}]`, ``},
		{`{"l":[1,2]}`, `[{"op":"replace","path":"/l/2","value":3}]`, ``},
		{`{"l":[1,2]}`, `[{"op":"add","path":"/l/2","value":3}]`, `{"l":[1,2,3]}`},
		{`{"l":[1,2]}`, `[{"op":"add","path":"/l/3","value":3}]`, ``},
		{`{"l":[1,2]}`, `[{"op":"remove","path":"/l/0"},{"op":"remove","path":"/l/0"}]`, `{"l":[]}`},
		{`{"a":1}`, `[{"op":"replace","path":"/b","value":2}]`, ``},
		{`{"a":{"b":1}}`, `[{"op":"move","from":"/a","path":"/a/b"}]`, ``},
		{`{"a":1,"b":2}`, `[{"op":"move","from":"/a","path":"/a"}]`, `{"b":2,"a":1}`},
		{`{"a":1}`, `[{"op":"add","path":"/~2","value":2}]`, ``},
		{`{"a":1}`, `[{"op":"add","path":"/a"}]`, ``},
		{`{"a":1}`, `[{"op":"add","value":1}]`, ``},
		{`{"a":1}`, `[{"op":"move","path":"/b"}]`, ``},
		{`{"a":1}`, `[{"op":"spin","path":"/b"}]`, ``},
		{`{"a":1}`, `[{"path":"/b"}]`, ``},
		{`{"a":1}`, `[{"op":"add","path":7,"value":1}]`, ``},
		{`{"a":1}`, `["add"]`, ``},
		{`{"a":1}`, `[{"op":"add","path":"/b","value":1,"path":"/c"}]`, ``},
		{`{"a":1}`, `[{"op":"add","path":"/n\u0061me\"","value":1}]`, `{"a":1,"name\"":1}`},
		{`{"a":{"b":[1]}}`, `[{"op":"copy","from":"/a/b","path":"/c"},{"op":"add","path":"/c/-","value":2}]`, `{"a":{"b":[1]},"c":[1,2]}`},
	} {
		object := strings.Clone(c.object)
		got, _, err := patch.Apply(context.Background(), []byte(object), patch.Answer{Body: []byte(c.body), JSONPatch: true}, 1<<20)
		if c.want == "" {
			require.Equal(t, action.CodeAnswerMalformed, action.CodeOf(err), "%s on %s gave %s", c.body, c.object, got)
			continue
		}
		require.NoError(t, err, c.body)
		require.Equal(t, c.want, string(got), "%s on %s", c.body, c.object)
		require.Equal(t, c.object, object, "never in place")
	}
}

// TestJSONPatchHasABound: more operations than the bound are refused by name,
// and as many as it allows are applied.
func TestJSONPatchHasABound(t *testing.T) {
	body := func(n int) []byte {
		one := make([]string, n)
		for i := range one {
			one[i] = fmt.Sprintf(`{"op":"add","path":"/l/0","value":%d}`, i)
		}
		return []byte("[" + strings.Join(one, ",") + "]")
	}
	_, changed, err := patch.Apply(context.Background(), []byte(`{"l":[]}`), patch.Answer{Body: body(4096), JSONPatch: true}, 1<<20)
	require.NoError(t, err)
	require.True(t, changed)
	_, _, err = patch.Apply(context.Background(), []byte(`{"l":[]}`), patch.Answer{Body: body(4097), JSONPatch: true}, 1<<20)
	require.ErrorContains(t, err, "more than 4096 operations")
}
