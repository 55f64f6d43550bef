package wire_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

func TestWith(t *testing.T) {
	for _, c := range []struct {
		name, raw, object, want string
		phase                   action.Phase
	}{
		{"in its place", named(` { "a" : 1.0,"request" : {"x":1} , "n":9007199254740993 }` + "\n"), `{"y": 2}`,
			named(` { "a" : 1.0,"request" : {"y": 2} , "n":9007199254740993 }` + "\n"), action.Request},
		{"the response beside an equal request", named(`{"request":{"a":1},"response":{"a":1},"z":"\u00e9"}`), `{"b":2}`,
			named(`{"request":{"a":1},"response":{"b":2},"z":"\u00e9"}`), action.Response},
		{"under a name written with escapes", named(`{"\u0072equest":{}}`), `{"b":2}`, named(`{"\u0072equest":{"b":2}}`), action.Request},
		{"a function's first answer comes last", `{"user":{} }`, `{"b":2}`, `{"function":"function/preuserinfo","user":{} ,"response":{"b":2}}`, action.Function},
		{"into an empty context", "{ }\n", `{}`, "{\"function\":\"function/preuserinfo\" ,\"response\":{}}\n", action.Function},
		{"behind a text that looks like an end", `{"function":"function/preuserinfo","x":"{}}"}`, `{"b":2}`,
			`{"function":"function/preuserinfo","x":"{}}","response":{"b":2}}`, action.Function},
		{"a function's next answer in place", `{"response":{"a":1},"user":{}}`, `{"b":2}`, `{"function":"function/preuserinfo","response":{"b":2},"user":{}}`, action.Function},
	} {
		t.Run(c.name, func(t *testing.T) {
			call, err := wire.NewCall("default", c.phase, nameOf(c.phase), []byte(c.raw), limit)
			require.NoError(t, err)
			before, object := string(call.Raw()), string(call.Object())
			next := call.With([]byte(c.object))
			require.Equal(t, c.want, string(next.Raw()))
			require.Equal(t, c.object, string(next.Object()))
			require.Equal(t, []string{before, object}, []string{string(call.Raw()), string(call.Object())}, "a call is immutable")
			require.Equal(t, []any{call.Phase, call.Name, call.OrgID}, []any{next.Phase, next.Name, next.OrgID})
		})
	}
}

// TestAnObjectCannotGrowIntoItsCall: what is appended to an object must not
// land in the bytes behind it.
func TestAnObjectCannotGrowIntoItsCall(t *testing.T) {
	raw := named(`{"request":{"a":1},"z":2}`)
	call, err := wire.NewCall("default", action.Request, method, []byte(raw), limit)
	require.NoError(t, err)
	_ = append(call.Object(), "XXXXX"...)
	require.Equal(t, raw, string(call.Raw()))
}

// TestWithChangesTheObjectAndNothingElse builds a body from parts, so that what
// stands before and behind the object is known without reading it.
func TestWithChangesTheObjectAndNothingElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		phase := rapid.SampledFrom([]action.Phase{action.Request, action.Response, action.Function}).Draw(t, "phase")
		member := string(phase)
		if phase == action.Function {
			member = "response"
		}
		front, back := drawMembers(t, 0), drawMembers(t, 100)
		if phase == action.Function {
			front = append([]string{`"function" : "function/preuserinfo"`}, front...)
		} else {
			front = append([]string{`"fullMethod" : "` + method + `"`}, front...)
		}
		present := phase != action.Function || rapid.Bool().Draw(t, "present")
		space := drawSpace(t)
		head := space + "{" + strings.Join(front, ",")
		tail := space + "}" + space
		if present {
			if len(front) > 0 {
				head += ","
			}
			head += space + `"` + member + `"` + space + ":" + space
			if len(back) > 0 {
				tail = "," + strings.Join(back, ",") + tail
			}
		} else {
			head += space
		}
		raw := head + tail
		if present {
			raw = head + drawObject(t, 2) + tail
		}
		call, err := wire.NewCall("default", phase, nameOf(phase), []byte(raw), 1<<20)
		require.NoError(t, err, raw)
		require.Equal(t, raw, string(call.Raw()))
		if !present {
			head, tail = raw[:strings.LastIndex(raw, "}")]+`,"response":`, "}"+space
		}
		for range rapid.IntRange(1, 4).Draw(t, "times") {
			object := drawObject(t, 2)
			call = call.With([]byte(object))
			require.Equal(t, object, string(call.Object()))
			require.Equal(t, head+object+tail, string(call.Raw()))
			require.NoError(t, wire.CheckJSON(call.Raw()))
		}
	})
}

func drawSpace(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", "", " ", "\n", "\r\n\t "}).Draw(t, "space")
}

// drawMembers gives members of an object, each with a name of its own.
func drawMembers(t *rapid.T, from int) []string {
	names := []string{"", "a", `re\"quest`, `}\\`, `{`, `,`, "Request", "headers", `é`, `\ud83d\ude42`}
	var out []string
	for i, n := range rapid.SliceOfNDistinct(rapid.IntRange(0, len(names)-1), 0, 4, rapid.ID).Draw(t, "members") {
		name := names[n]
		if from > 0 {
			name += string(rune('0' + i)) // not one of those in front
		}
		out = append(out, drawSpace(t)+`"`+name+`"`+drawSpace(t)+":"+drawSpace(t)+drawValue(t, 2)+drawSpace(t))
	}
	return out
}

func drawValue(t *rapid.T, depth int) string {
	kinds := []string{"null", "true", "9007199254740993", "1.0", "-0", "1E+400", `"\u00e9<&>\/"`, `"\"request\":{"`, `"}"`, "[ ]", `[1, {"request":2}]`}
	value := rapid.SampledFrom(append(kinds, "{")).Draw(t, "value")
	if value == "{" {
		return drawObject(t, depth)
	}
	return value
}

func drawObject(t *rapid.T, depth int) string {
	if depth == 0 {
		return "{" + drawSpace(t) + "}"
	}
	names := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"request", "response", "function", "instanceID", "orgID", "x"}), 0, 3, rapid.ID).Draw(t, "names")
	parts := make([]string, len(names))
	for i, n := range names {
		parts[i] = drawSpace(t) + `"` + n + `"` + drawSpace(t) + ":" + drawSpace(t) + drawValue(t, depth-1)
	}
	return "{" + strings.Join(parts, ",") + drawSpace(t) + "}"
}
