package file

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
)

// at gives the text that stands at a position, up to the end of its line.
func at(src []byte, p position) string {
	line := []rune(lineOf(src, p.line))
	if p.col < 1 || p.col > len(line) {
		return ""
	}
	return string(line[p.col-1:])
}

// TestPositionsPointAtNames: of whatever is in a catalog, the place of its path
// is where its name stands.
func TestPositionsPointAtNames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anyCatalog(t)
		src := Export(s)
		p := readPart(context.Background(), File{"f.yaml", src})
		require.Empty(t, show(p.problems))
		for org, sc := range s.Scopes {
			sc.Each(func(ref catalog.Ref) {
				place := catalog.Place{Org: org, Ref: ref}
				require.True(t, strings.HasPrefix(at(src, p.find(place.Path())), scalarText(ref.Name)+":"), "%s in\n%s", place.Path(), src)
			})
			for _, phase := range action.Phases {
				for _, e := range sc.Sections[phase] {
					path := catalog.JoinPath(catalog.Place{Org: org, Ref: catalog.Ref{Phase: phase, Name: e.Name}}.Path(), "targets")
					for i, entry := range e.Entries {
						key, name := "target", entry.Target
						if entry.Include != "" {
							key, name = "include", entry.Include
						}
						require.Equal(t, scalarText(name), at(src, p.find(catalog.JoinPath(catalog.IndexPath(path, i), key))))
					}
				}
			}
		}
	})
}

// TestProblemsPointAtTheirCause: a name that is not there is pointed at,
// wherever it stands.
func TestProblemsPointAtTheirCause(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anyCatalog(t)
		org := rapid.SampledFrom(s.Orgs()).Draw(t, "org")
		phase := rapid.SampledFrom(action.Phases).Draw(t, "phase")
		section := s.Scopes[org].Sections[phase]
		if len(section) == 0 {
			return
		}
		e := &section[rapid.IntRange(0, len(section)-1).Draw(t, "execution")]
		e.Entries = append(e.Entries, action.Entry{Target: "nowhere to be found"})
		src := Export(s)
		got, problems := Parse("f.yaml", src)
		require.Nil(t, got)
		for _, p := range problems {
			if p.Severity == catalog.Error {
				require.Equal(t, catalog.ProblemUnknownTarget, p.Code)
				require.Equal(t, `"nowhere to be found"`, at(src, position{p.Line, p.Col}))
			}
		}
	})
}

// TestFindGoesUp: a path that is not in the file is found where the nearest above
// it stands.
func TestFindGoesUp(t *testing.T) {
	p := readPart(context.Background(), File{"f.yaml", []byte("# first\nrequests:\n  \"*\":\n    targets:\n    - target: a\n")})
	for path, want := range map[string]position{
		`requests."*".targets[0].target`:  {5, 15},
		`requests."*".targets[0].include`: {5, 7},
		`requests."*".targets[1].target`:  {4, 5},
		`requests."*".on_unavailable`:     {3, 3},
		`requests."/a.B/C"`:               {2, 1},
		"events":                          {1, 1},
		"":                                {1, 1},
	} {
		require.Equal(t, want, p.find(path), path)
	}
}

// TestWhatWasSaidIsNotSaidAgain: a value that cannot be read is no reason to
// complain of what it would have meant.
func TestWhatWasSaidIsNotSaidAgain(t *testing.T) {
	for src, want := range map[string]string{
		"targets: {t: {type: call, url: https://a.example, timeout: soon}}\nrequests: {'*': {targets: [{target: t}]}}": "1:60: error: \"timeout\" is a duration",
		"targets: {t: {type: cal, url: https://a.example}}\nrequests: {'*': {targets: [{target: t}]}}":                 "1:21: error: type is webhook, call or async",
		"requests: {'*': {targets: [{target: [t]}]}}":                                                                  "1:37: error: \"target\" takes a single value",
		"requests: {'*': {targets: [{targt: t}]}}":                                                                     "1:29: error: unknown key \"targt\"",
		"requests: {'*': {targets: t}}":                                                                                "1:27: error: \"targets\" takes a list",
		"requests: {'*': []}":                                                                                          "1:17: error: a mapping of keys and values belongs here",
		"events: {user.added: {targets: [], max_stop: 0s}}":                                                            "1:46: error: max_stop is between",
		"events: {user.added: {targets: [], max_stop: x}}":                                                             "1:46: error: \"max_stop\" is a duration",
		"orgs: {'': {}}": "1:8: error: an organization has an id",
	} {
		_, problems := Parse("f.yaml", []byte(src))
		require.Equal(t, 1, count(problems, catalog.Error), "%s\n%s", src, show(problems))
		require.Contains(t, show(problems), "f.yaml:"+want, src)
	}
}
