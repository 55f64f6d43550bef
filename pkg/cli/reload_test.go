package cli_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// named is a configuration whose one request goes to a path of its own.
func named(tg *target, path string) string {
	return fill(tg, fmt.Sprintf(`
targets:
  it: {type: webhook, url: "URL/%s", KEY}
requests:
  "*": {targets: [{target: it}]}
`, path))
}

func TestReload(t *testing.T) {
	t.Parallel()
	tg := newTarget(t, nil)
	file := configuration(t, named(tg, "first"))
	p := dev(t, tg, file, "--data", "")
	// call makes a call and tells the revision and the path that it went to.
	call := func() (revision uint64, path string) {
		before := len(tg.seen())
		got := post(t, p.ready["http"]+"/v1/instances/default/calls/request", addUser)
		require.Equal(t, http.StatusOK, got.status, got.body)
		answer := read[reply](t, got.body)
		require.Equal(t, "continue", answer.Outcome)
		require.Empty(t, answer.Warnings)
		return answer.Revision, tg.awaitCount(t, before+1)[before].path
	}
	expect := func(revision uint64, path string) {
		t.Helper()
		gotRevision, gotPath := call()
		require.Equal(t, revision, gotRevision)
		require.Equal(t, path, gotPath)
	}
	expect(1, "/first")

	replace(t, file, named(tg, "second"))
	p.log.await(t, `callout.yaml","revision":2,`)
	expect(2, "/second")

	// Broken: the last good one stays, and the place of the mistake is told.
	replace(t, file, named(tg, "third")+"events:\n  user.added: {targets: [{target: that}]}\n")
	p.log.await(t, "the last good one stays in force")
	p.log.await(t, file+`:7:35: error: no target is named \"that\"`)
	expect(2, "/second")

	// Not even YAML, and written in its place.
	require.NoError(t, os.WriteFile(file, []byte("targets: ["), 0o600))
	p.log.await(t, file+":1:10: ")
	expect(2, "/second")

	// A file that is away changes nothing.
	require.NoError(t, os.Remove(file))
	p.log.await(t, "no such file or directory")
	expect(2, "/second")

	replace(t, file, named(tg, "fourth"))
	p.log.await(t, `callout.yaml","revision":3,`)
	expect(3, "/fourth")

	// Emptied, as an editor does that truncates first.
	require.NoError(t, os.Truncate(file, 0))
	p.log.await(t, "a file without any takes nothing out of force: 2 of what is in force belong to it")
	expect(3, "/fourth")

	// Another instance is not made by a reload.
	replace(t, file, "instance: other\n"+named(tg, "fifth"))
	p.log.await(t, "it names instance other")
	expect(3, "/fourth")
}

// TestEditOfWhatAFileOwns is refused before an editor opens, in the followed
// instance alone.
func TestEditOfWhatAFileOwns(t *testing.T) {
	t.Parallel()
	tg := newTarget(t, nil)
	p := dev(t, tg, configuration(t, named(tg, "first")), "--data", "")
	seen := filepath.Join(t.TempDir(), "seen")
	edit := func(args ...string) result {
		return runWith(t, "callout", runOptions{env: []string{"EDITOR=touch " + seen + "; true", "CALLOUT_SERVER=" + p.ready["http"]}}, append([]string{"edit"}, args...)...)
	}
	for _, what := range [][]string{{"target", "it"}, {"execution", "request/*"}} {
		got := edit(what...)
		require.Equal(t, 1, got.code)
		require.Regexp(t, `^callout: the (target it|execution request/\*) belongs to the file \S*callout\.yaml, which is followed: .* \[file_owned\]\n$`, got.err)
		require.NoFileExists(t, seen)
	}
	twin := runWith(t, "callout", runOptions{stdin: "instance: twin\n" + named(tg, "first")}, "apply", "-f", "-", "--server", p.ready["http"])
	require.Zero(t, twin.code, twin.err)
	require.Zero(t, edit("target", "it", "--instance", "twin").code)
	require.FileExists(t, seen)
}
