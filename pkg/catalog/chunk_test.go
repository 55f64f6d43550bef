package catalog

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/callout-hq/callout/pkg/action"
)

// everything shows everything of a snapshot, the order of its sections and what is
// known of its objects.
func everything(s *Snapshot) string {
	var b strings.Builder
	for _, org := range s.Orgs() {
		sc := s.Scopes[org]
		fmt.Fprintf(&b, "scope %q\n", org)
		for _, name := range sortedKeys(sc.Targets) {
			fmt.Fprintln(&b, name, Etag(sc.Targets[name]))
		}
		for _, phase := range action.Phases {
			for _, e := range sc.Sections[phase] {
				fmt.Fprintln(&b, phase, e.Name, Etag(e))
			}
		}
		for _, ref := range slices.SortedFunc(maps.Keys(sc.Meta), func(a, b Ref) int { return Place{"", a}.compare(Place{"", b}) }) {
			raw, _ := json.Marshal(sc.Meta[ref])
			fmt.Fprintln(&b, ref, string(raw))
		}
	}
	return b.String()
}

// readBack reads chunks as a follower does, who has some already.
func readBack(t require.TestingT, all []*Chunk, values map[string][]byte, have []*Chunk) []*Chunk {
	known := map[string]*Chunk{}
	for _, c := range have {
		known[c.Hash] = c
	}
	out := make([]*Chunk, len(all))
	for i, c := range all {
		if out[i] = known[c.Hash]; out[i] == nil {
			var err error
			out[i], err = ReadChunk(c.Hash, values[c.Hash])
			require.NoError(t, err)
		}
	}
	return out
}

// TestChunksHoldEverything makes edit after edit, stores what is new of each, and
// follows by what was stored.
func TestChunksHoldEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := &clock{}
		values := map[string][]byte{}
		s := Stamp(Empty("default"), anySnapshot(t), c.how())
		chunks, fresh := s.Chunks(nil)
		keep := func() {
			for _, f := range fresh {
				values[f.Hash] = f.Value
			}
		}
		keep()
		followedChunks := readBack(t, chunks, values, nil)
		followed, err := Assemble("default", 1, followedChunks)
		require.NoError(t, err)
		m, err := Compile(followed)
		require.NoError(t, err)
		for revision := range uint64(6) {
			next := Stamp(s.Snapshot, anyEdit(t, s.Snapshot), c.how())
			if HasErrors(Validate(next.Snapshot)) {
				continue
			}
			var all []*Chunk
			all, fresh = next.Chunks(chunks)
			keep()
			nowChunks := readBack(t, all, values, followedChunks)
			now, delta, err := Reassemble(followed, followedChunks, revision+2, nowChunks)
			require.NoError(t, err)
			require.Equal(t, everything(next.Snapshot), everything(now))
			require.Equal(t, revision+2, now.Revision)
			cold, err := Assemble("default", revision+2, nowChunks)
			require.NoError(t, err)
			require.Equal(t, everything(cold), everything(now))
			anew := Stamp(Empty("default"), now, c.how())
			fromGround, _ := anew.Chunks(nil)
			require.Len(t, fromGround, len(all), "where chunks end does not depend on the edits before")

			before := tables(m)
			got, err := m.Next(now, delta)
			require.NoError(t, err)
			want, err := Compile(cold)
			require.NoError(t, err)
			require.Equal(t, tables(want), tables(got))
			require.Equal(t, want.Conditions().Orgs, got.Conditions().Orgs)
			require.Equal(t, before, tables(m))
			s, chunks, followed, followedChunks, m = next, all, now, nowChunks, got
		}
	})
}

// TestOnlyWhatChangedIsNew: an edit of one object among thousands stores one
// chunk, or the two beside an end.
func TestOnlyWhatChangedIsNew(t *testing.T) {
	c := &clock{}
	s := Stamp(Empty("default"), many(3000), c.how())
	chunks, _ := s.Chunks(nil)
	require.Greater(t, len(chunks), 3000*2/meanChunk/2)
	for i := range 100 {
		next, sc := s.Draft("")
		name := fmt.Sprintf("target-%05d", i*29)
		section := sc.Sections[action.Function]
		switch i % 4 {
		case 0:
			change(sc, name, func(t *action.Target) { t.URL += "/x" })
		case 1:
			sc.Targets[name+"b"] = hook(name+"b", action.Webhook)
		case 2:
			sc.Sections[action.Function] = slices.Insert(section, i, action.Execution{Name: fmt.Sprint("new", i), Match: fmt.Sprint("new", i), Entries: []action.Entry{{Target: name}}})
		case 3:
			sc.Sections[action.Function] = slices.Delete(section, i*2, i*2+1)
		}
		stamped := Stamp(s.Snapshot, next, c.how())
		var fresh []NewChunk
		chunks, fresh = stamped.Chunks(chunks)
		require.LessOrEqual(t, len(fresh), 2)
		require.NotEmpty(t, fresh)
		s = stamped
	}
}

// TestManySmallScopesShareChunks: the list of chunks stays small for ten thousand
// organizations, and well below the bus's bound of 1 MiB.
func TestManySmallScopesShareChunks(t *testing.T) {
	s := Empty("default")
	for i := range 10000 {
		org := fmt.Sprintf("organization-%d", i)
		s.Scopes[org] = &Scope{Targets: map[string]action.Target{"a": hook("a", action.Webhook)},
			Sections: map[action.Phase][]action.Execution{action.Request: {{Name: "*", Match: "*", Entries: []action.Entry{{Target: "a"}}}}}}
	}
	c := &clock{}
	first := Stamp(Empty("default"), s, c.how())
	chunks, _ := first.Chunks(nil)
	raw, err := json.Marshal(Hashes(chunks))
	require.NoError(t, err)
	require.Less(t, len(raw), 32<<10)
	t.Logf("%d chunks, %d bytes of list", len(chunks), len(raw))
	next, sc := first.Draft("organization-77")
	change(sc, "a", func(t *action.Target) { t.Paused = true })
	second := Stamp(first.Snapshot, next, c.how())
	list, fresh := second.Chunks(chunks)
	require.Len(t, fresh, 1)
	got, delta, err := Reassemble(first.Snapshot, chunks, 2, list)
	require.NoError(t, err)
	require.Len(t, delta.found, 1)
	same := 0
	for org, sc := range got.Scopes {
		if sc == first.Scopes[org] {
			same++
		}
	}
	require.Equal(t, 10000, same, "all but one are shared")
}

// TestLargeObjectsAreCutApart: a chunk of large objects that cannot be packed is
// divided.
func TestLargeObjectsAreCutApart(t *testing.T) {
	s, sc := Empty("default").Draft("")
	for i := range 40 {
		target := hook(fmt.Sprint("large", i), action.Webhook)
		target.Headers = map[string]string{}
		for h := range 12 {
			noise := make([]byte, 3000)
			_, _ = rand.Read(noise)
			target.Headers[fmt.Sprint("X-Noise-", h)] = base64.StdEncoding.EncodeToString(noise)
		}
		sc.Targets[target.Name] = target
	}
	stamped := Stamp(Empty("default"), s, (&clock{}).how())
	chunks, fresh := stamped.Chunks(nil)
	values := map[string][]byte{}
	for _, f := range fresh {
		require.LessOrEqual(t, len(f.Value), mostBytes)
		values[f.Hash] = f.Value
	}
	got, err := Assemble("default", 1, readBack(t, chunks, values, nil))
	require.NoError(t, err)
	require.Equal(t, everything(stamped.Snapshot), everything(got))
}

func TestBrokenChunksAreRefused(t *testing.T) {
	s := Stamp(Empty("default"), parsed(t, stampedText), (&clock{}).how())
	_, fresh := s.Chunks(nil)
	good := fresh[0].Value
	for name, value := range map[string][]byte{
		"nothing": nil, "garbage": []byte("garbage"), "half": good[:len(good)/2], "another": append(slices.Clone(good[:len(good)-1]), good[len(good)-1]^1),
	} {
		_, err := ReadChunk(fresh[0].Hash, value)
		require.Error(t, err, name)
	}
	_, err := ReadChunk("another hash", good)
	require.Error(t, err, "whole, but not what was asked for")
	for name, v := range map[string]any{"no list": map[string]string{}, "no object": []int{1}, "empty": []record{}} {
		hash, value := pack(v)
		_, err := ReadChunk(hash, value)
		require.Error(t, err, name)
		_, err = ReadConditionChunk(hash, value)
		require.Error(t, err, name)
	}
	hash, value := pack([]record{{Org: "a", Phase: "sideways", Execution: &action.Execution{Name: "x"}}})
	c, err := ReadChunk(hash, value)
	require.NoError(t, err)
	_, err = Assemble("default", 1, []*Chunk{c})
	require.Error(t, err)
	_, _, err = Reassemble(Empty("default"), nil, 1, []*Chunk{c})
	require.Error(t, err)
}

func TestConditionChunks(t *testing.T) {
	m, err := Compile(many(3000))
	require.NoError(t, err)
	all, fresh := m.Conditions().Chunks(nil)
	require.Len(t, fresh, len(all))
	read := make([]*ConditionChunk, len(fresh))
	for i, f := range fresh {
		require.Less(t, len(f.Value), 64<<10)
		read[i], err = ReadConditionChunk(f.Hash, f.Value)
		require.NoError(t, err)
	}
	require.Equal(t, m.Conditions(), AssembleConditions("default", 0, read))

	next, sc := m.Snapshot().Draft("")
	sc.Sections[action.Function] = append(sc.Sections[action.Function], action.Execution{Name: "another", Match: "another", Entries: []action.Entry{}})
	n, err := m.Next(next, Delta{})
	require.NoError(t, err)
	require.False(t, n.SameConditions(m))
	again, fresh := n.Conditions().Chunks(all)
	require.Len(t, fresh, 1)
	require.Equal(t, n.Conditions(), AssembleConditions("default", 0, again))

	next, sc = next.Draft("")
	change(sc, "target-00001", func(t *action.Target) { t.URL += "/x" })
	o, err := n.Next(next, Delta{})
	require.NoError(t, err)
	_, fresh = o.Conditions().Chunks(again)
	require.Empty(t, fresh, "a target's setting is none of the core's business")
}
