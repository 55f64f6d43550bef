package catalog

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/callout-hq/callout/pkg/action"
)

// clock stamps with a new time and new ids.
type clock struct{ ids, seconds int }

var dawn = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func (c *clock) how() Stamping {
	c.seconds++
	return Stamping{Now: dawn.Add(time.Duration(c.seconds) * time.Second), NewID: func() string { c.ids++; return fmt.Sprintf("id%d", c.ids) }}
}

// by stamps an edit of a followed file.
func (c *clock) by(file string, named *Snapshot) Stamping {
	how := c.how()
	how.File, how.Named = file, named
	return how
}

func at(second int) time.Time { return dawn.Add(time.Duration(second) * time.Second) }

const stampedText = `
targets: {a: {type: webhook, url: https://a.example}, b: {type: webhook, url: https://b.example}}
requests: {x: {condition: /s/M, targets: [{target: a}]}, y: {list: true, targets: [{target: b}]}}
orgs: {acme: {targets: {a: {type: webhook, url: https://c.example}}}}
`

func target(name string) Ref                       { return Ref{Name: name} }
func entryOf(phase action.Phase, name string) Ref  { return Ref{phase, name} }
func metaOf(s Stamped, org string, ref Ref) Meta   { m, _ := s.MetaOf(org, ref); return m }
func idOf(s *Snapshot, org string, ref Ref) string { m, _ := s.MetaOf(org, ref); return m.ID }

func TestStampNew(t *testing.T) {
	c := &clock{}
	s := Stamp(Empty("default"), parsed(t, stampedText), c.how())
	require.False(t, s.Same)
	require.Len(t, s.Changes, 5)
	seen := map[string]bool{}
	for org, sc := range s.Scopes {
		require.Len(t, sc.Meta, sc.objects())
		for ref, meta := range sc.Meta {
			require.Equal(t, Meta{ID: meta.ID, Created: at(1), Changed: at(1)}, meta)
			require.False(t, seen[meta.ID])
			seen[meta.ID] = true
			p, ok := s.FindID(meta.ID)
			require.True(t, ok)
			require.Equal(t, Place{org, ref}, p)
		}
	}
	again := Stamp(s.Snapshot, parsed(t, stampedText), c.how())
	require.True(t, again.Same, "applied twice, nothing is new")
	require.Empty(t, again.Changes)
	require.Equal(t, s.Scopes[""].Meta, again.Scopes[""].Meta)
	m, err := Compile(s.Snapshot)
	require.NoError(t, err)
	for range 2 {
		p, ok := m.FindID(idOf(s.Snapshot, "acme", target("a")))
		require.True(t, ok)
		require.Equal(t, Place{"acme", target("a")}, p)
		_, ok = m.FindID("nobody")
		require.False(t, ok)
	}
}

// TestStampEdits: what becomes of ids and times.
func TestStampEdits(t *testing.T) {
	for name, tt := range map[string]struct {
		edit func(sc *Scope)
		want map[Ref]Meta // of scope ""; what is not there is as it was
		gone []Ref
	}{
		"a setting": {func(sc *Scope) { change(sc, "a", func(t *action.Target) { t.Paused = true }) },
			map[Ref]Meta{target("a"): {ID: "a", Created: at(1), Changed: at(9)}}, nil},
		"removed": {func(sc *Scope) { delete(sc.Targets, "b") }, nil, []Ref{target("b")}},
		"another name": {func(sc *Scope) { rename(sc, "a", "c"); sc.Meta[target("c")] = sc.Meta[target("a")] },
			map[Ref]Meta{target("c"): {ID: "a", Created: at(1), Changed: at(9)}}, []Ref{target("a")}},
		"another name, nothing said": {func(sc *Scope) { rename(sc, "a", "c") },
			map[Ref]Meta{target("c"): {ID: "new1", Created: at(9), Changed: at(9)}}, []Ref{target("a")}},
		"a copy with its meta": {func(sc *Scope) {
			sc.Targets["c"] = hook("c", action.Webhook)
			sc.Meta[target("c")] = sc.Meta[target("a")]
		},
			map[Ref]Meta{target("c"): {ID: "new1", Created: at(9), Changed: at(9)}}, nil},
		"one id for two": {func(sc *Scope) {
			rename(sc, "a", "c")
			sc.Targets["d"] = hook("d", action.Webhook)
			sc.Meta[target("c")], sc.Meta[target("d")] = sc.Meta[target("a")], sc.Meta[target("a")]
		}, map[Ref]Meta{target("c"): {ID: "a", Created: at(1), Changed: at(9)}, target("d"): {ID: "new1", Created: at(9), Changed: at(9)}}, []Ref{target("a")}},
		"one that was gone": {func(sc *Scope) {
			sc.Targets["old"] = hook("old", action.Webhook)
			sc.Meta[target("old")] = Meta{ID: "old", Created: at(0), Changed: at(0), Owner: "old.yaml"}
		}, map[Ref]Meta{target("old"): {ID: "old", Created: at(0), Changed: at(9)}}, nil},
		"an id of another is not taken": {func(sc *Scope) {
			change(sc, "a", func(t *action.Target) { t.Paused = true })
			sc.Meta[target("a")] = sc.Meta[target("b")]
		}, map[Ref]Meta{target("a"): {ID: "a", Created: at(1), Changed: at(9)}}, nil},
		"an execution's name, its condition stays": {func(sc *Scope) { sc.Sections[action.Request][0].Name = "z" },
			map[Ref]Meta{entryOf(action.Request, "z"): {ID: "x", Created: at(1), Changed: at(9)}}, []Ref{entryOf(action.Request, "x")}},
		"a list's name": {func(sc *Scope) { sc.Sections[action.Request][1].Name = "z" },
			map[Ref]Meta{entryOf(action.Request, "z"): {ID: "new1", Created: at(9), Changed: at(9)}}, []Ref{entryOf(action.Request, "y")}},
		"the order": {func(sc *Scope) {
			r := sc.Sections[action.Request]
			r[0], r[1] = r[1], r[0]
		}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			before := Stamp(Empty("default"), parsed(t, stampedText), (&clock{}).how()).Snapshot
			known := map[Ref]string{target("a"): "a", target("b"): "b", entryOf(action.Request, "x"): "x", entryOf(action.Request, "y"): "y"}
			for ref, id := range known {
				before.Scopes[""].Meta[ref] = Meta{ID: id, Created: at(1), Changed: at(1), Owner: "f.yaml"}
			}
			next, sc := before.Draft("")
			tt.edit(sc)
			ids := 0
			got := Stamp(before, next, Stamping{Now: at(9), NewID: func() string { ids++; return fmt.Sprint("new", ids) }})
			want := map[Ref]Meta{}
			for ref, id := range known {
				want[ref] = Meta{ID: id, Created: at(1), Changed: at(1), Owner: "f.yaml"}
			}
			for _, ref := range tt.gone {
				delete(want, ref)
			}
			for ref, meta := range tt.want {
				want[ref] = meta
			}
			require.Equal(t, want, got.Scopes[""].Meta)
			require.Same(t, before.Scopes["acme"], got.Scopes["acme"], "what is not touched is shared")
			require.Equal(t, Diff(before, next), got.Changes)
		})
	}
}

func change(sc *Scope, name string, do func(*action.Target)) {
	t := sc.Targets[name]
	do(&t)
	sc.Targets[name] = t
}

func rename(sc *Scope, from, to string) {
	t := sc.Targets[from]
	t.Name = to
	sc.Targets[to] = t
	delete(sc.Targets, from)
}

// TestStampIsPure: neither argument is written to, ids are those of one object
// each, and the order of two edits does not matter to what neither touched.
func TestStampIsPure(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := &clock{}
		s := Stamp(Empty("default"), anySnapshot(t), c.how()).Snapshot
		for range 5 {
			before := everything(s)
			next := anyEdit(t, s)
			asked := everything(next)
			got := Stamp(s, next, c.how())
			require.Equal(t, before, everything(s))
			require.Equal(t, asked, everything(next))
			require.Equal(t, Diff(s, next), got.Changes)
			require.Equal(t, len(got.Changes) == 0, got.Same)
			seen := map[string]Place{}
			for org, sc := range got.Scopes {
				sc.Each(func(ref Ref) {
					meta, ok := got.MetaOf(org, ref)
					require.True(t, ok && meta.ID != "", "%s %v", org, ref)
					_, taken := seen[meta.ID]
					if !duplicated(sc, ref) {
						require.False(t, taken, "%s %v", org, ref)
					}
					seen[meta.ID] = Place{org, ref}
					if had, was := s.MetaOf(org, ref); was && !duplicated(s.Scopes[org], ref) {
						require.Equal(t, had.ID, meta.ID)
						require.Equal(t, had.Created, meta.Created)
					}
				})
			}
			s = got.Snapshot
		}
	})
}

// duplicated tells whether a name stands twice, which no legal catalog has.
func duplicated(sc *Scope, ref Ref) bool {
	n := 0
	for _, e := range sc.Sections[ref.Phase] {
		if e.Name == ref.Name {
			n++
		}
	}
	return n > 1
}
