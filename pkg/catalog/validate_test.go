package catalog

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

// hook is a target that has nothing wrong with it.
func hook(name string, kind action.Kind) action.Target {
	return WithDefaults(action.Target{Name: name, Kind: kind, URL: "https://a.example"})
}

// A snapshot that never was a file is checked just as well; paths tell where.
func TestValidateWithoutFile(t *testing.T) {
	bad := hook("x", action.CallOut)
	bad.Timeout = action.MaxTimeout + 1
	named := hook("other", action.Webhook)
	s := &Snapshot{Instance: "", Scopes: map[string]*Scope{
		"": {Sections: map[action.Phase][]action.Execution{
			action.Request: {{Name: "add_user", Match: "/a.B/C", Entries: []action.Entry{{Target: "y"}, {Include: "z"}, {Target: "y", Include: "z"}, {}}}, {Name: "add_user", Match: "/a.B/D"}},
			"nonsense":     nil,
		}},
		"acme":      {Targets: map[string]action.Target{"x": bad, "y": named}},
		"a\x01b":    nil,
		"with.dots": {Targets: map[string]action.Target{"x y": {}}},
	}}
	golden(t, "validate", show(Validate(s)))
	require.True(t, HasErrors(Validate(nil)))
}

func TestValidateBoundsOfTheWhole(t *testing.T) {
	lanes := hook("wide", action.Webhook)
	lanes.Lanes = 64
	build := func(phase action.Phase, executions, targets int, condition string) *Snapshot {
		s := Empty("default")
		entries := make([]action.Entry, targets)
		for i := range entries {
			entries[i] = action.Entry{Target: "wide"}
		}
		var section []action.Execution
		for i := range executions {
			match := fmt.Sprintf(condition, i)
			section = append(section, action.Execution{Name: match, Match: match, Entries: entries})
		}
		s.Scopes[""] = &Scope{
			Targets:  map[string]action.Target{"wide": lanes},
			Sections: map[action.Phase][]action.Execution{phase: section},
		}
		return s
	}
	require.Empty(t, Validate(build(action.OnEvent, MaxLines/64, 1, "e.%d")))
	problems := Validate(build(action.OnEvent, MaxLines/64+1, 1, "e.%d"))
	require.Len(t, problems, 1)
	require.Equal(t, ProblemTooMany, problems[0].Code)
	require.Equal(t, "events", problems[0].Path)

	require.Empty(t, Validate(build(action.Request, MaxTurns/1000, 1000, "/a.B/C%d")))
	problems = Validate(build(action.Request, MaxTurns/1000+1, 1000, "/a.B/C%d"))
	require.Len(t, problems, 1)
	require.Equal(t, ProblemTooMany, problems[0].Code)
}

// What an organization alone uses counts as used; what it overrides does not
// reach into the instance's lists.
func TestScopesAndUse(t *testing.T) {
	s, problems := ParseFile("test.yaml", []byte(`
targets:
  a: {type: webhook, url: https://a.example}
  b: {type: webhook, url: https://a.example}
events:
  shared: {list: true, targets: [{target: a}]}
orgs:
  acme:
    targets:
      a: {type: call, url: https://a.example}
    events:
      user.added: {targets: [{include: shared}, {target: b}]}
    requests:
      /a.B/C: {targets: [{target: a}]}
`))
	require.Empty(t, problems)
	turns, err := s.Expand("acme", action.OnEvent, "user.added")
	require.NoError(t, err)
	require.Equal(t, "acme>/a acme>/b", label(turns))
	turns, err = s.Expand("acme", action.OnEvent, "shared")
	require.NoError(t, err)
	require.Equal(t, ">/a", label(turns))
}

func TestExpandErrors(t *testing.T) {
	s := Empty("default")
	s.Scopes[""] = &Scope{Sections: map[action.Phase][]action.Execution{action.Request: {
		{Name: "loop", Entries: []action.Entry{{Include: "loop"}}},
		{Name: "target", Entries: []action.Entry{{Target: "gone"}}},
		{Name: "include", Entries: []action.Entry{{Include: "gone"}}},
	}}}
	for name, want := range map[string]string{
		"loop": "at most 16 levels", "target": "no target", "include": "no entry", "other": "no entry",
	} {
		_, err := s.Expand("acme", action.Request, name)
		require.ErrorContains(t, err, want)
		require.Equal(t, action.CodeBadCatalog, action.CodeOf(err))
	}
}

func TestNearest(t *testing.T) {
	names := []string{"logger", "all_requests", "allow_list", "a", "call_counter"}
	for name, want := range map[string]string{
		"loger": "logger", "lgoger": "logger", "Logger": "logger", "allRequests": "all_requests", "all-requests": "all_requests",
		"allowlist": "allow_list", "call_conuter": "call_counter", "hook": "", "b": "a", "queue": "", "": "a",
	} {
		require.Equal(t, want, Nearest(name, names), name)
	}
}

func TestProblemString(t *testing.T) {
	p := Problem{File: "f.yaml", Line: 3, Col: 4, Path: "a.b", Severity: Error, Code: "c", Message: "m"}
	require.Equal(t, "f.yaml:3:4: error: m [c]", p.String())
	require.Equal(t, "a.b: warning: m [c]", Problem{Path: "a.b", Severity: Warning, Code: "c", Message: "m"}.String())
	require.Equal(t, "error: m [c]", Problem{Severity: Error, Code: "c", Message: "m"}.String())
}

func TestShortDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		10 * time.Second: "10s", 5 * time.Minute: "5m", 24 * time.Hour: "24h", 90 * time.Second: "1m30s", time.Hour + 5*time.Second: "1h0m5s",
		500 * time.Millisecond: "500ms", 0: "0s", time.Hour + 10*time.Minute: "1h10m",
	} {
		require.Equal(t, want, ShortDuration(d))
	}
}
