package patch_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/patch"
	"github.com/callout-hq/callout/pkg/wire"
)

// TestRestore: what a target was not shown is there again as it was, whatever its answer
// made of the rest, unless it set it itself.
func TestRestore(t *testing.T) {
	const user = `{ "name":"Ada", "password":"s3cret" , "profile":{"nick":"a","ssn":"1.50"},"keys":[{"id":1,"key":"k"}] }`
	for _, c := range []struct{ before, pointers, answer, mapping, want string }{
		{user, "/password", `{"name":"Bob"}`, "merge", `{ "name":"Bob", "profile":{"nick":"a","ssn":"1.50"},"keys":[{"id":1,"key":"k"}],"password":"s3cret" }`},
		{user, "/password", `{"password":"mine"}`, "merge", `{ "name":"Ada", "profile":{"nick":"a","ssn":"1.50"},"keys":[{"id":1,"key":"k"}] ,"password":"mine"}`},
		{user, "/password", `{"password":null,"name":null}`, "merge", `{ "profile":{"nick":"a","ssn":"1.50"},"keys":[{"id":1,"key":"k"}],"password":"s3cret" }`},
		{user, "/password /profile/ssn", `{"name":"Bob"}`, "replace", `{"name":"Bob","password":"s3cret","profile":{"ssn":"1.50"}}`},
		{user, "/password /profile/ssn", `{"profile":{"nick":"b"}}`, "replace", `{"profile":{"nick":"b","ssn":"1.50"},"password":"s3cret"}`},
		{user, "/profile/ssn", `{"profile":"none"}`, "replace", `{"profile":"none"}`},
		{user, "/profile/ssn", `{"profile":{"ssn":"2"}}`, "merge", `{ "name":"Ada", "password":"s3cret" , "profile":{"nick":"a","ssn":"2"},"keys":[{"id":1,"key":"k"}] }`},
		{user, "/keys/*/key", `{"name":"Bob"}`, "merge", `{ "name":"Bob", "password":"s3cret" , "profile":{"nick":"a","ssn":"1.50"},"keys":[{"id":1,"key":"k"}] }`},
		{user, "/keys/*/key", `{"keys":[{"id":2}]}`, "merge", "not_allowed /keys"},
		{user, "/keys/*/key", `{"name":"Bob"}`, "replace", "not_allowed /keys"},
		{user, "/keys/*/key", `{"keys":[{"id":1}],"x":1}`, "replace", `{"keys":[{"id":1,"key":"k"}],"x":1}`},
		{user, "/none /name/x", `{"name":"Bob"}`, "replace", `{"name":"Bob"}`},
		{user, "/*", `{"name":"Bob"}`, "merge", `{ "name":"Bob","password":"s3cret","profile":{"nick":"a","ssn":"1.50"},"keys":[{"id":1,"key":"k"}] }`},
		{user, "/password", `[{"op":"copy","from":"/password","path":"/nick"}]`, "patch", "answer_malformed "},
		{user, "/password", `[{"op":"test","path":"/password","value":"s3cret"}]`, "patch", "answer_malformed "},
		{user, "/password", `[{"op":"add","path":"/nick","value":1}]`, "patch", `{ "name":"Ada", "profile":{"nick":"a","ssn":"1.50"},"keys":[{"id":1,"key":"k"}] ,"nick":1,"password":"s3cret"}`},
		{`{"a":{"a/b":1}}`, "/a/a~1b", `{"c":1}`, "replace", `{"c":1,"a":{"a/b":1}}`},
	} {
		ways := wire.WaysOf(strings.Fields(c.pointers))
		seen, err := ways.Redact([]byte(c.before))
		require.NoError(t, err)
		answer := patch.Answer{Body: []byte(c.answer), Mapping: action.Mapping(c.mapping), JSONPatch: c.mapping == "patch"}
		after, changed, err := patch.Apply(t.Context(), seen, answer, 1<<20)
		if err == nil && changed {
			after, err = patch.Restore([]byte(c.before), seen, after, ways, 1<<20)
		}
		if code, field, _ := strings.Cut(c.want, " "); !strings.HasPrefix(c.want, "{") {
			refusal := action.AsError(err, action.StageApply)
			require.Equal(t, code, string(action.CodeOf(err)), c.answer)
			if field != "" {
				require.Equal(t, field, refusal.Field)
			}
			continue
		}
		require.NoError(t, err, c.answer)
		require.NoError(t, wire.CheckJSON(after), "%s", after)
		require.JSONEq(t, c.want, string(after), "%s, %s, %s", c.pointers, c.mapping, c.answer)
	}
	ways := wire.WaysOf([]string{"/a"})
	_, err := patch.Restore([]byte(`{"a":"xxxxxxxx"}`), []byte(`{}`), []byte(`{"b":1}`), ways, 10)
	require.Equal(t, action.CodeTooLarge, action.CodeOf(err))
}
