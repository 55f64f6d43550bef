package revisions_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/revisions"
	"github.com/callout-hq/callout/pkg/catalog"
)

// snapshot is a catalog of one target, hook.
func snapshot(i bus.Instance, url string) *catalog.Snapshot {
	s := catalog.Empty(i.ID)
	s.Scopes[""].Targets = map[string]action.Target{"hook": catalog.WithDefaults(action.Target{Name: "hook", Kind: action.Webhook, URL: url})}
	s.Scopes["acme"] = &catalog.Scope{}
	return s
}

// wide is a catalog of many targets and functions, of which the first target is
// at url.
func wide(i bus.Instance, url string) *catalog.Snapshot {
	s, sc := catalog.Empty(i.ID).Draft("")
	for n := range 500 {
		name := fmt.Sprintf("t%03d", n)
		sc.Targets[name] = catalog.WithDefaults(action.Target{Name: name, Kind: action.Webhook, URL: "https://a.example"})
		sc.Sections[action.Function] = append(sc.Sections[action.Function], action.Execution{Name: name, Match: name, Entries: []action.Entry{{Target: name}}})
	}
	t := sc.Targets["t000"]
	t.URL = url
	sc.Targets["t000"] = t
	return s
}

func urlOf(m *catalog.Matcher) string {
	targets := m.Snapshot().Scopes[""].Targets
	if t, ok := targets["hook"]; ok {
		return t.URL
	}
	return targets["t000"].URL
}

// at is the URL of a revision, other in each instance.
func at(i bus.Instance, revision any) string {
	return fmt.Sprintf("https://%v.example/%s", revision, i.Token)
}

// store makes a revision behind base.
func store(t *testing.T, i bus.Instance, base *revisions.Version, s *catalog.Snapshot, source string) *revisions.Version {
	t.Helper()
	ids := 0
	stamped := catalog.Stamp(base.Matcher.Snapshot(), s, catalog.Stamping{Now: time.Now().UTC(), NewID: func() string { ids++; return fmt.Sprint(source, "-", ids) }})
	m, err := base.Matcher.Next(stamped.Snapshot, stamped.Delta())
	require.NoError(t, err)
	v, err := revisions.Of(i).Add(bustest.Within(t, 20*time.Second), base, stamped, action.Revision{Source: source, Made: time.Now().UTC(), Changed: len(stamped.Changes)})
	require.NoError(t, err)
	v.Matcher = m
	return v
}

// root puts a revision in force.
func root(t *testing.T, i bus.Instance, v, base *revisions.Version) {
	t.Helper()
	require.NoError(t, revisions.Of(i).SetRoot(bustest.Within(t, 20*time.Second), v, base))
}

func nothing(t *testing.T, i bus.Instance) *revisions.Version {
	t.Helper()
	v, err := revisions.Of(i).Version(bustest.Within(t, 20*time.Second), 0, nil)
	require.NoError(t, err)
	return v
}

// made is an instance with so many revisions, each with its own URL.
func made(t *testing.T, i bus.Instance, n int, of func(bus.Instance, string) *catalog.Snapshot) []*revisions.Version {
	t.Helper()
	all := []*revisions.Version{nothing(t, i)}
	for n := range n {
		v := store(t, i, all[n], of(i, at(i, n+1)), fmt.Sprint("edit ", n+1))
		root(t, i, v, all[n])
		all = append(all, v)
	}
	return all
}

// keysOf lists the keys of an instance's values of a kind in a bucket.
func keysOf(t *testing.T, kv jetstream.KeyValue, i bus.Instance, kind string) (keys []string) {
	t.Helper()
	all, err := kv.Keys(bustest.Within(t, 20*time.Second))
	require.NoError(t, err)
	for _, key := range all {
		if strings.HasPrefix(key, i.Token+"."+kind+".") {
			keys = append(keys, key)
		}
	}
	return keys
}

// partsOf lists the values that a revision is made of.
func partsOf(t *testing.T, kv jetstream.KeyValue, i bus.Instance, revision int) []string {
	t.Helper()
	entry, err := kv.Get(bustest.Within(t, 20*time.Second), i.Token+".rev."+strconv.Itoa(revision))
	require.NoError(t, err)
	var m struct{ Chunks []string }
	require.NoError(t, json.Unmarshal(entry.Value(), &m))
	require.NotEmpty(t, m.Chunks)
	return m.Chunks
}

// onlyIn names a value of one revision that another does not have.
func onlyIn(t *testing.T, kv jetstream.KeyValue, i bus.Instance, revision, other int) string {
	t.Helper()
	others := partsOf(t, kv, i, other)
	only := slices.DeleteFunc(partsOf(t, kv, i, revision), func(hash string) bool { return slices.Contains(others, hash) })
	require.Len(t, only, 1)
	return only[0]
}

func TestRevisionsAreWholeAndInOrder(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		ctx, r := bustest.Within(t, 30*time.Second), revisions.Of(i)
		put, err := r.PutBack(ctx)
		require.NoError(t, err)
		require.False(t, put, "twice changes nothing")
		latest, ok, err := r.Latest(ctx)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, revisions.Root{Revision: 0, Cut: 1}, latest)

		empty := nothing(t, i)
		first := store(t, i, empty, snapshot(i, at(i, 1)), "first")
		require.Equal(t, uint64(1), first.Revision.Revision)
		_, err = r.Add(ctx, empty, catalog.Stamped{Snapshot: snapshot(i, at(i, 2))}, action.Revision{})
		bustest.Code(t, action.CodeConflict, err)
		_, set, err := r.Current(ctx)
		require.NoError(t, err)
		require.False(t, set, "a revision is no root yet")

		second := store(t, i, first, snapshot(i, at(i, 2)), "second")
		require.Greater(t, second.Cut, first.Cut)
		for _, revision := range []uint64{1, 2} {
			for _, from := range []*revisions.Version{nil, first, second} {
				v, err := r.Version(ctx, revision, from)
				require.NoError(t, err)
				s := v.Matcher.Snapshot()
				require.Equal(t, revision, s.Revision)
				require.Equal(t, at(i, revision), urlOf(v.Matcher))
				require.Contains(t, s.Scopes, "acme")
				meta, ok := s.MetaOf("", catalog.Ref{Name: "hook"})
				require.True(t, ok)
				require.Equal(t, "first-1", meta.ID, "it stays")
				only, err := r.Snapshot(ctx, revision, from)
				require.NoError(t, err)
				require.Equal(t, s.Scopes, only.Scopes)
			}
		}
		_, err = r.Version(ctx, 3, nil)
		bustest.Code(t, action.CodeNotFound, err)
		_, ok, err = revisions.Of(i.Bus.Instance("nobody")).Latest(ctx)
		require.NoError(t, err)
		require.False(t, ok)
		_, err = revisions.Of(i.Bus.Instance("nobody")).Add(ctx, empty, catalog.Stamped{Snapshot: snapshot(i, "x")}, action.Revision{})
		bustest.Code(t, action.CodeMissing, err)
	})
}

// TestManyEditAtOnce: of edits that were made from the same revision one counts.
func TestManyEditAtOnce(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		r, base := revisions.Of(i), nothing(t, i)
		codes := make(chan action.Code, 8)
		for n := range cap(codes) {
			go func() {
				stamped := catalog.Stamp(base.Matcher.Snapshot(), snapshot(i, at(i, n)), catalog.Stamping{NewID: func() string { return "id" }})
				_, err := r.Add(bustest.Within(t, 30*time.Second), base, stamped, action.Revision{})
				codes <- action.CodeOf(err)
			}()
		}
		count := map[action.Code]int{}
		for range cap(codes) {
			count[<-codes]++
		}
		require.Equal(t, map[action.Code]int{"": 1, action.CodeConflict: cap(codes) - 1}, count)
		latest, _, err := r.Latest(bustest.Within(t, 20*time.Second))
		require.NoError(t, err)
		v, err := r.Version(bustest.Within(t, 20*time.Second), latest.Revision, nil)
		require.NoError(t, err)
		require.Contains(t, urlOf(v.Matcher), i.Token)
	})
}
