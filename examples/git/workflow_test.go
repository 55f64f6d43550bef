// Package git_test runs the workflow of this folder as a runner would.
package git_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/cli"
	"github.com/callout-hq/callout/pkg/node"
)

// TestMain lets the test itself be callout, for the steps of the workflow.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "callout" {
		os.Exit(cli.Main("callout", "test", nil))
	}
	os.Exit(m.Run())
}

type workflow struct {
	Env  map[string]string
	Jobs map[string]struct {
		Steps []struct{ Name, Uses, Run string }
	}
}

// runner is a machine with the repository checked out, and callout.
type runner struct {
	workflow
	dir     string
	summary string
	server  string
}

func newRunner(t *testing.T) *runner {
	t.Helper()
	text, err := os.ReadFile("workflow.yaml")
	require.NoError(t, err)
	r := &runner{dir: t.TempDir()}
	require.NoError(t, yaml.Unmarshal(text, &r.workflow))
	require.Contains(t, r.Env, "CALLOUT_SERVER")
	require.NoError(t, os.CopyFS(filepath.Join(r.dir, "configuration"), os.DirFS("configuration")))
	r.summary = filepath.Join(r.dir, "summary.md")
	self, err := os.Executable()
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(filepath.Join(r.dir, "bin"), 0o700))
	require.NoError(t, os.Symlink(self, filepath.Join(r.dir, "bin", "callout")))

	starting, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	n, err := node.Start(starting, node.Options{Listen: "127.0.0.1:0", NATSListen: "127.0.0.1:0", Log: zerolog.Nop()})
	require.NoError(t, err)
	t.Cleanup(func() {
		stopping, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		require.NoError(t, n.Close(stopping))
	})
	r.server = n.HTTPURL()
	return r
}

// do runs the commands of jobs, one after the other, and gives what they print.
func (r *runner) do(t *testing.T, jobs ...string) (printed string, failed bool) {
	t.Helper()
	for _, job := range jobs {
		require.Contains(t, r.Jobs, job)
		for _, step := range r.Jobs[job].Steps {
			if step.Uses != "" || step.Name == "Install callout" {
				continue
			}
			out, err := r.shell(t, step.Run)
			printed += out
			if err != nil {
				return printed, true
			}
		}
	}
	return printed, false
}

func (r *runner) shell(t *testing.T, script string) (printed string, err error) {
	t.Helper()
	running, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(running, "bash", "-e", "-c", script)
	cmd.Dir = r.dir
	cmd.Env = append(os.Environ(), "PATH="+filepath.Join(r.dir, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"),
		"CALLOUT_SERVER="+r.server, "GITHUB_STEP_SUMMARY="+r.summary)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (r *runner) edit(t *testing.T, file, from, to string) {
	t.Helper()
	path := filepath.Join(r.dir, "configuration", file)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(text), from)
	require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(text), from, to, 1)), 0o600))
}

// TestWorkflow: the repository is put in force, a pull request shows its plan,
// its merge puts it in force, and a revert takes it back.
func TestWorkflow(t *testing.T) {
	r := newRunner(t)
	out, failed := r.do(t, "check", "apply")
	require.False(t, failed, out)
	require.Contains(t, out, "4 objects added")

	r.edit(t, "targets.yaml", "max_age: 72h", "max_age: 24h")
	r.edit(t, "executions.yaml", "events:", "  /zitadel.user.v2.UserService/RemoveUser: {targets: [{target: set_display_name}]}\nevents:")
	out, failed = r.do(t, "check", "diff")
	require.False(t, failed, out)
	plan, err := os.ReadFile(r.summary)
	require.NoError(t, err)
	require.Contains(t, string(plan), "1 object added, 1 changed, 0 removed; nothing was changed")

	out, failed = r.do(t, "check", "apply")
	require.False(t, failed, out)
	require.Contains(t, out, "1 object added, 1 changed, 0 removed; revision")
	out, failed = r.do(t, "check", "apply")
	require.False(t, failed, out)
	require.Contains(t, out, "nothing to change", "a run that is run again")

	r.edit(t, "targets.yaml", "max_age: 24h", "max_age: 72h")
	out, failed = r.do(t, "check", "apply")
	require.False(t, failed, out)
	require.Contains(t, out, "0 objects added, 1 changed")
}

// TestWorkflowFails where it has to: at a mistake, and without a dispatcher.
func TestWorkflowFails(t *testing.T) {
	r := newRunner(t)
	r.edit(t, "executions.yaml", "target: audit", "target: audi")
	out, failed := r.do(t, "check")
	require.True(t, failed)
	require.Contains(t, out, `executions.yaml,line=7,`, "a mark at the line")
	_, failed = r.do(t, "diff")
	require.True(t, failed)
	require.NoFileExists(t, r.summary)
	_, failed = r.do(t, "apply")
	require.True(t, failed)

	r.edit(t, "executions.yaml", "target: audi", "target: audit")
	r.server = "http://127.0.0.1:1"
	_, failed = r.do(t, "diff")
	require.True(t, failed)
	require.NoFileExists(t, r.summary)
}

// TestRollback: what docs/git.md does when there is no time for a pull request.
func TestRollback(t *testing.T) {
	r := newRunner(t)
	_, failed := r.do(t, "apply")
	require.False(t, failed)
	before, err := r.shell(t, "callout export")
	require.NoError(t, err)
	r.edit(t, "targets.yaml", "timeout: 2s", "timeout: 3s")
	_, failed = r.do(t, "apply")
	require.False(t, failed)

	out, err := r.shell(t, "callout history")
	require.NoError(t, err, out)
	out, err = r.shell(t, "callout diff --revision 2")
	require.Error(t, err, "there are differences")
	require.Contains(t, out, "set_display_name")
	out, err = r.shell(t, "callout rollback 2")
	require.NoError(t, err, out)
	after, err := r.shell(t, "callout export")
	require.NoError(t, err)
	require.Equal(t, before, after)
}
