package access_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/access"
)

// TestWhatAScopeCovers: a scope covers itself and what lies in it, and nothing else,
// however much the names look alike.
func TestWhatAScopeCovers(t *testing.T) {
	t.Parallel()
	all, north, acme := access.Scope{}, access.Scope{Instance: "north"}, access.Scope{Instance: "north", Org: "acme"}
	for _, c := range []struct {
		wide, narrow access.Scope
		covers       bool
	}{
		{all, all, true}, {all, north, true}, {all, acme, true},
		{north, north, true}, {north, acme, true}, {north, all, false},
		{north, access.Scope{Instance: "North"}, false}, {north, access.Scope{Instance: "north "}, false}, {north, access.Scope{Instance: "south"}, false},
		{north, access.Scope{Instance: "south", Org: "acme"}, false},
		{acme, acme, true}, {acme, north, false}, {acme, all, false},
		{acme, access.Scope{Instance: "north", Org: "Acme"}, false}, {acme, access.Scope{Instance: "south", Org: "acme"}, false},
	} {
		require.Equal(t, c.covers, c.wide.Covers(c.narrow), "%s, %s", c.wide, c.narrow)
	}
}

// TestTheTable: every operation has a verb and a name of its own.
func TestTheTable(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, o := range access.Table {
		require.Contains(t, access.Verbs, o.Verb, o.Name)
		require.False(t, seen[o.Name], "%s twice", o.Name)
		seen[o.Name] = true
	}
}

// TestMay goes through every operation, for who has its verb and for who has all
// others, at each level.
func TestMay(t *testing.T) {
	t.Parallel()
	scopes := []access.Scope{{}, {Instance: "north"}, {Instance: "north", Org: "acme"}}
	for _, o := range access.Table {
		for _, mine := range scopes {
			for _, at := range append(scopes, access.Scope{Instance: "south"}, access.Scope{Instance: "south", Org: "acme"}, access.Scope{Instance: "north", Org: "umbrella"}) {
				with := access.Principal{Scope: mine, Verbs: []access.Verb{o.Verb}}
				require.Equal(t, mine.Level() <= o.Least && mine.Covers(at), with.May(o, at), "%s by %s at %s", o.Name, mine, at)
				var others []access.Verb
				for _, v := range access.Verbs {
					if v != o.Verb {
						others = append(others, v)
					}
				}
				require.False(t, access.Principal{Scope: mine, Verbs: others}.May(o, at), "%s by %s at %s without its verb", o.Name, mine, at)
			}
		}
	}
}

// TestNobodyGrantsWhatHeHasNot.
func TestNobodyGrantsWhatHeHasNot(t *testing.T) {
	t.Parallel()
	p := access.Principal{Scope: access.Scope{Instance: "north"}, Verbs: []access.Verb{access.Read, access.Write}}
	require.True(t, p.MayGrant([]access.Verb{access.Read}, access.Scope{Instance: "north", Org: "acme"}))
	require.False(t, p.MayGrant([]access.Verb{access.Read, access.Call}, access.Scope{Instance: "north"}), "a verb it has not")
	require.False(t, p.MayGrant([]access.Verb{access.Read}, access.Scope{}), "the installation")
	require.False(t, p.MayGrant([]access.Verb{access.Read}, access.Scope{Instance: "south"}))
}

// TestParseVerbs.
func TestParseVerbs(t *testing.T) {
	t.Parallel()
	got, err := access.ParseVerbs("write, observe,write")
	require.NoError(t, err)
	require.Equal(t, []access.Verb{access.Observe, access.Write}, got)
	got, err = access.ParseVerbs("all")
	require.NoError(t, err)
	require.Equal(t, access.Verbs, got)
	for _, bad := range []string{"", "admin", "read,", "READ", "all,none"} {
		_, err := access.ParseVerbs(bad)
		require.Error(t, err, "%q", bad)
	}
}
