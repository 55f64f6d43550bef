package access_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/action"
)

// TestWhichTokensCount: a token counts as it was written, until its time is over or it
// is removed; all else finds nobody.
func TestWhichTokensCount(t *testing.T) {
	t.Parallel()
	var ring access.Ring
	now := time.Now()
	made, text := access.NewToken("core", access.Scope{Instance: "north"}, []access.Verb{access.Call})
	other, otherText := access.NewToken("core", access.Scope{Instance: "south"}, []access.Verb{access.Call})
	made.Expires = now.Add(time.Second)
	ring.Set(made)
	ring.Set(other)
	p, ok := ring.Find(text, now)
	require.True(t, ok)
	require.Equal(t, "north", p.Scope.Instance)
	require.NotContains(t, made.Hash, text[len(text)-20:])

	_, ok = ring.Find(text, now.Add(time.Second))
	require.False(t, ok, "it ends when it says, not a moment later")
	_, foreign := access.NewToken("core", access.Scope{}, access.Verbs)
	for name, bad := range map[string]string{
		"none": "", "of another installation": foreign, "truncated": text[:len(text)-1], "longer": text + "a", "upper case": strings.ToUpper(text),
		"its id with the secret of another": text[:22] + otherText[22:], "the id alone": text[:22], "spaces": " " + text, "a hash": made.Hash,
		"a letter changed": text[:len(text)-1] + map[bool]string{true: "b", false: "a"}[text[len(text)-1] == 'a'],
	} {
		_, ok := ring.Find(bad, now)
		require.False(t, ok, name)
	}
	ring.Remove(made.ID)
	_, ok = ring.Find(text, now)
	require.False(t, ok, "it was removed")
	_, ok = ring.Find(otherText, now)
	require.True(t, ok, "the other one stays")
}

// TestOfText: the text of a token in a file is the token.
func TestOfText(t *testing.T) {
	t.Parallel()
	_, text := access.NewToken("operator", access.Scope{}, access.Verbs)
	read, err := access.OfText(text, "operator", access.Scope{}, access.Verbs)
	require.NoError(t, err)
	var ring access.Ring
	ring.Set(read)
	p, ok := ring.Find(text, time.Now())
	require.True(t, ok)
	require.Equal(t, access.Installation, p.Scope.Level())
	for _, bad := range []string{"", "hunter2-hunter2", text[1:], text + "\n" + text} {
		_, err := access.OfText(bad, "operator", access.Scope{}, access.Verbs)
		require.Error(t, err)
		if bad != "" {
			require.NotContains(t, err.Error(), bad, "no error shows what might be a secret")
		}
	}
}

// TestStoredTokenThatCannotBe: what is stored of a token and makes none lets nobody in.
func TestStoredTokenThatCannotBe(t *testing.T) {
	t.Parallel()
	good, _ := access.NewToken("core", access.Scope{Instance: "north"}, []access.Verb{access.Call})
	require.NoError(t, good.Check())
	for name, spoil := range map[string]func(*access.Token){
		"an id that is none":     func(t *access.Token) { t.ID = "x" },
		"a hash that is none":    func(t *access.Token) { t.Hash = "x" },
		"no verb":                func(t *access.Token) { t.Verbs = nil },
		"a verb that is none":    func(t *access.Token) { t.Verbs = []access.Verb{"admin"} },
		"an org of no instance":  func(t *access.Token) { t.Scope = access.Scope{Org: "acme"} },
		"an instance with a nul": func(t *access.Token) { t.Scope.Instance = "a\x00" },
		"a newer form":           func(t *access.Token) { t.Format = action.Format + 1 },
	} {
		bad := good
		spoil(&bad)
		require.Error(t, bad.Check(), name)
	}
}

// TestNobodyAsks: a context in which nobody said who asks lets nobody in.
func TestNobodyAsks(t *testing.T) {
	t.Parallel()
	_, err := access.From(context.Background())
	require.Equal(t, action.CodeUnauthenticated, action.CodeOf(err))
	p, err := access.From(access.With(context.Background(), &access.Everybody))
	require.NoError(t, err)
	require.Equal(t, "everybody", p.ID)
}

// BenchmarkFind is the check of a token: one that counts, and one that is wrong.
func BenchmarkFind(b *testing.B) {
	var ring access.Ring
	var text string
	for range 1000 {
		var t access.Token
		t, text = access.NewToken("core", access.Scope{Instance: "north"}, []access.Verb{access.Call})
		ring.Set(t)
	}
	_, wrong := access.NewToken("core", access.Scope{}, access.Verbs)
	for name, text := range map[string]string{"counts": text, "wrong": wrong} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			now := time.Now()
			for b.Loop() {
				ring.Find(text, now)
			}
		})
	}
}
