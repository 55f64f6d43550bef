package manage_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/manage"
	"github.com/callout-hq/callout/pkg/node"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

const extended = `
targets: {log: {type: webhook, url: "https://a.example/log"}}
requests:
  /acme.user.v1.UserService/Gone: {targets: [{target: log}]}
  "*": {targets: [{target: log}]}
events:
  "user.*": {targets: [{target: log}]}
`

// usersCore declares methods and types, and no function.
func usersCore() *calloutv1.Declaration {
	return &calloutv1.Declaration{Core: "users",
		Methods:    []string{"/acme.user.v1.UserService/GetUser", "/acme.user.v1.UserService/AddUser"},
		EventTypes: []string{"user.human.added", "user.removed"}}
}

func TestDeclareAndList(t *testing.T) {
	t.Parallel()
	n := run(t, extended, nil)
	for _, w := range wires {
		t.Run(w.name, func(t *testing.T) {
			c := client(t, n.HTTPURL(), w)
			declared := ask(t, c.DeclareConditions, &calloutv1.DeclareConditionsRequest{Declaration: usersCore()})
			require.Equal(t, []string{"request /acme.user.v1.UserService/Gone"}, declared.GetUnknown())
			ask(t, c.DeclareConditions, &calloutv1.DeclareConditionsRequest{Declaration: &calloutv1.Declaration{Core: "tokens", Functions: []string{"create_id_token"}}})

			all := ask(t, c.ListConditions, &calloutv1.ListConditionsRequest{})
			require.Equal(t, []string{"/acme.user.v1.UserService/AddUser", "/acme.user.v1.UserService/GetUser"}, all.GetMethods())
			require.Equal(t, []string{"acme.user.v1.UserService"}, all.GetServices())
			require.Equal(t, []string{"create_id_token"}, all.GetFunctions())
			require.Equal(t, []string{"user.human.added", "user.removed"}, all.GetEventTypes())
			require.Len(t, all.GetCores(), 2)
			require.Equal(t, []string{"tokens", "users"}, []string{all.GetCores()[0].GetCore(), all.GetCores()[1].GetCore()})
			require.Empty(t, all.GetCores()[1].GetMethods(), "without the names")
			require.WithinDuration(t, time.Now(), all.GetCores()[1].GetUpdateTime().AsTime(), bound)

			some := ask(t, c.ListConditions, &calloutv1.ListConditionsRequest{Contains: "ADDuser"})
			require.Equal(t, []string{"/acme.user.v1.UserService/AddUser"}, some.GetMethods())
			require.Empty(t, append(some.GetServices(), some.GetEventTypes()...))
			require.Len(t, some.GetCores(), 2)
		})
	}
	c := plain(t, n)
	ask(t, c.DeclareConditions, &calloutv1.DeclareConditionsRequest{Declaration: &calloutv1.Declaration{Core: "users"}})
	require.Empty(t, ask(t, c.ListConditions, &calloutv1.ListConditionsRequest{}).GetMethods(), "taken back")
	refused(t, connect.CodeNotFound, c.DeclareConditions, &calloutv1.DeclareConditionsRequest{Instance: "nobody", Declaration: usersCore()})
	refused(t, connect.CodeNotFound, c.ListConditions, &calloutv1.ListConditionsRequest{Instance: "later"})

	status, answer := post(t, n.HTTPURL()+"/callout.v1.ActionService/DeclareConditions", `{"declaration":{"core":"c","methods":["/s.S/M"],"functions":["f"],"eventTypes":["a"]}}`, nil)
	require.Equal(t, 200, status, answer)
	require.JSONEq(t, `{"unknown":["event user.*","request /acme.user.v1.UserService/Gone"]}`, answer)
}

func TestDeclareRefuses(t *testing.T) {
	t.Parallel()
	c := plain(t, run(t, "", nil))
	for _, tt := range []struct {
		field string
		code  connect.Code
		d     *calloutv1.Declaration
	}{
		{"declaration.core", connect.CodeInvalidArgument, nil},
		{"declaration.core", connect.CodeInvalidArgument, &calloutv1.Declaration{Core: strings.Repeat("c", 101)}},
		{"declaration.methods[1]", connect.CodeInvalidArgument, &calloutv1.Declaration{Core: "c", Methods: []string{"/s.S/M", "s.S"}}},
		{"declaration.functions[0]", connect.CodeInvalidArgument, &calloutv1.Declaration{Core: "c", Functions: []string{"*"}}},
		{"declaration.event_types[0]", connect.CodeInvalidArgument, &calloutv1.Declaration{Core: "c", EventTypes: []string{"user.*"}}},
		{"", connect.CodeResourceExhausted, &calloutv1.Declaration{Core: "c", EventTypes: slices.Repeat([]string{"a"}, 20001)}},
		{"", connect.CodeResourceExhausted, &calloutv1.Declaration{Core: "c", EventTypes: slices.Repeat([]string{strings.Repeat("a", 250)}, 10000)}},
	} {
		err := refused(t, tt.code, c.DeclareConditions, &calloutv1.DeclareConditionsRequest{Declaration: tt.d})
		require.Equal(t, tt.field, manage.Detail(err).GetField())
	}
	refused(t, connect.CodeInvalidArgument, c.DeclareConditions, &calloutv1.DeclareConditionsRequest{Instance: "a\nb", Declaration: usersCore()})
	err := refused(t, connect.CodeNotFound, c.DeclareConditions, &calloutv1.DeclareConditionsRequest{Instance: "nobody", Declaration: usersCore()})
	require.Equal(t, "unknown_instance", manage.Detail(err).GetCode(), "it would lie there for whoever makes one of that name")
}

const misspelled = extended + `
  user.remove: {targets: [{target: log}]}
functions:
  create_id_token: {targets: [{target: log}]}
responses:
  acme.user.v1.UserServise: {targets: [{target: log}]}
`

// TestUndeclaredIsRefused with everything at once. What was in force before
// stays, and nothing is known of functions.
func TestUndeclaredIsRefused(t *testing.T) {
	t.Parallel()
	n := run(t, extended, nil)
	c := plain(t, n)
	ask(t, c.Apply, &calloutv1.ApplyRequest{Configuration: misspelled, DryRun: true}) // nobody has declared anything
	ask(t, c.DeclareConditions, &calloutv1.DeclareConditionsRequest{Declaration: usersCore()})
	for _, dry := range []bool{true, false} {
		err := refused(t, connect.CodeInvalidArgument, c.Apply, &calloutv1.ApplyRequest{Configuration: misspelled, File: "users.yaml", DryRun: dry})
		detail := manage.Detail(err)
		require.Equal(t, []string{"unknown_condition", "catalog", "condition"}, []string{detail.GetCode(), detail.GetStage(), detail.GetField()})
		var found []string
		for _, p := range detail.GetProblems() {
			found = append(found, manage.Problem(p).String())
		}
		require.Equal(t, []string{
			`events.user.remove: error: no core has declared the event type "user.remove"; did you mean "user.removed"? [unknown_condition]`,
			`responses.acme.user.v1.UserServise: error: no core has declared a method of the service "acme.user.v1.UserServise"; did you mean "acme.user.v1.UserService"? [unknown_condition]`,
		}, unquoted(found))
		require.Contains(t, err.Error(), "(and 1 more)")
	}
	require.EqualValues(t, 1, ask(t, c.GetRevision, &calloutv1.GetRevisionRequest{}).GetRevision())

	mended := strings.NewReplacer("user.remove:", "user.removed:", "Servise", "Service").Replace(misspelled)
	answer := ask(t, c.Apply, &calloutv1.ApplyRequest{Configuration: mended})
	require.True(t, answer.GetChanged())
	require.Empty(t, answer.GetProblems())

	// A core that withdraws everything blocks nobody.
	ask(t, c.DeclareConditions, &calloutv1.DeclareConditionsRequest{Declaration: &calloutv1.Declaration{Core: "users", Methods: []string{"/other.S/M"}, EventTypes: []string{"other"}}})
	unrelated := strings.ReplaceAll(mended, `url: "https://a.example/log"`, `url: "https://b.example/log"`)
	require.True(t, ask(t, c.Apply, &calloutv1.ApplyRequest{Configuration: unrelated}).GetChanged())
	touched := strings.Replace(unrelated, "Gone: {targets: [{target: log}]}", "Gone: {targets: [{target: log}, {target: log}]}", 1)
	answer = ask(t, c.Apply, &calloutv1.ApplyRequest{Configuration: touched})
	require.True(t, answer.GetChanged())
	require.Equal(t, []string{"unknown_condition"}, warnings(answer))
}

func unquoted(lines []string) []string {
	for i, l := range lines {
		path, rest, _ := strings.Cut(l, ": error")
		lines[i] = strings.ReplaceAll(path, `"`, "") + ": error" + rest
	}
	return lines
}

func warnings(answer *calloutv1.ApplyResponse) []string {
	var out []string
	for _, p := range answer.GetProblems() {
		if p.GetSeverity() == calloutv1.Problem_SEVERITY_WARNING {
			out = append(out, p.GetCode())
		}
	}
	return out
}

func TestUndeclaredIsAllowed(t *testing.T) {
	t.Parallel()
	c := plain(t, run(t, extended, func(o *node.Options) { o.AllowUndeclared = true }))
	ask(t, c.DeclareConditions, &calloutv1.DeclareConditionsRequest{Declaration: usersCore()})
	dry := ask(t, c.Apply, &calloutv1.ApplyRequest{Configuration: misspelled, DryRun: true})
	require.Equal(t, []string{"unknown_condition", "unknown_condition"}, warnings(dry))
	answer := ask(t, c.Apply, &calloutv1.ApplyRequest{Configuration: misspelled})
	require.True(t, answer.GetChanged())
	require.Equal(t, []string{"unknown_condition", "unknown_condition"}, warnings(answer))
}

// TestSetExecutionOfSomethingUndeclared names the field, also when it is only
// tried, and of a rollback too.
func TestSetExecutionOfSomethingUndeclared(t *testing.T) {
	t.Parallel()
	for _, allowed := range []bool{false, true} {
		c := plain(t, run(t, extended, func(o *node.Options) { o.AllowUndeclared = allowed }))
		set := func(condition, name string, dry bool) *calloutv1.SetExecutionRequest {
			return &calloutv1.SetExecutionRequest{DryRun: dry, Execution: &calloutv1.Execution{Phase: calloutv1.Phase_PHASE_EVENT, Condition: condition, Name: name,
				Targets: []*calloutv1.Entry{{Entry: &calloutv1.Entry_Target{Target: "log"}}}}}
		}
		ask(t, c.SetExecution, set("user.early", "", false))
		withEarly := ask(t, c.GetRevision, &calloutv1.GetRevisionRequest{}).GetRevision()
		ask(t, c.DeleteExecution, &calloutv1.DeleteExecutionRequest{Phase: calloutv1.Phase_PHASE_EVENT, Condition: "user.early"})
		ask(t, c.DeclareConditions, &calloutv1.DeclareConditionsRequest{Declaration: usersCore()})
		const told = `no core has declared the event type "user.remove"; did you mean "user.removed"?`
		for _, dry := range []bool{true, false} {
			for _, name := range []string{"", "removal"} {
				if allowed {
					require.Equal(t, []string{"execution.condition: " + told}, ask(t, c.SetExecution, set("user.remove", name, dry)).GetWarnings())
					if !dry {
						ask(t, c.DeleteExecution, &calloutv1.DeleteExecutionRequest{Phase: calloutv1.Phase_PHASE_EVENT, Condition: "user.remove"})
					}
					continue
				}
				err := refused(t, connect.CodeInvalidArgument, c.SetExecution, set("user.remove", name, dry))
				detail := manage.Detail(err)
				require.Equal(t, []string{"unknown_condition", "execution.condition"}, []string{detail.GetCode(), detail.GetField()})
				require.Len(t, detail.GetProblems(), 1)
				require.Equal(t, []string{"execution.condition", told}, []string{detail.GetProblems()[0].GetPath(), detail.GetProblems()[0].GetMessage()})
			}
		}
		require.Empty(t, ask(t, c.SetExecution, set("user.removed", "", false)).GetWarnings())
		list := set("", "everything", false)
		require.Empty(t, ask(t, c.SetExecution, list).GetWarnings(), "a list has no condition")
		if allowed {
			ask(t, c.Rollback, &calloutv1.RollbackRequest{Revision: withEarly})
			continue
		}
		for _, dry := range []bool{true, false} {
			err := refused(t, connect.CodeInvalidArgument, c.Rollback, &calloutv1.RollbackRequest{Revision: withEarly, DryRun: dry})
			require.Equal(t, "unknown_condition", manage.Detail(err).GetCode())
		}
	}
}

// TestAFileIsHeldToTheSame: the way in makes no difference. The file is applied
// when a core has declared what it names.
func TestAFileIsHeldToTheSame(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "callout.yaml")
	require.NoError(t, os.WriteFile(file, []byte(extended), 0o600))
	var log logged
	c := plain(t, run(t, "", func(o *node.Options) { o.File, o.Log = file, zerolog.New(&log) }))
	first := ask(t, c.GetRevision, &calloutv1.GetRevisionRequest{}).GetRevision()
	ask(t, c.DeclareConditions, &calloutv1.DeclareConditionsRequest{Declaration: usersCore()})
	require.NoError(t, os.WriteFile(file, []byte(misspelled), 0o600))
	d := usersCore()
	d.Methods, d.EventTypes = append(d.Methods, "/acme.user.v1.UserServise/Get"), append(d.EventTypes, "user.remove")
	require.Eventually(t, func() bool { return log.has("unknown_condition") }, bound, lookEvery)
	require.Equal(t, first, ask(t, c.GetRevision, &calloutv1.GetRevisionRequest{}).GetRevision())
	ask(t, c.DeclareConditions, &calloutv1.DeclareConditionsRequest{Declaration: d})
	require.Eventually(t, func() bool {
		return ask(t, c.GetRevision, &calloutv1.GetRevisionRequest{}).GetRevision() == first+1
	}, bound, lookEvery)
}

// logged is the text of a log.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) has(part string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), part)
}

func TestExplainHints(t *testing.T) {
	t.Parallel()
	c := plain(t, run(t, extended, nil))
	question := &calloutv1.ExplainRequest{Phase: calloutv1.Phase_PHASE_EVENT, Name: "user.remove"}
	require.Empty(t, ask(t, c.Explain, question).GetHint(), "nobody has declared anything")
	ask(t, c.DeclareConditions, &calloutv1.DeclareConditionsRequest{Declaration: usersCore()})
	answer := ask(t, c.Explain, question)
	require.Equal(t, `no core has declared the event type "user.remove"; did you mean "user.removed"?`, answer.GetHint())
	require.Len(t, answer.GetTurns(), 1, "it says what runs all the same")
	question.Name = "user.removed"
	require.Empty(t, ask(t, c.Explain, question).GetHint())
	require.Empty(t, ask(t, c.Explain, &calloutv1.ExplainRequest{Phase: calloutv1.Phase_PHASE_FUNCTION, Name: "f"}).GetHint())
}
