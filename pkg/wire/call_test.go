package wire_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

const (
	method = "/zitadel.user.v2.UserService/AddHumanUser"
	limit  = 64 // bytes an object may have in these tests
)

// named has a body name its method, behind everything else.
func named(raw string) string {
	end := strings.LastIndex(raw, "}")
	return raw[:end] + `,"fullMethod":"` + method + `"` + raw[end:]
}

func TestNewCall(t *testing.T) {
	for _, c := range []struct {
		name   string
		phase  action.Phase
		raw    string
		want   string // empty: as it came
		object string
		org    string
	}{
		{name: "a request", phase: action.Request, raw: `{"fullMethod":"` + method + `","instanceID":"default","orgID":"acme","request":{"a":1}}`, object: `{"a":1}`, org: "acme"},
		{name: "white space, numbers and escapes stay", phase: action.Request,
			raw: named(" {\t\"request\" :\r\n { \"n\" : 9007199254740993 , \"f\":1.0,\"e\":1E+2,\"u\":\"\\u00e9\\/<&>\" } ,\"orgID\":\"\\u0061cme\" }\n"), object: `{ "n" : 9007199254740993 , "f":1.0,"e":1E+2,"u":"\u00e9\/<&>" }`, org: "acme"},
		{name: "only the object", phase: action.Request, raw: named(`{"request":{}}`), object: `{}`},
		{name: "escaped names and values are the same", phase: action.Request,
			raw: `{"\u0072equest":{},"full\u004dethod":"\/zitadel.user.v2.UserService\/AddHumanUser","instanceI\u0044":"d\u0065fault"}`, object: `{}`},
		{name: "nested members are not ours", phase: action.Request,
			raw:    named(`{"x":{"request":{"no":1},"instanceID":"other","orgID":7,"fullMethod":null},"y":[{"request":{}}],"request":{"request":{"request":1},"orgID":"o"}}`),
			object: `{"request":{"request":1},"orgID":"o"}`},
		{name: "a member in a string is none", phase: action.Request, raw: named(`{"x":"\"request\":{\"a\":1},","request":{"b":2}}`), object: `{"b":2}`},
		{name: "names are told apart by case", phase: action.Request, raw: named(`{"Request":7,"request":{},"INSTANCEID":"x","orgid":8}`), object: `{}`},
		{name: "a request may carry a response", phase: action.Request, raw: named(`{"request":{},"response":[7],"function":"x"}`), object: `{}`},
		{name: "a response", phase: action.Response, raw: named(`{"request":{"a":1},"response":{"b":2}}`), object: `{"b":2}`},
		{name: "a response's request may be anything", phase: action.Response, raw: named(`{"request":7,"response":{}}`), object: `{}`},
		{name: "an object of exactly the limit", phase: action.Request, raw: named(`{"request":{"a":"` + strings.Repeat("x", limit-8) + `"}}`), object: `{"a":"` + strings.Repeat("x", limit-8) + `"}`},
		{name: "a request's size counts in its phase only", phase: action.Response, raw: named(`{"request":{"a":"` + strings.Repeat("x", limit) + `"},"response":{}}`), object: `{}`},
		{name: "function is spliced in first", phase: action.Function, raw: `{"user":{"id":"u1"} , "orgID":"acme"}`,
			want: `{"function":"function/preuserinfo","user":{"id":"u1"} , "orgID":"acme"}`, org: "acme"},
		{name: "behind leading white space", phase: action.Function, raw: " \n{ \"a\":1}", want: " \n{\"function\":\"function/preuserinfo\", \"a\":1}"},
		{name: "into an empty context", phase: action.Function, raw: `{}`, want: `{"function":"function/preuserinfo"}`},
		{name: "into an empty context with white space", phase: action.Function, raw: "{ } ", want: `{"function":"function/preuserinfo" } `},
		{name: "present and equal", phase: action.Function, raw: `{"a":1,"function":"function/preuserinfo"}`},
		{name: "a nested function is not it", phase: action.Function, raw: `{"a":{"function":"x"}}`, want: `{"function":"function/preuserinfo","a":{"function":"x"}}`},
		{name: "with what targets returned so far", phase: action.Function, raw: `{"response":{"append_claims":[]},"b":2}`,
			want: `{"function":"function/preuserinfo","response":{"append_claims":[]},"b":2}`, object: `{"append_claims":[]}`},
		{name: "a function has no method", phase: action.Function, raw: `{"fullMethod":"/x/y","function":"function/preuserinfo"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			raw := []byte(c.raw)
			call, err := wire.NewCall("default", c.phase, nameOf(c.phase), raw, limit)
			require.NoError(t, err)
			require.Equal(t, c.raw, string(raw), "never in place")
			if c.want == "" {
				c.want = c.raw
			}
			require.Equal(t, c.want, string(call.Raw()))
			require.Equal(t, c.object, string(call.Object()))
			require.Equal(t, c.object == "", call.Object() == nil)
			require.Equal(t, []any{c.phase, nameOf(c.phase), c.org}, []any{call.Phase, call.Name, call.OrgID})
		})
	}
}

func nameOf(phase action.Phase) string {
	if phase == action.Function {
		return "preuserinfo"
	}
	return method
}

func TestNewCallRefuses(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100)
	for _, c := range []struct {
		name, raw string
		phase     action.Phase
		code      action.Code
		field     string
	}{
		{"another instance", `{"instanceID":"other","request":{}}`, action.Request, action.CodeMismatch, "instanceID"},
		{"an empty instance", `{"instanceID":"","request":{}}`, action.Request, action.CodeMismatch, "instanceID"},
		{"a null instance", `{"instanceID":null,"request":{}}`, action.Request, action.CodeMismatch, "instanceID"},
		{"another instance, of a function", `{"instanceID":"Default"}`, action.Function, action.CodeMismatch, "instanceID"},
		{"another method", `{"fullMethod":"/zitadel.user.v2.UserService/AddUser","request":{}}`, action.Request, action.CodeMismatch, "fullMethod"},
		{"a number for a method", `{"fullMethod":7,"response":{}}`, action.Response, action.CodeBadField, "fullMethod"},
		{"no method", `{"request":{}}`, action.Request, action.CodeBadField, "fullMethod"},
		{"no method, of a response", `{"response":{},"fullmethod":"` + method + `"}`, action.Response, action.CodeBadField, "fullMethod"},
		{"another function", `{"function":"function/preaccesstoken"}`, action.Function, action.CodeMismatch, "function"},
		{"the function's bare name", `{"function":"preuserinfo"}`, action.Function, action.CodeMismatch, "function"},
		{"an org that is no text", `{"orgID":7,"request":{}}`, action.Request, action.CodeBadField, "orgID"},
		{"an org too long", `{"orgID":"` + strings.Repeat("o", 201) + `","request":{}}`, action.Request, action.CodeBadField, "orgID"},
		{"an org with a control character", `{"orgID":"a\u0000","request":{}}`, action.Request, action.CodeBadField, "orgID"},
		{"no object", `{"fullMethod":"` + method + `"}`, action.Request, action.CodeBadField, "request"},
		{"no response", `{"request":{}}`, action.Response, action.CodeBadField, "response"},
		{"an object under another name only", `{"x":{"request":{}}}`, action.Request, action.CodeBadField, "request"},
		{"a null object", `{"request":null}`, action.Request, action.CodeBadField, "request"},
		{"an array", `{"request":[{}]}`, action.Request, action.CodeBadField, "request"},
		{"a text", `{"response":"{}"}`, action.Response, action.CodeBadField, "response"},
		{"a function's response that is no object", `{"response":7}`, action.Function, action.CodeBadField, "response"},
		{"an object one byte too large", `{"request":{"a":"` + strings.Repeat("x", limit-7) + `"}}`, action.Request, action.CodeTooLarge, "request"},
		{"a function's response too large", `{"response":{"a":"` + strings.Repeat("x", limit) + `"}}`, action.Function, action.CodeTooLarge, "response"},
		{"the same name twice", `{"request":{},"\u0072equest":{}}`, action.Request, action.CodeMalformed, ""},
		{"the same name twice, deep down", `{"request":{"a":[{"b":1,"b":2}]}}`, action.Request, action.CodeMalformed, ""},
		{"bad UTF-8", "{\"request\":{\"a\":\"\xff\"}}", action.Request, action.CodeMalformed, ""},
		{"half a surrogate", `{"request":{"a":"\ud800"}}`, action.Request, action.CodeMalformed, ""},
		{"a byte order mark", "\ufeff{\"request\":{}}", action.Request, action.CodeMalformed, ""},
		{"two documents", `{"request":{}}{}`, action.Request, action.CodeMalformed, ""},
		{"no object at all", `[]`, action.Request, action.CodeMalformed, ""},
		{"nothing", ``, action.Function, action.CodeMalformed, ""},
		{"cut off", `{"request":{}`, action.Request, action.CodeMalformed, ""},
		{"nested too deep", `{"request":` + deep + `}`, action.Request, action.CodeTooDeep, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := wire.NewCall("default", c.phase, nameOf(c.phase), []byte(c.raw), limit)
			var e *action.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, []any{c.code, action.StageDecode, c.field}, []any{e.Code, e.Stage, e.Field}, "%v", err)
		})
	}
}

func TestFullMethod(t *testing.T) {
	for _, raw := range []string{`{"fullMethod":"/s.T/M"}`, ` {"x":{"fullMethod":"/no/no"},"full\u004dethod" : "\/s.T\/M","request":7}`} {
		got, err := wire.FullMethod([]byte(raw))
		require.NoError(t, err)
		require.Equal(t, "/s.T/M", got)
	}
	for raw, code := range map[string]action.Code{
		`{}`: action.CodeBadField, `{"fullMethod":""}`: action.CodeBadField, `{"fullMethod":7}`: action.CodeBadField,
		`{"fullMethod":null}`: action.CodeBadField, `{"fullMethod":"s.T"}`: action.CodeBadField, `{"fullMethod":"/s.*/M"}`: action.CodeBadField,
		`{"fullmethod":"/s.T/M"}`: action.CodeBadField, `{"fullMethod":"/a/b","fullMethod":"/a/b"}`: action.CodeMalformed,
		`["fullMethod"]`: action.CodeMalformed, `{"fullMethod":"/a/b"`: action.CodeMalformed,
	} {
		_, err := wire.FullMethod([]byte(raw))
		require.Equal(t, code, action.CodeOf(err), raw)
	}
}
