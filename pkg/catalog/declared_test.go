package catalog

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

// declared is what two cores have said.
func declared() *Declared {
	return Gather([]Declaration{
		{Core: "users", Methods: []string{"/acme.user.v1.UserService/AddUser", "/acme.user.v1.UserService/GetUser"},
			EventTypes: []string{"user.human.added", "user.removed"}},
		{Core: "orgs", Methods: []string{"/acme.org.v1.OrgService/AddOrg", "/acme.user.v1.UserService/GetUser"}, EventTypes: []string{"org.added"}},
	})
}

func TestGather(t *testing.T) {
	d := declared()
	require.Equal(t, []string{"/acme.org.v1.OrgService/AddOrg", "/acme.user.v1.UserService/AddUser", "/acme.user.v1.UserService/GetUser"}, d.Methods)
	require.Equal(t, []string{"acme.org.v1.OrgService", "acme.user.v1.UserService"}, d.Services)
	require.Equal(t, []string{"org.added", "user.human.added", "user.removed"}, d.EventTypes)
	require.Empty(t, d.Functions)
	require.Equal(t, []string{"orgs", "users"}, []string{d.Cores[0].Core, d.Cores[1].Core})
}

// TestKnows has no function declared, so that nothing is known of functions.
func TestKnows(t *testing.T) {
	for _, c := range []struct {
		phase action.Phase
		match string
		want  bool
	}{
		{action.Request, "*", true}, {action.Response, "*", true}, {action.OnEvent, "*", true},
		{action.Request, "/acme.user.v1.UserService/AddUser", true},
		{action.Response, "/acme.user.v1.UserService/AddUser", true},
		{action.Request, "/acme.user.v1.UserService/AddUsers", false},
		{action.Request, "/acme.user.v1.UserService/adduser", false},
		{action.Request, "acme.user.v1.UserService", true},
		{action.Response, "acme.user.v1", false},
		{action.Response, "acme.user.v1.UserServic", false},
		{action.Function, "anything", true},
		{action.OnEvent, "user.removed", true},
		{action.OnEvent, "user.human", false},
		{action.OnEvent, "user.*", true},
		{action.OnEvent, "user.human.*", true},
		{action.OnEvent, "user.human.added.*", false},
		{action.OnEvent, "use.*", false},
		{action.OnEvent, "org.*", true},
	} {
		require.Equal(t, c.want, declared().Knows(action.Condition{Phase: c.phase, Match: c.match}), "%s %s", c.phase, c.match)
	}
	nothing := Gather(nil)
	require.True(t, nothing.Knows(action.Condition{Phase: action.Request, Match: "/s.S/M"}))
}

func TestHint(t *testing.T) {
	d := declared()
	for _, c := range []struct {
		phase      action.Phase
		name, want string
	}{
		{action.Request, "/acme.user.v1.UserService/GetUser", ""},
		{action.Function, "create_id_token", ""},
		{action.Request, "/acme.user.v1.UserService/GetUsr", `no core has declared the method "/acme.user.v1.UserService/GetUsr"; did you mean "/acme.user.v1.UserService/GetUser"?`},
		{action.OnEvent, "user.remove", `no core has declared the event type "user.remove"; did you mean "user.removed"?`},
		{action.OnEvent, "session.opened.by.somebody", `no core has declared the event type "session.opened.by.somebody"`},
	} {
		require.Equal(t, c.want, d.Hint(c.phase, c.name))
	}
}

const undeclaredEdit = `
targets: {t: {type: webhook, url: https://a.example/t}}
requests:
  "*": {targets: [{target: t}]}
  add: {condition: /acme.user.v1.UserService/AddUsr, targets: [{target: t}]}
  acme.user.v1.UserServices: {targets: [{target: t}]}
  /acme.user.v1.UserService/GetUser: {targets: [{target: t}]}
  shared: {targets: [{target: t}]}
events:
  "usr.*": {targets: [{target: t}]}
  user.removed: {targets: [{target: t}]}
functions:
  anything: {targets: [{target: t}]}
orgs:
  acme: {responses: {/acme.org.v1.OrgService/Gone: {targets: [{target: t}]}}}
`

func TestUndeclared(t *testing.T) {
	d, next := declared(), parsed(t, undeclaredEdit)
	var got []string
	for _, p := range d.Undeclared(Empty("default"), next) {
		got = append(got, p.String())
	}
	require.Equal(t, []string{
		`events.usr.*: error: no core has declared an event type under "usr.*"; did you mean "user.*"? [unknown_condition]`,
		`orgs.acme.responses./acme.org.v1.OrgService/Gone: error: no core has declared the method "/acme.org.v1.OrgService/Gone"; did you mean "/acme.org.v1.OrgService/AddOrg"? [unknown_condition]`,
		`requests.acme.user.v1.UserServices: error: no core has declared a method of the service "acme.user.v1.UserServices"; did you mean "acme.user.v1.UserService"? [unknown_condition]`,
		`requests.add.condition: error: no core has declared the method "/acme.user.v1.UserService/AddUsr"; did you mean "/acme.user.v1.UserService/AddUser"? [unknown_condition]`,
	}, unquotedPaths(got))
	require.Equal(t, []string{
		"event usr.*", "request /acme.user.v1.UserService/AddUsr", "request acme.user.v1.UserServices", "response /acme.org.v1.OrgService/Gone",
	}, d.Unknown(next))
}

// unquotedPaths takes out the quotes of a path, which other tests hold.
func unquotedPaths(lines []string) []string {
	for i, l := range lines {
		path, rest, _ := strings.Cut(l, ": error")
		lines[i] = strings.ReplaceAll(path, `"`, "") + ": error" + rest
	}
	return lines
}

// TestWhatWasInForceStays: only what an edit brings in is refused. An execution
// that it changes is doubted, one that it leaves alone or removes is not looked
// at, and one that moves to another scope is new.
func TestWhatWasInForceStays(t *testing.T) {
	d, before := declared(), parsed(t, undeclaredEdit)
	require.Empty(t, d.Undeclared(before, before))
	require.Empty(t, d.Undeclared(before, Empty("default")))

	changed := strings.Replace(undeclaredEdit, "AddUsr, targets: [{target: t}]", "AddUsr, targets: [{target: t}, {target: t}]", 1)
	found := d.Undeclared(before, parsed(t, changed))
	require.Len(t, found, 1)
	require.Equal(t, Warning, found[0].Severity)
	require.Contains(t, found[0].Message, "it was in force before and stays")

	renamed := strings.Replace(undeclaredEdit, "  add: {", "  other: {", 1)
	found = d.Undeclared(before, parsed(t, renamed))
	require.Len(t, found, 1)
	require.Equal(t, []any{Warning, "requests.other.condition"}, []any{found[0].Severity, found[0].Path})

	moved := strings.Replace(undeclaredEdit, "orgs:\n  acme: {", "orgs:\n  other: {", 1)
	found = d.Undeclared(before, parsed(t, moved))
	require.Len(t, found, 1)
	require.Equal(t, Error, found[0].Severity)
}

func TestUnknownConditions(t *testing.T) {
	found := declared().Undeclared(Empty("default"), parsed(t, undeclaredEdit))
	err := error(&UnknownConditions{Problems: found})
	var of *action.Error
	require.ErrorAs(t, err, &of)
	require.Equal(t, []any{action.CodeUnknownCondition, 400, "condition"}, []any{of.Code, of.Status, of.Field})
	require.Equal(t, `no core has declared an event type under "usr.*"; did you mean "user.*"? (and 3 more)`, of.Message)
	require.Len(t, strings.Split(err.Error(), "\n"), 4)
}

func TestDeclarationCheck(t *testing.T) {
	names := func(n int) []string {
		out := make([]string, n)
		for i := range out {
			out[i] = fmt.Sprintf("t%d", i)
		}
		return out
	}
	for _, c := range []struct {
		name  string
		d     Declaration
		code  action.Code
		field string
	}{
		{"nothing but a core", Declaration{Core: "a core"}, "", ""},
		{"as much as there may be", Declaration{Core: "c", EventTypes: names(MaxDeclared)}, "", ""},
		{"no core", Declaration{Methods: []string{"/s.S/M"}}, action.CodeBadField, "core"},
		{"a core's name too long", Declaration{Core: strings.Repeat("c", 101)}, action.CodeBadField, "core"},
		{"no method", Declaration{Core: "c", Methods: []string{"/s.S/M", "s.S"}}, action.CodeBadField, "methods[1]"},
		{"a condition for a method", Declaration{Core: "c", Methods: []string{"*"}}, action.CodeBadField, "methods[0]"},
		{"no function", Declaration{Core: "c", Functions: []string{""}}, action.CodeBadField, "functions[0]"},
		{"a group for a type", Declaration{Core: "c", EventTypes: []string{"a", "b", "user.*"}}, action.CodeBadField, "event_types[2]"},
		{"one name too many", Declaration{Core: "c", Methods: []string{"/s.S/M"}, EventTypes: names(MaxDeclared)}, action.CodeTooLarge, ""},
	} {
		err := c.d.Check()
		require.Equal(t, c.code, action.CodeOf(err), "%s: %v", c.name, err)
		if err != nil {
			var of *action.Error
			require.ErrorAs(t, err, &of)
			require.Equal(t, c.field, of.Field, c.name)
		}
	}
}

func TestDeclarationIsStoredAsJSON(t *testing.T) {
	d := Declaration{Core: "c", Methods: []string{"/s.S/M"}, Functions: []string{"f"}, EventTypes: []string{"user.added"}}
	raw, err := d.Encode()
	require.NoError(t, err)
	require.JSONEq(t, `{"core":"c","methods":["/s.S/M"],"functions":["f"],"event_types":["user.added"]}`, string(raw))
	back, err := DecodeDeclaration(raw)
	require.NoError(t, err)
	require.Equal(t, d, back)
	back, err = DecodeDeclaration([]byte(`{"core":"c","functions":["f"],"Functions":["g"],"Methods":["/s.S/M"]}`))
	require.NoError(t, err)
	require.Equal(t, Declaration{Core: "c", Functions: []string{"f"}}, back, "names are exact")
	_, err = DecodeDeclaration([]byte(`{"core":"c","methods":["no"]}`))
	require.Equal(t, action.CodeBadField, action.CodeOf(err))
	_, err = DecodeDeclaration([]byte(`[]`))
	require.Equal(t, action.CodeMalformed, action.CodeOf(err))

	_, err = DecodeDeclaration([]byte(`{"core":"c","functions":["f"],"format":9}`))
	require.Equal(t, action.CodeNewer, action.CodeOf(err))
	_, err = DecodeDeclaration(append([]byte(`{"core":"c","functions":["f"]}`), make([]byte, MaxDeclaredBytes)...))
	require.Equal(t, action.CodeTooLarge, action.CodeOf(err))

	long := Declaration{Core: "c"}
	for i := range MaxDeclared / 2 {
		long.EventTypes = append(long.EventTypes, fmt.Sprintf("%0240d", i))
	}
	_, err = long.Encode()
	require.Equal(t, action.CodeTooLarge, action.CodeOf(err))
}

// BenchmarkUndeclared is the dearest edit: nothing in it is declared.
func BenchmarkUndeclared(b *testing.B) {
	core := Declaration{Core: "c"}
	for i := range MaxDeclared {
		core.Methods = append(core.Methods, fmt.Sprintf("/acme.package%d.v1.Service/Method%d", i%100, i))
	}
	next := Empty("default")
	for i := range 10000 {
		m := fmt.Sprintf("/acme.packages%d.v1.Service/Methods%d", i%100, i)
		next.Scopes[""] = &Scope{Sections: map[action.Phase][]action.Execution{action.Request: append(next.Scopes[""].Sections[action.Request], action.Execution{Name: m, Match: m})}}
	}
	d := Gather([]Declaration{core})
	for b.Loop() {
		require.Len(b, d.Undeclared(Empty("default"), next), 10000)
	}
}
