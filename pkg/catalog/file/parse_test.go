package file

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
)

// Every kind of mistake, all of a file at once, in the words people will read.
func TestBadFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(name, func(t *testing.T) {
			src, err := os.ReadFile(file)
			require.NoError(t, err)
			s, problems := Parse(name+".yaml", src)
			require.Nil(t, s)
			golden(t, "bad/"+name, show(problems))
			for _, secret := range []string{"hunter2", "c2VjcmV0", "a.example"} {
				require.NotContains(t, show(problems), secret)
			}
		})
	}
}

func TestSampleShowsEveryKey(t *testing.T) {
	src := testdata(t, "callout.yaml")
	s, problems := Parse("callout.yaml", src)
	require.Empty(t, problems)
	_, err := catalog.Compile(s)
	require.NoError(t, err)

	all := append(append(append([]string{}, documentKeys...), targetKeys...), executionKeys...)
	all = append(all, "initial", "max", "max_age", "attempts", "env", "file", "failures", "open", "target", "include")
	for _, key := range all {
		if key == "org" { // a file has it or orgs
			continue
		}
		require.Regexp(t, `(?m)(^|[ {,])`+key+`[:,]`, string(src), "the sample does not show %s", key)
	}

	want := action.Target{
		Name: "set_display_name", Kind: action.CallOut, URL: "https://hooks.example.com/displayname",
		Timeout: time.Second, InterruptOnError: true, Mapping: action.Merge,
		Allow:   []string{"/user/displayName", "/user/profile/nickName"},
		Headers: map[string]string{"X-Team": "identity"},
		Retry: action.Retry{
			Initial: time.Second, Max: 5 * time.Minute, MaxAge: 24 * time.Hour, Attempts: 20,
		},
		SigningKey:  action.KeySource{Env: "DISPLAYNAME_KEY"},
		Signatures:  []action.Signature{action.SignZitadel, action.SignStandard},
		Lanes:       1,
		Concurrency: 50,
		UsableBy:    []string{"acme"},
		Rate:        action.Rate{N: 100, Per: time.Second},
		Breaker:     action.Breaker{Failures: 5, Open: 30 * time.Second},
		MaxAnswer:   65536,
		NoKeepAlive: true,
		Labels:      map[string]string{"team": "identity", "cost-centre": "4711"},
		Redact:      []string{"/request/password", "/request/users/*/email"},
		Mask:        []string{"/request/name"},
	}
	got := s.Scopes[""].Targets["set_display_name"]
	require.Equal(t, "[10.0.0.0/8 fd00::/8 192.168.1.7/32]", fmt.Sprint(got.Egress))
	got.Egress = nil
	require.Equal(t, want, got)
	require.Equal(t, 5*time.Second, s.Scopes[""].Targets["claims"].Timeout)
	require.Equal(t, action.Async, s.Scopes[""].Targets["logger"].Kind)
	require.True(t, s.Scopes[""].Targets["archive"].Paused)

	events := s.Scopes[""].Sections[action.OnEvent]
	require.Equal(t, action.ExhaustedStop, events[0].OnExhausted)
	require.Equal(t, 72*time.Hour, events[0].MaxStop)
	require.Equal(t, action.Execution{Name: "user_removed", Match: "user.removed", Entries: []action.Entry{{Target: "audit"}}}, events[1])
	require.True(t, events[2].IsList())
}

func TestEmptyDocuments(t *testing.T) {
	for _, src := range []string{"", "\n", "# only a comment\n", "---\n", "{}", "null", "\xef\xbb\xbf", "requests:\nevents: {}\norgs:\n"} {
		s, problems := Parse("empty.yaml", []byte(src))
		require.Empty(t, problems, "%q", src)
		require.Equal(t, catalog.DefaultInstance, s.Instance)
		m, err := catalog.Compile(s)
		require.NoError(t, err)
		require.Nil(t, m.Call(action.Request, "/a.B/C", "x"))
		require.Empty(t, m.Lines())
	}
}

func TestAliasesAndMergeKeys(t *testing.T) {
	s := parsed(t, `
targets:
  base: &base
    type: webhook
    url: https://a.example
    timeout: &short 3s
  other:
    <<: *base
    timeout: 4s
  third: {<<: [*base], type: call, headers: {X-Wait: *short}}
requests:
  /a.B/C: {targets: &list [{target: base}, {target: other}, {target: third}]}
  /a.B/D: {targets: *list}
`)
	targets := s.Scopes[""].Targets
	require.Equal(t, 4*time.Second, targets["other"].Timeout)
	require.Equal(t, "https://a.example", targets["other"].URL)
	require.Equal(t, action.CallOut, targets["third"].Kind)
	require.Equal(t, 3*time.Second, targets["third"].Timeout)
	require.Equal(t, "3s", targets["third"].Headers["X-Wait"])
	require.Len(t, s.Scopes[""].Sections[action.Request][1].Entries, 3)
}

// CRLF, a byte order mark and letters of several bytes do not move positions.
func TestPositions(t *testing.T) {
	src := "\xef\xbb\xbforgs:\r\n  \"zürich\": {requests: {\"*\": {targets: [{target: é}, {target: 'x y'}]}}}\r\n"
	_, problems := Parse("p.yaml", []byte(src))
	require.Equal(t, 2, count(problems, catalog.Error), show(problems))
	require.Equal(t, [2]int{2, 50}, [2]int{problems[0].Line, problems[0].Col})
	require.Equal(t, `orgs."zürich".requests."*".targets[0].target`, problems[0].Path)
	require.Equal(t, [2]int{2, 63}, [2]int{problems[1].Line, problems[1].Col})
}

// What would make the YAML library run for hours or overflow its stack ends
// soon, with one problem that says why. Without the bounds this test would not
// come to its end.
func TestHostileFiles(t *testing.T) {
	n := 200000
	var bomb strings.Builder
	bomb.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 12; i++ {
		fmt.Fprintf(&bomb, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	for name, c := range map[string]struct{ src, code string }{
		"brackets": {strings.Repeat("[", n), catalog.ProblemTooDeep},
		"braces":   {strings.Repeat("{a: ", n), catalog.ProblemTooDeep},
		"dashes":   {strings.Repeat("- ", n) + "a", catalog.ProblemTooDeep},
		"indent":   {deepMapping(200), catalog.ProblemTooDeep},
		"anchors":  {strings.Repeat("&a ", n), catalog.ProblemTooDeep},
		"tags":     {strings.Repeat("!a ", n), catalog.ProblemSyntax},
		"keys":     {strings.Repeat("abcd: 1\n", n), catalog.ProblemTooMany},
		"colons":   {strings.Repeat(": ", n), catalog.ProblemTooDeep},
		"values":   {"[" + strings.Repeat("a, ", maxSigns) + "]", catalog.ProblemTooMany},
		"question": {strings.Repeat("? ", n), catalog.ProblemSyntax},
		"aliases":  {bomb.String(), catalog.ProblemTooMany},
		"size":     {strings.Repeat("#", MaxFile+1), catalog.ProblemTooLarge},
		"nul":      {"a: \x00", catalog.ProblemSyntax},
		"self":     {"a: &a [*a]", catalog.ProblemSyntax},
	} {
		t.Run(name, func(t *testing.T) {
			s, problems := Parse("hostile.yaml", []byte(c.src))
			require.Nil(t, s)
			require.Equal(t, c.code, problems[0].Code, show(problems))
			require.Len(t, problems, 1)
		})
	}
}

func deepMapping(levels int) string {
	var b strings.Builder
	for i := range levels {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

func TestProblemsAreBounded(t *testing.T) {
	var b strings.Builder
	for i := range catalog.MaxProblems + 500 {
		fmt.Fprintf(&b, "k%d: 1\n", i)
	}
	_, problems := Parse("many.yaml", []byte(b.String()))
	require.Len(t, problems, catalog.MaxProblems+1)
	require.Equal(t, catalog.ProblemTooManyProblems, problems[0].Code)
	require.Equal(t, catalog.Error, problems[0].Severity)

	b.Reset()
	b.WriteString("targets:\n")
	for i := range catalog.MaxProblems + 500 {
		fmt.Fprintf(&b, "  t%d: {type: call, url: https://a.example}\n", i)
	}
	s, problems := Parse("many.yaml", []byte(b.String()))
	require.NotNil(t, s)
	require.Len(t, problems, catalog.MaxProblems+1)
	require.Equal(t, catalog.Warning, problems[0].Severity)
}

func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/*.yaml", "testdata/bad/*.yaml"} {
		files, err := filepath.Glob(pattern)
		require.NoError(f, err)
		for _, file := range files {
			src, err := os.ReadFile(file)
			require.NoError(f, err)
			f.Add(src)
		}
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		s, problems := Parse("fuzz.yaml", src)
		require.Equal(t, catalog.HasErrors(problems), s == nil)
		for _, p := range problems {
			require.Positive(t, p.Line)
			require.Positive(t, p.Col)
			require.NotContains(t, p.String(), "\n")
		}
		if s == nil {
			return
		}
		require.False(t, catalog.HasErrors(catalog.Validate(s)))
		_, err := catalog.Compile(s)
		require.NoError(t, err)
	})
}

func BenchmarkParse(b *testing.B) {
	src := testdata(b, "callout.yaml")
	for b.Loop() {
		Parse("callout.yaml", src)
	}
}

func TestParseFor(t *testing.T) {
	for _, c := range []struct{ instance, src, want, problem string }{
		{"", "instance: acme", "acme", ""},
		{"", "", "default", ""},
		{"acme", "", "acme", ""},
		{"acme", "instance: acme", "acme", ""},
		{"acme", "version: 1\ninstance: default", "", `f.yaml:2:11: error: the file names the instance "default", and it is for "acme" [other_instance]` + "\n"},
		{"acme", "instance: [", "", "f.yaml:1:11: error: sequence end token ']' not found [syntax]\n"},
	} {
		s, problems, err := ParseFor(context.Background(), time.Time{}, c.instance, "f.yaml", []byte(c.src))
		require.NoError(t, err)
		if require.Equal(t, c.problem, show(problems), c.src); c.problem == "" {
			require.Equal(t, c.want, s.Instance)
		} else {
			require.Nil(t, s)
		}
	}
}
