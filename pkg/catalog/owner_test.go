package catalog

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

const (
	fileOne = `
targets: {a: {type: webhook, url: https://a.example}, b: {type: webhook, url: https://b.example}}
requests: {x: {condition: /s/M, targets: [{target: a}]}}
orgs: {acme: {targets: {c: {type: webhook, url: https://c.example}}}}
`
	fileTwo = `
targets: {b: {type: webhook, url: https://b.example, paused: true}, made: {type: webhook, url: https://m.example}}
`
)

// reload applies a file and gives what is in force then.
func reload(t *testing.T, c *clock, current *Snapshot, file, text string) Stamped {
	t.Helper()
	named := parsed(t, text)
	return Stamp(current, Reload(current, named), c.by(file, named))
}

func owners(s *Snapshot) map[Place]string {
	all := map[Place]string{}
	for org, sc := range s.Scopes {
		for ref, meta := range sc.Meta {
			all[Place{org, ref}] = meta.Owner
		}
	}
	return all
}

func TestAFileOwnsWhatItNames(t *testing.T) {
	c := &clock{}
	one := reload(t, c, Empty("default"), "f.yaml", fileOne)
	require.Empty(t, one.TakenOver)
	require.Equal(t, map[Place]string{{"", target("a")}: "f.yaml", {"", target("b")}: "f.yaml",
		{"", entryOf(action.Request, "x")}: "f.yaml", {"acme", target("c")}: "f.yaml"}, owners(one.Snapshot))
	require.True(t, reload(t, c, one.Snapshot, "f.yaml", fileOne).Same, "the same file again")

	// The API makes something beside it.
	next, sc := one.Draft("")
	sc.Targets["made"] = hook("made", action.Webhook)
	sc.Sections[action.Request] = append(sc.Sections[action.Request], action.Execution{Name: "own", Match: "/s/N", Entries: []action.Entry{{Target: "made"}}})
	beside := Stamp(one.Snapshot, next, c.how())
	_, _, owned := FirstOwned(one.Snapshot, beside.Changes)
	require.False(t, owned)
	require.Empty(t, metaOf(beside, "", target("made")).Owner)
	require.Equal(t, "f.yaml", metaOf(beside, "", target("a")).Owner)
	same := reload(t, c, beside.Snapshot, "f.yaml", fileOne)
	require.True(t, same.Same, "it stays beside the file")

	// The file drops some, changes one, and takes over what the API made.
	two := reload(t, c, beside.Snapshot, "f.yaml", fileTwo)
	require.Equal(t, []Place{{"", target("made")}}, two.TakenOver)
	require.Equal(t, map[Place]string{{"", target("b")}: "f.yaml", {"", target("made")}: "f.yaml", {"", entryOf(action.Request, "own")}: ""}, owners(two.Snapshot))
	require.Equal(t, idOf(beside.Snapshot, "", target("made")), idOf(two.Snapshot, "", target("made")))
	require.Equal(t, idOf(one.Snapshot, "", target("b")), idOf(two.Snapshot, "", target("b")))
	require.NotContains(t, two.Scopes, "acme", "nothing is left of it")

	// An edit while no file is followed makes an object everybody's.
	next, sc = two.Draft("")
	change(sc, "b", func(t *action.Target) { t.Paused = false })
	free := Stamp(two.Snapshot, next, c.how())
	owner, file, owned := FirstOwned(two.Snapshot, free.Changes)
	require.True(t, owned)
	require.Equal(t, "f.yaml", file)
	require.Equal(t, "target b", owner.Object())
	require.Empty(t, metaOf(free, "", target("b")).Owner)
	require.Equal(t, "f.yaml", metaOf(free, "", target("made")).Owner)
}

// TestAFileTakesOverWithoutAChange: what it names as it is already becomes its
// own all the same.
func TestAFileTakesOverWithoutAChange(t *testing.T) {
	c := &clock{}
	made := Stamp(Empty("default"), parsed(t, fileOne), c.how())
	taken := reload(t, c, made.Snapshot, "f.yaml", fileOne)
	require.Empty(t, taken.Changes)
	require.False(t, taken.Same)
	require.Len(t, taken.TakenOver, 4)
	require.Equal(t, metaOf(made, "", target("a")).Changed, metaOf(taken, "", target("a")).Changed, "its settings have not changed")
	before, fresh := made.Chunks(nil)
	after, more := taken.Chunks(before)
	values := map[string][]byte{}
	for _, f := range append(fresh, more...) {
		values[f.Hash] = f.Value
	}
	stored, err := Assemble("default", 2, readBack(t, after, values, nil))
	require.NoError(t, err)
	require.Equal(t, owners(taken.Snapshot), owners(stored), "who owns it is stored")
	other := reload(t, c, taken.Snapshot, "g.yaml", "targets: {a: {type: webhook, url: https://a.example}}")
	require.Equal(t, map[Place]string{{"", target("a")}: "g.yaml"}, owners(other.Snapshot), "an instance has one file")
}

// TestReloadByCondition: an execution takes the place of the one with its
// condition, whoever made it.
func TestReloadByCondition(t *testing.T) {
	c := &clock{}
	made := Stamp(Empty("default"), parsed(t, "requests: {mine: {condition: /s/M, targets: []}}"), c.how())
	taken := reload(t, c, made.Snapshot, "f.yaml", "requests: {files: {condition: /s/M, targets: []}}")
	require.Equal(t, map[Place]string{{"", entryOf(action.Request, "files")}: "f.yaml"}, owners(taken.Snapshot))
	require.Equal(t, idOf(made.Snapshot, "", entryOf(action.Request, "mine")), idOf(taken.Snapshot, "", entryOf(action.Request, "files")))
}

// TestAFileWithoutObjectsTakesNothingsPlace: it is emptied, whatever else it
// says.
func TestAFileWithoutObjectsTakesNothingsPlace(t *testing.T) {
	c := &clock{}
	one := reload(t, c, Empty("default"), "f.yaml", fileOne)
	for _, text := range []string{"", "# later", "{}", "targets: {}", "instance: default", "orgs: {acme: {}}"} {
		empty := parsed(t, text)
		require.Equal(t, 4, Emptied(one.Snapshot, empty), text)
		require.Same(t, one.Snapshot, Reload(one.Snapshot, empty), text)
		require.Zero(t, Emptied(Empty("default"), empty), text)
	}
	require.Zero(t, Emptied(one.Snapshot, parsed(t, fileTwo)))

	// What the API made is nobody's, and stays in any case.
	next, _ := Empty("default").Draft("")
	free := Stamp(Empty("default"), next.WithTarget("", hook("made", action.Webhook)), c.how())
	require.Zero(t, Emptied(free.Snapshot, Empty("default")))
	require.Contains(t, Reload(free.Snapshot, Empty("default")).Scopes[""].Targets, "made")
}
