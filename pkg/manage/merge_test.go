package manage_test

import (
	"os"
	"path/filepath"
	"testing"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/manage"
	"github.com/callout-hq/callout/pkg/node"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// TestApplyOverWhatIsThere: without prune a text may name what is in force; its
// problems stand where they are in it, and nobody else's are told.
func TestApplyOverWhatIsThere(t *testing.T) {
	t.Parallel()
	c := plain(t, run(t, configured, nil))
	const more = "requests:\n  /s.S/New: {targets: [{target: check}, {include: base}]}\n"
	for _, dry := range []bool{true, false} {
		applied := ask(t, c.Apply, &calloutv1.ApplyRequest{Configuration: more, DryRun: dry})
		require.Equal(t, "added /s.S/New", changesOf(applied.GetChanges()))
		require.Empty(t, applied.GetProblems(), "that nothing uses spare is not its matter")
	}
	err := refused(t, connect.CodeInvalidArgument, c.Apply, &calloutv1.ApplyRequest{Configuration: more, Prune: true})
	require.Equal(t, "unknown_target", manage.Detail(err).GetProblems()[0].GetCode(), "with prune it stands by itself")

	const wrong = `
targets:
  own: {type: webhook, url: "https://a.example/own", labels: {" ": x}}
requests:
  add: {condition: /s.S/Add, targets: [{target: chekc}, {target: own}]}
  "*": {targets: [{include: nobody}], frob: 1}
`
	for _, dry := range []bool{true, false} {
		err := refused(t, connect.CodeInvalidArgument, c.Apply, &calloutv1.ApplyRequest{Configuration: wrong, File: "wrong.yaml", DryRun: dry})
		requireDetail(t, &calloutv1.ErrorDetail{Code: "bad_catalog", Stage: "catalog", Problems: []*calloutv1.Problem{
			{File: "wrong.yaml", Line: 3, Column: 68, Path: `targets.own.labels." "`, Severity: calloutv1.Problem_SEVERITY_ERROR, Code: "bad_name",
				Message: "a label's name has 1 to 63 letters, digits or . _ / - and begins with a letter or digit"},
			{File: "wrong.yaml", Line: 5, Column: 49, Path: "requests.add.targets[0].target", Severity: calloutv1.Problem_SEVERITY_ERROR, Code: "unknown_target",
				Message: `no target is named "chekc"; did you mean "check"?`},
			{File: "wrong.yaml", Line: 6, Column: 29, Path: `requests."*".targets[0].include`, Severity: calloutv1.Problem_SEVERITY_ERROR, Code: "unknown_include",
				Message: `no entry of requests is named "nobody"`},
			{File: "wrong.yaml", Line: 6, Column: 39, Path: `requests."*".frob`, Severity: calloutv1.Problem_SEVERITY_ERROR, Code: "unknown_key",
				Message: `unknown key "frob"; known are condition, list, targets, on_unavailable, on_exhausted, max_stop, applies`},
		}}, err)
	}
	require.EqualValues(t, 2, ask(t, c.GetRevision, &calloutv1.GetRevisionRequest{}).GetRevision())
}

// TestObjectsBesideAFile: what a followed file names is shown as its own and
// only it changes that; what is made beside may name it.
func TestObjectsBesideAFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "mine.yaml")
	require.NoError(t, os.WriteFile(file, []byte(configured), 0o600))
	c := plain(t, run(t, "", func(o *node.Options) { o.File = file }))
	require.Equal(t, "mine.yaml", ask(t, c.GetTarget, &calloutv1.GetTargetRequest{Name: "check"}).GetTarget().GetFile())
	require.Equal(t, "mine.yaml", ask(t, c.GetExecution, &calloutv1.GetExecutionRequest{Phase: calloutv1.Phase_PHASE_REQUEST, Name: "add"}).GetExecution().GetFile())

	owned := func(err error) {
		t.Helper()
		requireDetail(t, &calloutv1.ErrorDetail{Code: "file_owned", Stage: "catalog"}, err)
		require.ErrorContains(t, err, "it belongs to the file mine.yaml, which is followed")
	}
	owned(refused(t, connect.CodeFailedPrecondition, c.UpdateTarget, &calloutv1.UpdateTargetRequest{Target: &calloutv1.Target{Name: "check", Type: "webhook", Url: "https://b.example"}}))
	owned(refused(t, connect.CodeFailedPrecondition, c.DeleteTarget, &calloutv1.DeleteTargetRequest{Name: "spare"}))
	owned(refused(t, connect.CodeFailedPrecondition, c.DeleteTarget, &calloutv1.DeleteTargetRequest{Name: "check", Force: true}))
	owned(refused(t, connect.CodeFailedPrecondition, c.SetExecution, &calloutv1.SetExecutionRequest{Execution: &calloutv1.Execution{
		Phase: calloutv1.Phase_PHASE_REQUEST, Name: "add", Condition: "/s.S/Add", Targets: entries("log")}}))
	owned(refused(t, connect.CodeFailedPrecondition, c.DeleteExecution, &calloutv1.DeleteExecutionRequest{Phase: calloutv1.Phase_PHASE_REQUEST, Name: "add"}))

	beside := &calloutv1.Execution{Phase: calloutv1.Phase_PHASE_REQUEST, Condition: "/s.S/Beside", Targets: append(entries("check"), &calloutv1.Entry{Entry: &calloutv1.Entry_Include{Include: "base"}})}
	require.Empty(t, ask(t, c.SetExecution, &calloutv1.SetExecutionRequest{Execution: beside}).GetExecution().GetFile())
	require.True(t, ask(t, c.UpdateTarget, &calloutv1.UpdateTargetRequest{Target: &calloutv1.Target{Name: "check", Type: "webhook", Url: "https://a.example/check"}}).GetRevision() == 2, "nothing is changed")
	ask(t, c.DeleteExecution, &calloutv1.DeleteExecutionRequest{Phase: calloutv1.Phase_PHASE_REQUEST, Condition: "/s.S/Beside"})
	owned(refused(t, connect.CodeFailedPrecondition, c.Rollback, &calloutv1.RollbackRequest{Revision: func() uint64 {
		require.NoError(t, os.WriteFile(file, []byte(configured+"functions: {f: {targets: [{target: spare}]}}\n"), 0o600))
		return ask(t, c.GetRevision, &calloutv1.GetRevisionRequest{MinRevision: 4}).GetRevision() - 1
	}()}))
}
