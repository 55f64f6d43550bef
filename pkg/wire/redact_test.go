package wire_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/callout-hq/callout/pkg/wire"
)

func TestRedact(t *testing.T) {
	for _, c := range []struct{ raw, pointers, want string }{
		{`{"a":1,"b":2}`, "/a", `{"b":2}`},
		{`{"a":1,"b":2}`, "/b", `{"a":1}`},
		{`{"a":1,"b":2}`, "/a /b", `{}`},
		{`{ "a" : 1 , "b" : 2 , "c" : 3 }`, "/b", `{ "a" : 1 , "c" : 3 }`},
		{`{ "a" : 1 , "b" : 2 , "c" : 3 }`, "/b /c", `{ "a" : 1 }`},
		{`{ "a" : 1 , "b" : 2 , "c" : 3 }`, "/a /c", `{ "b" : 2 }`},
		{`{ "a" : 1 , "b" : 2 }`, "/a /b", `{  }`},
		{`{"a":{"b":{"c":1,"d":[1,2]}},"e":"x"}`, "/a/b/c", `{"a":{"b":{"d":[1,2]}},"e":"x"}`},
		{`{"a":{"b":1},"c":[{"b":2,"x":1},{"x":2},{"b":3}]}`, "/c/*/b", `{"a":{"b":1},"c":[{"x":1},{"x":2},{}]}`},
		{`{"a":{"b":1,"c":2},"d":{"b":3}}`, "/*/b", `{"a":{"c":2},"d":{}}`},
		{`{"a":[1,2,3]}`, "/a/1", `{"a":[1,3]}`},
		{`{"a":[1,2,3]}`, "/a/*", `{"a":[]}`},
		{`{"a":[1,2,3]}`, "/a/2 /a/1", `{"a":[1]}`},
		{`{"a/b":1,"c~d":2,"~1":3}`, "/a~1b /c~0d /~01", `{}`},
		{`{"pass\u0077ord":"x","k":1}`, "/password", `{"k":1}`},
		{`{"a":"b","n":9007199254740993}`, "/a/b /x /a/*", `{"a":"b","n":9007199254740993}`},
		{`{"":1,"a":2}`, "/", `{"a":2}`},
		{`{"a":1}`, "/*", `{}`},
		{`{"a":{"b":1},"c":{"b":2}}`, "/a/b /a", `{"c":{"b":2}}`},
	} {
		got, err := wire.WaysOf(strings.Fields(c.pointers)).Redact([]byte(c.raw))
		require.NoError(t, err, c.raw)
		require.Equal(t, c.want, string(got), "%s of %s", c.pointers, c.raw)
	}
	raw := []byte(`{"a":1}`)
	got, err := wire.WaysOf(nil).Redact(raw)
	require.NoError(t, err)
	require.Same(t, &raw[0], &got[0])
	for _, raw := range []string{"", "7", `"a"`, `{"a"`, `{"a":1`} {
		_, err := wire.WaysOf([]string{"/a"}).Redact([]byte(raw))
		require.Error(t, err, "%q goes nowhere", raw)
	}
}

// redacted is what Redact must say, written with encoding/json.
func redacted(value any, way []string) (left any, gone bool) {
	if len(way) == 0 {
		return nil, true
	}
	switch of := value.(type) {
	case map[string]any:
		for name, v := range of {
			if way[0] == name || way[0] == "*" {
				if of[name], gone = redacted(v, way[1:]); gone {
					delete(of, name)
				}
			}
		}
	case []any:
		kept := []any{}
		for _, v := range of {
			if way[0] == "*" {
				if v, gone = redacted(v, way[1:]); gone {
					continue
				}
			}
			kept = append(kept, v)
		}
		return kept, false
	}
	return value, false
}

// TestRedactAgrees with a model that works on values; what is left is well-formed.
func TestRedactAgrees(t *testing.T) {
	name := rapid.SampledFrom([]string{"a", "b", "c"})
	var value func(depth int) *rapid.Generator[any]
	value = func(depth int) *rapid.Generator[any] {
		if depth == 0 {
			return rapid.Just[any](1.5)
		}
		return rapid.OneOf(rapid.Just[any]("x\"]}"), rapid.Map(rapid.MapOfN(name, value(depth-1), 0, 3), func(m map[string]any) any { return m }),
			rapid.Map(rapid.SliceOfN(value(depth-1), 0, 3), func(s []any) any { return s }))
	}
	rapid.Check(t, func(t *rapid.T) {
		object := rapid.MapOfN(name, value(3), 0, 3).Draw(t, "object")
		raw, err := json.Marshal(object)
		require.NoError(t, err)
		if rapid.Bool().Draw(t, "spaced") {
			raw, err = json.MarshalIndent(object, " ", "\t")
			require.NoError(t, err)
		}
		way := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "*"}), 1, 4).Draw(t, "way")
		got, err := wire.WaysOf([]string{"/" + strings.Join(way, "/")}).Redact(raw)
		require.NoError(t, err)
		require.NoError(t, wire.CheckJSON(got), "%s", got)
		want, _ := redacted(any(object), way)
		text, err := json.Marshal(want)
		require.NoError(t, err)
		require.JSONEq(t, string(text), string(got), "%v of %s", way, raw)
	})
}

// FuzzRedact: whatever is in the body, what is left is well-formed, has nothing that the
// pointer leads to, and agrees with a model where elements of arrays are not counted.
func FuzzRedact(f *testing.F) {
	for _, pointer := range []string{"/a", "/a/b", "/*/b", "/a/*", "/a/1", "/", "//", "/a~1b", "/~0", "/~", "/*/*/*"} {
		f.Add([]byte(`{"a":{"b":[1,{"b":2}],"a/b":3,"~":4,"":5},"b":"\u0061"}`), pointer)
		f.Add([]byte(` [ {"a" : 1}, [ ] , "x" ] `), pointer)
	}
	f.Fuzz(func(t *testing.T, raw []byte, pointer string) {
		if !strings.HasPrefix(pointer, "/") || wire.CheckJSON(raw) != nil {
			return // neither is configured, nor a body
		}
		ways := wire.WaysOf([]string{pointer})
		got, err := ways.Redact(raw)
		if err != nil {
			return
		}
		require.NoError(t, wire.CheckJSON(got), "%s", got)
		parts := strings.Split(pointer[1:], "/")
		for n, part := range parts {
			if part != "*" && strings.Trim(part, "0123456789") == "" && part != "" {
				return
			}
			parts[n] = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
			if part != "*" && parts[n] == "*" {
				return
			}
		}
		require.Empty(t, ways.Values(nil, got), "%s of %s is still there", pointer, raw)
		require.Equal(t, modelled(t, raw, parts), decoded(t, got))
	})
}

func decoded(t *testing.T, raw []byte) (value any) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	require.NoError(t, decoder.Decode(&value))
	return value
}

func modelled(t *testing.T, raw []byte, way []string) any {
	t.Helper()
	left, _ := redacted(decoded(t, raw), way)
	return left
}
