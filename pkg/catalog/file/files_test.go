package file_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/catalog/file"
)

// files makes named files of pairs: name, text.
func files(pairs ...string) []file.File {
	var out []file.File
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, file.File{Name: pairs[i], Text: []byte(pairs[i+1])})
	}
	return out
}

func lines(problems []catalog.Problem) string {
	var b strings.Builder
	for _, p := range problems {
		b.WriteString(p.String() + "\n")
	}
	return b.String()
}

// TestParseFiles: several files say what one would.
func TestParseFiles(t *testing.T) {
	t.Parallel()
	s, problems, err := file.ParseFiles(context.Background(), time.Time{}, "", files(
		"a.yaml", "instance: acme\ndefaults: {timeout: 3s}\ntargets:\n  audit: {type: webhook, url: https://a.example/a}\norgs:\n  one: {targets: {own: {type: webhook, url: https://a.example/o}}}\n",
		"b.yaml", "events:\n  user.*: {targets: [{target: audit}]}\norgs:\n  one: {events: {user.added: {targets: [{target: own}]}}}\n",
		"c.yaml", "instance: acme\ntargets:\n  crm: {type: webhook, url: https://a.example/c}\nevents:\n  user.added: {targets: [{target: crm}, {include: user.*}]}\n",
	))
	require.NoError(t, err)
	require.Empty(t, lines(problems))
	one, problems := file.Parse("one.yaml", []byte(`instance: acme
targets:
  audit: {type: webhook, url: https://a.example/a, timeout: 3s}
  crm: {type: webhook, url: https://a.example/c}
events:
  user.*: {targets: [{target: audit}]}
  user.added: {targets: [{target: crm}, {include: user.*}]}
orgs:
  one:
    targets: {own: {type: webhook, url: https://a.example/o, timeout: 3s}}
    events: {user.added: {targets: [{target: own}]}}
`))
	require.Empty(t, lines(problems))
	require.True(t, catalog.Equal(one, s), "%v", catalog.Diff(one, s))
	require.Len(t, s.Scopes[""].Sections[action.OnEvent], 2)
}

// TestParseFilesProblems: each is in its file, and what stands twice names both
// places.
func TestParseFilesProblems(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, instance string
		files          []file.File
		want           string
	}{
		{"two of a name", "", files(
			"a.yaml", "targets:\n  audit: {type: webhook, url: https://a.example/a}\nevents:\n  user.*: {targets: [{target: audit}]}\n",
			"b.yaml", "targets:\n  audit: {type: call, url: https://a.example/b}\nevents:\n  user.*: {targets: [{target: audit}]}\n"),
			"b.yaml:2:3: error: \"audit\" stands here a second time, first in a.yaml:2:3 [duplicate_key]\n" +
				"b.yaml:4:3: error: \"user.*\" stands here a second time, first in a.yaml:4:3 [duplicate_key]\n"},
		{"two of a condition", "", files(
			"a.yaml", "targets:\n  audit: {type: webhook, url: https://a.example/a}\nevents:\n  one: {condition: user.added, targets: [{target: audit}]}\n",
			"b.yaml", "events:\n  two:\n    condition: user.added\n    targets: [{target: audit}]\n"),
			"b.yaml:3:16: error: the condition \"user.added\" is already that of \"one\", a.yaml:4:3 [duplicate_condition]\n"},
		{"each in its file, and the files in their order", "", files(
			"b.yaml", "events:\n  user.*: {targets: [{target: adit}]}\n",
			"a.yaml", "targets:\n  audit: {type: webhook, url: nonsense}\n  other: {tpye: webhook, url: https://a.example/o}\n"),
			"b.yaml:2:31: error: no target is named \"adit\"; did you mean \"audit\"? [unknown_target]\n" +
				"a.yaml:2:31: error: a url begins with https:// or http:// [bad_url]\n" +
				"a.yaml:3:3: warning: nothing uses the target \"other\" [unused_target]\n" +
				"a.yaml:3:3: error: target \"other\" has no type: webhook, call or async [missing]\n" +
				"a.yaml:3:11: error: unknown key \"tpye\"; did you mean \"type\"? [unknown_key]\n"},
		{"two instances", "", files("a.yaml", "instance: one\n", "b.yaml", "version: 1\n", "c.yaml", "instance: two\n"),
			"c.yaml:1:11: error: the file names the instance \"two\", and a.yaml:1:11 names \"one\" [other_instance]\n"},
		{"another instance than it is for", "two", files("a.yaml", "instance: one\n", "b.yaml", "instance: two\n"),
			"a.yaml:1:11: error: the file names the instance \"one\", and it is for \"two\" [other_instance]\n"},
		{"a broken file", "", files("a.yaml", "targets: {", "b.yaml", "targets:\n  b: {type: webhook, url: https://a.example/b}\n"), ""},
		{"too much together", "", files("a.yaml", "#"+strings.Repeat(" ", file.MaxFile/2), "b.yaml", "#"+strings.Repeat(" ", file.MaxFile/2)),
			"b.yaml:1:1: error: the files of a configuration have at most 8388608 bytes together [too_large]\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, problems, err := file.ParseFiles(context.Background(), time.Time{}, tt.instance, tt.files)
			require.NoError(t, err)
			require.Nil(t, s)
			if tt.want != "" {
				require.Equal(t, tt.want, lines(problems))
			}
			require.True(t, catalog.HasErrors(problems))
		})
	}
}

// TestReadFiles looks at the form alone.
func TestReadFiles(t *testing.T) {
	t.Parallel()
	s, problems, err := file.ReadFiles(context.Background(), "acme", files("edit", "events:\n  user.added: {targets: [{target: elsewhere}, {include: everybody}]}\n"))
	require.NoError(t, err)
	require.Empty(t, lines(problems))
	require.Equal(t, "acme", s.Instance)
	require.Equal(t, []action.Entry{{Target: "elsewhere"}, {Include: "everybody"}}, s.Scopes[""].Sections[action.OnEvent][0].Entries)

	s, problems, err = file.ReadFiles(context.Background(), "acme", files("edit", "instance: other\nevents: {user.added: {tragets: []}}\n"))
	require.NoError(t, err)
	require.Nil(t, s)
	require.Equal(t, "edit:1:11: error: the file names the instance \"other\", and it is for \"acme\" [other_instance]\n"+
		"edit:2:10: error: \"user.added\" has no targets: list [missing]\n"+
		"edit:2:23: error: unknown key \"tragets\"; did you mean \"targets\"? [unknown_key]\n", lines(problems))
}
