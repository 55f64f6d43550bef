package catalog

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

// label writes turns as SCOPE>OWNER/TARGET.
func label(turns []Turn) string {
	var out []string
	for _, t := range turns {
		out = append(out, fmt.Sprintf("%s>%s/%s", t.Scope, t.Owner, t.Target.Name))
	}
	return strings.Join(out, " ")
}

func TestCall(t *testing.T) {
	m := compiled(t, matchFile(t))
	for _, c := range []struct {
		phase       action.Phase
		name, org   string
		want        string // empty = nil
		unavailable action.OnUnavailable
	}{
		{action.Request, "/other.S/M", "", ">/log", action.UnavailableContinue},
		{action.Request, "/other.S/M", "acme", ">/log", action.UnavailableContinue},
		{action.Request, "/user.v2.User/Add", "", ">/log >/shape >/log >/check", action.UnavailableFail},
		{action.Request, "/user.v2.User/Add", "acme", ">/log >/shape >/log >/check acme>acme/crm", action.UnavailableFail},
		{action.Request, "/user.v2.User/Delete", "", ">/check", action.UnavailableContinue},
		{action.Request, "/user.v2.User/Delete", "acme", ">/check acme>acme/check acme>/log acme>/shape acme>/log", action.UnavailableContinue},
		{action.Request, "/user.v2.User/DeleteAll", "nobody", ">/log >/shape >/log >/check", action.UnavailableFail},
		{action.Request, "/user.v2.User/Quiet", "", "", ""},
		{action.Request, "/user.v2.User/Quiet", "acme", "acme>acme/crm", action.UnavailableContinue},
		{action.Request, "/user.v2.UserX/Add", "", ">/log", action.UnavailableContinue},
		{action.Request, "/user.v2/User", "", ">/log", action.UnavailableContinue},
		{action.Request, "user.v2.User", "acme", "", ""},
		{action.Request, "*", "", "", ""},
		{action.Request, "", "", "", ""},
		{action.Request, "//", "", "", ""},
		{action.Request, "/a/b/c", "", "", ""},
		{action.Request, "/a/", "", "", ""},
		{action.Response, "/user.v2.User/Add", "acme", "", ""},
		{action.Function, "claims", "acme", ">/shape", action.UnavailableContinue},
		{action.Function, "claims2", "", "", ""},
		{action.Function, "*", "", "", ""},
		{action.OnEvent, "user.added", "", "", ""},
		{"nonsense", "/user.v2.User/Add", "", "", ""},
	} {
		t.Run(fmt.Sprint(c.phase, c.name, "@", c.org), func(t *testing.T) {
			plan := m.Call(c.phase, c.name, c.org)
			anything, fail := CompileFilter(m.Conditions()).Call(c.phase, c.name, c.org)
			require.Equal(t, plan != nil, anything)
			if c.want == "" {
				require.Nil(t, plan)
				return
			}
			require.Equal(t, c.want, label(plan.Turns))
			require.Equal(t, c.unavailable, plan.OnUnavailable)
			require.Equal(t, c.unavailable == action.UnavailableFail, fail)
			require.Same(t, plan, m.Call(c.phase, c.name, c.org))
		})
	}
}

// TestConditionsOfAnOlderDispatcher do not name who interrupts. Fail says it,
// unless on_unavailable was set.
func TestConditionsOfAnOlderDispatcher(t *testing.T) {
	for _, c := range []struct {
		stored CallCondition
		want   bool
	}{
		{CallCondition{Fail: true}, true},
		{CallCondition{}, false},
		{CallCondition{Fail: true, OnUnavailable: action.UnavailableFail}, false},
		{CallCondition{OnUnavailable: action.UnavailableContinue}, false},
		{CallCondition{OnUnavailable: action.UnavailableContinue, Interrupts: true}, true},
		{CallCondition{Interrupts: true, Empty: true}, false},
	} {
		c.stored.Phase, c.stored.Match = action.Request, "*"
		for _, org := range []string{"", "acme"} {
			f := CompileFilter(Conditions{Orgs: map[string][]CallCondition{org: {c.stored}}})
			require.Equal(t, c.want, f.Interrupts(action.Request, "/a.S/M", "acme"), "%+v", c.stored)
			require.Equal(t, c.want && org == "", f.Interrupts(action.Request, "/a.S/M", ""))
			require.False(t, f.Interrupts(action.Response, "/a.S/M", "acme"))
		}
	}
	require.False(t, (*Filter)(nil).Interrupts(action.Request, "/a.S/M", ""))
}

func TestEvent(t *testing.T) {
	m := compiled(t, matchFile(t))
	for _, c := range []struct{ event, org, want string }{
		{"user.added", "", "user.added: >/audit"},
		{"user.added", "acme", "user.added: >/audit; user.added: acme>acme/crm acme>/audit"},
		{"user.added", "other", "user.added: >/audit"},
		{"user.human.added", "", "user.human.*: >/log >/audit"},
		{"user.human", "", "user.*: >/audit"},
		{"user.humanoid.added", "acme", "user.*: >/audit"},
		{"user", "", "*: >/log"},
		{"usergrant.added", "", "*: >/log"},
		{"user.silent", "acme", ""},
		{"later", "", "*: >/log"},
		{"user.", "", ""},
		{"user..added", "", ""},
		{"", "", ""},
		{"*", "", ""},
		{"user.*", "", ""},
	} {
		t.Run(c.event+"@"+c.org, func(t *testing.T) {
			var got []string
			for _, match := range m.Event(c.event, c.org) {
				got = append(got, match.Condition.Match+": "+label(match.Turns))
				require.Equal(t, match.Condition.Match, match.Execution.Match)
			}
			require.Equal(t, c.want, strings.Join(got, "; "))
		})
	}
}

func TestSubscribed(t *testing.T) {
	m := compiled(t, matchFile(t))
	on := func(match string) action.Condition { return action.Condition{Phase: action.OnEvent, Match: match} }
	for _, c := range []struct {
		scope, match, owner, target, event, org string
		want                                    bool
	}{
		{"", "user.*", "", "audit", "user.removed", "", true},
		{"", "user.*", "", "audit", "user.removed", "acme", true},
		{"", "user.*", "", "audit", "user.added", "", false}, // user.added is better
		{"", "user.*", "", "audit", "usergrant.added", "", false},
		{"", "user.*", "", "log", "user.removed", "", false}, // not in its list
		{"", "*", "", "log", "usergrant.added", "acme", true},
		{"acme", "user.added", "acme", "crm", "user.added", "acme", true},
		{"acme", "user.added", "", "audit", "user.added", "acme", true},
		{"acme", "user.added", "acme", "audit", "user.added", "acme", false}, // the owner is the instance
		{"acme", "user.added", "acme", "crm", "user.added", "other", false},
		{"acme", "user.added", "acme", "crm", "user.added", "", false},
		{"nobody", "user.added", "", "audit", "user.added", "nobody", false},
	} {
		turn := m.Subscribed(c.scope, on(c.match), c.owner, c.target, c.event, c.org)
		require.Equal(t, c.want, turn != nil, "%+v", c)
		if turn != nil {
			require.Equal(t, [2]string{c.owner, c.target}, [2]string{turn.Owner, turn.Target.Name})
		}
	}
	require.Nil(t, m.Subscribed("", action.Condition{Phase: action.Request, Match: "user.*"}, "", "audit", "user.removed", ""))
}

func TestLines(t *testing.T) {
	m := compiled(t, matchFile(t))
	var b strings.Builder
	names := map[string]bool{}
	for _, l := range m.Lines() {
		text, err := json.Marshal(l)
		require.NoError(t, err)
		fmt.Fprintf(&b, "%s %s\n", l.Name(0), text)
		require.Regexp(t, `^[A-Za-z0-9_-]{1,80}-[0-9a-f]{32}$`, l.Name(0))
		require.False(t, names[l.Name(0)], l.Name(0))
		names[l.Name(0)] = true
	}
	golden(t, "lines", b.String())
	require.Equal(t, []AsyncTarget{{"", "log"}}, m.AsyncTargets())
}

func TestLineNames(t *testing.T) {
	base := Line{Org: "o", Condition: action.Condition{Phase: action.OnEvent, Match: "a.b"}, Owner: "o", Target: "t", Lane: 1, Lanes: 4}
	changed := func(f func(*Line)) Line { l := base; f(&l); return l }
	same := changed(func(l *Line) { l.OnExhausted, l.MaxStop = action.ExhaustedStop, 5 })
	require.Equal(t, base.Name(0), same.Name(0), "settings that change in place are no part of the name")
	for i, other := range []Line{
		changed(func(l *Line) { l.Org = "" }),
		changed(func(l *Line) { l.Owner = "" }),
		changed(func(l *Line) { l.Condition.Match = "a-b" }),
		changed(func(l *Line) { l.Target = "T" }),
		changed(func(l *Line) { l.Lane = 2 }),
		changed(func(l *Line) { l.Lanes = 16 }),
		changed(func(l *Line) { l.Org, l.Owner, l.Target = "", "ot", "" }),
	} {
		require.NotEqual(t, base.Name(0), other.Name(0), "%d", i)
	}
	long := Line{Org: strings.Repeat("ü/.", 60), Condition: action.Condition{Phase: action.OnEvent, Match: strings.Repeat("a.", 100) + "*"}, Target: "x"}
	require.Regexp(t, `^[A-Za-z0-9_-]{1,80}-[0-9a-f]{32}$`, long.Name(0))
	require.LessOrEqual(t, len(long.Name(0)), 80+1+32)
}

func TestConditionsHoldNothingSecret(t *testing.T) {
	m := compiled(t, matchFile(t))
	text, err := json.MarshalIndent(m.Conditions(), "", "  ")
	require.NoError(t, err)
	golden(t, "conditions", string(text)+"\n")
	var back Conditions
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, m.Conditions(), back)

	var none *Filter
	anything, fail := none.Call(action.Request, "/a.B/C", "x")
	require.False(t, anything || fail)
	require.Zero(t, none.Revision())
}

func TestCompileRefuses(t *testing.T) {
	s := Empty("default")
	s.Scopes[""].Sections = map[action.Phase][]action.Execution{action.Request: {{Name: "*", Match: "*", Entries: []action.Entry{{Target: "gone"}}}}}
	m, err := Compile(s)
	require.Nil(t, m)
	require.Equal(t, action.CodeBadCatalog, action.CodeOf(err))
	require.ErrorContains(t, err, `requests."*".targets[0].target: error: no target is named "gone"`)
	_, err = Compile(nil)
	require.Equal(t, action.CodeBadCatalog, action.CodeOf(err))
}

// Many goroutines ask for plans that are still to be made; all get the same.
func TestCallConcurrently(t *testing.T) {
	m := compiled(t, matchFile(t))
	plans := make([]*Plan, 64)
	var wg sync.WaitGroup
	for i := range plans {
		wg.Go(func() { plans[i] = m.Call(action.Request, "/user.v2.User/Add", "acme") })
	}
	wg.Wait()
	for _, p := range plans {
		require.Same(t, plans[0], p)
	}
}

func TestPlanCacheIsBounded(t *testing.T) {
	var c planCache
	first := &Plan{}
	for range maxCachedPlans + 10 {
		c.both(first, &Plan{})
	}
	require.LessOrEqual(t, len(c.pairs), maxCachedPlans)
}
