package file

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
)

// TestFileOfAnOrganization: a file that names an organization at its head is that
// organization's; a mistake in it stands where it is, under the path that it has among
// all.
func TestFileOfAnOrganization(t *testing.T) {
	t.Parallel()
	s, problems := Parse("acme.yaml", []byte("instance: shop\norg: acme\ntargets: {own: {type: webhook, url: 'https://a.example/'}}\nevents: {user.added: {targets: [{target: own}]}}\n"))
	require.Empty(t, problems)
	require.Equal(t, "shop", s.Instance)
	require.Empty(t, s.Scopes[""].Targets)
	require.Contains(t, s.Scopes["acme"].Targets, "own")
	require.Len(t, s.Scopes["acme"].Sections[action.OnEvent], 1)
	again, problems := Parse("acme.yaml", ExportOrg(s, "acme"))
	require.Empty(t, problems)
	require.Equal(t, s.Scopes["acme"], again.Scopes["acme"])

	for text, want := range map[string]string{
		"org: acme\ntargets: {own: {type: hook, url: 'https://a.example/'}}": "acme.yaml:2:23: error: ",
		"org: acme\nevents: {user.added: {targets: [{target: nobody}]}}":     "acme.yaml:2:42: error: ",
		"org: acme\norgs: {b: {}}": "acme.yaml:2:1: error: ",
		"org: ''\n":                "acme.yaml:1:6: error: ",
		"org: [a]\n":               "acme.yaml:1:6: error: ",
		"org: acme\nrequests: {'*': {applies: default, targets: []}}":                              "acme.yaml:2:27: error: ",
		"org: acme\ntargets: {own: {type: webhook, url: 'https://a.example/', usable_by: [acme]}}": "acme.yaml:2:59: error: ",
	} {
		_, problems := Parse("acme.yaml", []byte(text))
		var errors string
		for _, p := range problems {
			if p.Severity == catalog.Error {
				errors += p.String() + "\n"
			}
		}
		require.Contains(t, errors, want, text)
	}
}

// TestTextOfAnOrganization: a text is an organization's when every file of it is; put
// over what is in force it may name what the instance has, and with all of its own
// taken out before, others keep theirs.
func TestTextOfAnOrganization(t *testing.T) {
	t.Parallel()
	read := func(files ...string) *Text {
		t.Helper()
		var all []File
		for n, text := range files {
			all = append(all, File{Name: string(rune('a'+n)) + ".yaml", Text: []byte(text)})
		}
		text, err := ReadText(context.Background(), "", all)
		require.NoError(t, err)
		return text
	}
	require.Equal(t, "acme", read("org: acme").Org())
	require.Equal(t, "acme", read("org: acme\ntargets: {}", "org: acme").Org())
	require.Empty(t, read("org: acme", "org: umbrella").Org())
	require.Empty(t, read("org: acme", "targets: {}").Org())
	require.Empty(t, read("targets: {}").Org())

	current, problems := Parse("base.yaml", []byte("targets: {shared: {type: webhook, url: 'https://a.example/'}, closed: {type: webhook, url: 'https://a.example/', usable_by: [umbrella]}}\n"+
		"orgs: {umbrella: {targets: {own: {type: webhook, url: 'https://a.example/'}}}}\n"))
	require.False(t, catalog.HasErrors(problems), "%v", problems)
	next, problems := read("org: acme\nevents: {'*': {targets: [{target: shared}]}}").Over(current, time.Time{})
	require.False(t, catalog.HasErrors(problems), "%v", problems)
	require.Contains(t, next.Scopes["umbrella"].Targets, "own")
	_, problems = read("org: acme\nevents: {'*': {targets: [{target: closed}]}}").Over(current, time.Time{})
	require.True(t, catalog.HasErrors(problems))
	require.Equal(t, catalog.ProblemNotUsable, problems[0].Code)
	require.Equal(t, 2, problems[0].Line)
}
