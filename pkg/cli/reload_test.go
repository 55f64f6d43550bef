package cli_test

import (
	"fmt"
	"net/http"
	"os"
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

	// Another instance is not made by a reload.
	replace(t, file, "instance: other\n"+named(tg, "fifth"))
	p.log.await(t, "it names instance other")
	expect(3, "/fourth")
}
