package manage_test

import (
	"context"
	"fmt"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/catalog/file"
	"github.com/callout-hq/callout/pkg/manage"
	"github.com/callout-hq/callout/pkg/node"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

const first = `
targets:
  log: {type: async, url: https://a.example/log}
  check: {type: webhook, url: https://a.example/check, interrupt_on_error: true, headers: {X-Team: blue}}
requests:
  base: {targets: [{target: log}]}
  "*": {targets: [{include: base}]}
  /s.S/Add: {targets: [{target: check}, {include: base}, {target: check}]}
events:
  "user.*": {targets: [{target: log}]}
`

// TestEveryCall goes through the service by every way of speaking to it.
func TestEveryCall(t *testing.T) {
	t.Parallel()
	for _, w := range wires {
		t.Run(w.name, func(t *testing.T) {
			n := run(t, "", nil)
			c := client(t, n.HTTPURL(), w)

			dry := ask(t, c.Apply, &calloutv1.ApplyRequest{Configuration: first, DryRun: true})
			require.True(t, dry.GetChanged())
			require.Len(t, dry.GetChanges(), 6)
			require.EqualValues(t, 1, dry.GetRevision())

			applied := ask(t, c.Apply, &calloutv1.ApplyRequest{Configuration: first, File: "first.yaml"})
			require.True(t, applied.GetChanged())
			require.EqualValues(t, 2, applied.GetRevision())
			require.Equal(t, "default", applied.GetInstance())
			require.True(t, proto.Equal(&calloutv1.Change{Action: calloutv1.Change_ACTION_ADDED, Kind: calloutv1.Change_KIND_EXECUTION,
				Phase: calloutv1.Phase_PHASE_REQUEST, Name: "/s.S/Add", Condition: "/s.S/Add"}, applied.GetChanges()[3]), applied.GetChanges()[3])

			again := ask(t, c.Apply, &calloutv1.ApplyRequest{Configuration: first, Prune: true})
			require.False(t, again.GetChanged())
			require.EqualValues(t, 2, again.GetRevision())

			revision := ask(t, c.GetRevision, &calloutv1.GetRevisionRequest{Instance: "default", MinRevision: 2})
			require.EqualValues(t, 2, revision.GetRevision())

			exported := ask(t, c.Export, &calloutv1.ExportRequest{MinRevision: 2})
			require.EqualValues(t, 2, exported.GetRevision())
			want, _ := file.Parse("first.yaml", []byte(first))
			got, _ := file.Parse("export.yaml", []byte(exported.GetConfiguration()))
			require.Empty(t, catalog.Diff(want, got))
			require.NotContains(t, exported.GetConfiguration(), "whsec_", "made keys stay inside")

			explained := ask(t, c.Explain, &calloutv1.ExplainRequest{Phase: calloutv1.Phase_PHASE_REQUEST, Name: "/s.S/Add", Org: "acme"})
			m, err := catalog.Compile(want)
			require.NoError(t, err)
			offline := manage.Explanation(m.Explain("request", "/s.S/Add", "acme"))
			offline.Revision = 2
			require.True(t, proto.Equal(offline, explained), "%v", explained)
			require.Equal(t, []uint32{1, 1, 2}, []uint32{explained.GetTurns()[0].GetOccurrence(), explained.GetTurns()[1].GetOccurrence(), explained.GetTurns()[2].GetOccurrence()})

			for range 2 {
				ask(t, c.PauseTarget, &calloutv1.PauseTargetRequest{Target: "check", Reason: "moving house"})
			}
			for range 2 {
				require.False(t, ask(t, c.ResumeTarget, &calloutv1.ResumeTargetRequest{Target: "check"}).GetPausedByConfiguration())
			}
			require.EqualValues(t, 2, ask(t, c.GetRevision, &calloutv1.GetRevisionRequest{}).GetRevision(), "a pause is no edit")

			err = refused(t, connect.CodeInvalidArgument, c.Apply, &calloutv1.ApplyRequest{Configuration: "targets: {a: {url: x}}\n", File: "bad.yaml"})
			requireDetail(t, &calloutv1.ErrorDetail{Code: "bad_catalog", Stage: "catalog", Problems: []*calloutv1.Problem{
				{File: "bad.yaml", Line: 1, Column: 11, Path: "targets.a", Severity: calloutv1.Problem_SEVERITY_WARNING, Code: "unused_target", Message: `nothing uses the target "a"`},
				{File: "bad.yaml", Line: 1, Column: 11, Path: "targets.a.type", Severity: calloutv1.Problem_SEVERITY_ERROR, Code: "missing", Message: `target "a" has no type: webhook, call or async`},
				{File: "bad.yaml", Line: 1, Column: 20, Path: "targets.a.url", Severity: calloutv1.Problem_SEVERITY_ERROR, Code: "bad_url", Message: "a url begins with https:// or http://"},
			}}, err)
		})
	}
}

func requireDetail(t *testing.T, want *calloutv1.ErrorDetail, err error) {
	t.Helper()
	got := manage.Detail(err)
	require.NotNil(t, got, err)
	require.True(t, proto.Equal(want, got), "%v", got)
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	c := plain(t, run(t, first, nil))
	for _, tt := range []struct {
		name    string
		do      func() error
		detail  *calloutv1.ErrorDetail
		message string
	}{
		{"unknown instance", func() error {
			return refused(t, connect.CodeNotFound, c.Export, &calloutv1.ExportRequest{Instance: "nobody"})
		}, &calloutv1.ErrorDetail{Code: "unknown_instance", Stage: "catalog"}, "there is no such instance"},
		{"unknown target", func() error {
			return refused(t, connect.CodeNotFound, c.PauseTarget, &calloutv1.PauseTargetRequest{Target: "chekc"})
		}, &calloutv1.ErrorDetail{Code: "not_found", Stage: "catalog", Field: "target"}, `no target is named "chekc"; did you mean "check"?`},
		{"target of the instance, as an organization", func() error {
			return refused(t, connect.CodeNotFound, c.ResumeTarget, &calloutv1.ResumeTargetRequest{Target: "check", Org: "acme"})
		}, &calloutv1.ErrorDetail{Code: "not_found", Stage: "catalog", Field: "target"},
			`no target is named "check" in organization "acme"; the instance has one, which all organizations share: leave the organization out to mean that`},
		{"reason", func() error {
			return refused(t, connect.CodeInvalidArgument, c.PauseTarget, &calloutv1.PauseTargetRequest{Target: "check", Reason: strings.Repeat("x", 201)})
		}, &calloutv1.ErrorDetail{Code: "bad_field", Stage: "decode", Field: "reason"}, "a reason has at most 200 bytes of UTF-8 without control characters"},
		{"phase", func() error {
			return refused(t, connect.CodeInvalidArgument, c.Explain, &calloutv1.ExplainRequest{Name: "x"})
		}, &calloutv1.ErrorDetail{Code: "bad_field", Stage: "decode", Field: "phase"}, "the phase is request, response, function or event"},
		{"method", func() error {
			return refused(t, connect.CodeInvalidArgument, c.Explain, &calloutv1.ExplainRequest{Phase: calloutv1.Phase_PHASE_REQUEST, Name: "s.S/Add"})
		}, &calloutv1.ErrorDetail{Code: "bad_field", Stage: "decode", Field: "name"},
			"a method is written /package.Service/Method, such as /zitadel.user.v2.UserService/AddHumanUser"},
		{"another instance than the file's", func() error {
			return refused(t, connect.CodeInvalidArgument, c.Apply, &calloutv1.ApplyRequest{Instance: "acme", Configuration: "instance: default\n"})
		}, &calloutv1.ErrorDetail{Code: "bad_catalog", Stage: "catalog", Problems: []*calloutv1.Problem{{Line: 1, Column: 11, Path: "instance",
			Severity: calloutv1.Problem_SEVERITY_ERROR, Code: "other_instance", Message: `the file names the instance "default", and it is for "acme"`}}},
			"the configuration has errors"},
		{"revision", func() error {
			return refused(t, connect.CodeAborted, c.Apply, &calloutv1.ApplyRequest{Configuration: first, IfRevision: 7})
		}, &calloutv1.ErrorDetail{Code: "conflict", Stage: "catalog", Field: "if_revision"}, "the configuration is at revision 1, not 7"},
		{"what is kept does not fit", func() error {
			return refused(t, connect.CodeInvalidArgument, c.Apply, &calloutv1.ApplyRequest{DryRun: true,
				Configuration: "targets: {log: {type: call, url: https://a.example/log}}\n"})
		}, &calloutv1.ErrorDetail{Code: "bad_catalog", Stage: "catalog", Problems: []*calloutv1.Problem{{Path: `events."user.*".targets[0].target`,
			Severity: calloutv1.Problem_SEVERITY_ERROR, Code: "call_in_event", Message: `an event goes to webhook and async targets only, and "log" is a call target`}}},
			"the configuration has errors"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.do()
			requireDetail(t, tt.detail, err)
			var of *connect.Error
			require.ErrorAs(t, err, &of)
			require.Equal(t, tt.message, of.Message())
		})
	}
}

// TestManyProblems: all of them come, by every way.
func TestManyProblems(t *testing.T) {
	t.Parallel()
	n := run(t, "", nil)
	var b strings.Builder
	b.WriteString("targets:\n")
	for i := range 2000 {
		fmt.Fprintf(&b, "  t%d: {type: nothing, url: nowhere}\n", i)
	}
	for _, w := range wires {
		err := refused(t, connect.CodeInvalidArgument, client(t, n.HTTPURL(), w).Apply, &calloutv1.ApplyRequest{Configuration: b.String()})
		require.Len(t, manage.Detail(err).GetProblems(), 6000, w.name)
	}
	large := &calloutv1.ApplyRequest{Configuration: strings.Repeat("#", file.MaxFile+1)}
	err := refused(t, connect.CodeInvalidArgument, plain(t, n).Apply, large)
	require.Equal(t, "too_large", manage.Detail(err).GetProblems()[0].GetCode())
	large.Configuration = strings.Repeat("#", 3*file.MaxFile)
	_ = refused(t, connect.CodeResourceExhausted, plain(t, n).Apply, large)
}

// TestPrune: what a configuration does not name stays, until it is pruned.
func TestPrune(t *testing.T) {
	t.Parallel()
	c := plain(t, run(t, first, nil))
	const second = "targets: {more: {type: webhook, url: https://a.example/more}}\nevents: {user.added: {targets: [{target: more}]}}\n"
	applied := ask(t, c.Apply, &calloutv1.ApplyRequest{Configuration: second, IfRevision: 1})
	require.EqualValues(t, 2, applied.GetRevision())
	require.Len(t, applied.GetChanges(), 2)
	require.Contains(t, ask(t, c.Export, &calloutv1.ExportRequest{}).GetConfiguration(), "https://a.example/log")

	dry := ask(t, c.Apply, &calloutv1.ApplyRequest{Configuration: second, Prune: true, DryRun: true})
	require.True(t, dry.GetChanged())
	pruned := ask(t, c.Apply, &calloutv1.ApplyRequest{Configuration: second, Prune: true})
	require.Equal(t, len(dry.GetChanges()), len(pruned.GetChanges()))
	require.EqualValues(t, 3, pruned.GetRevision())
	require.NotContains(t, ask(t, c.Export, &calloutv1.ExportRequest{}).GetConfiguration(), "https://a.example/log")
}

// TestAnotherInstance is made by being configured.
func TestAnotherInstance(t *testing.T) {
	t.Parallel()
	c := plain(t, run(t, first, nil))
	dry := ask(t, c.Apply, &calloutv1.ApplyRequest{Instance: "acme", AllowEmpty: true, DryRun: true})
	require.True(t, dry.GetChanged())
	_ = refused(t, connect.CodeNotFound, c.GetRevision, &calloutv1.GetRevisionRequest{Instance: "acme"})
	require.EqualValues(t, 1, ask(t, c.Apply, &calloutv1.ApplyRequest{Instance: "acme", Configuration: first}).GetRevision())
	require.EqualValues(t, 1, ask(t, c.GetRevision, &calloutv1.GetRevisionRequest{Instance: "acme"}).GetRevision())
	require.Contains(t, ask(t, c.Export, &calloutv1.ExportRequest{Instance: "acme"}).GetConfiguration(), "instance: acme\n")
}

// TestWaitForARevision: who asks for the next one gets it when it comes, and a
// named error when it does not.
func TestWaitForARevision(t *testing.T) {
	t.Parallel()
	c := plain(t, run(t, first, nil))
	got := make(chan uint64, 1)
	go func() {
		answer, err := c.GetRevision(within(t), connect.NewRequest(&calloutv1.GetRevisionRequest{MinRevision: 2}))
		if err != nil {
			t.Error(err)
		}
		got <- answer.Msg.GetRevision()
	}()
	ask(t, c.Apply, &calloutv1.ApplyRequest{Configuration: "version: 1\n", AllowEmpty: true, Prune: true})
	require.EqualValues(t, 2, <-got)

	soon, cancel := context.WithTimeout(within(t), 50*time.Millisecond)
	defer cancel()
	_, err := c.GetRevision(soon, connect.NewRequest(&calloutv1.GetRevisionRequest{MinRevision: 99}))
	require.Equal(t, connect.CodeDeadlineExceeded, connect.CodeOf(err))
}

// TestStateOutlivesARestart: without a file, what was applied is still there.
func TestStateOutlivesARestart(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	keep := func(o *node.Options) { o.Data = data }
	n, err := node.Start(within(t), options(t, keep))
	require.NoError(t, err)
	require.EqualValues(t, 2, ask(t, plain(t, n).Apply, &calloutv1.ApplyRequest{Configuration: first}).GetRevision())
	require.NoError(t, n.Close(within(t)))

	c := plain(t, run(t, "", keep))
	require.EqualValues(t, 2, ask(t, c.GetRevision, &calloutv1.GetRevisionRequest{}).GetRevision())
	require.False(t, ask(t, c.Apply, &calloutv1.ApplyRequest{Configuration: first, Prune: true}).GetChanged())
}

// TestStopDoesNotWaitForWhoWaits: a question for a revision that does not come
// keeps nobody from stopping.
func TestStopDoesNotWaitForWhoWaits(t *testing.T) {
	t.Parallel()
	n, err := node.Start(within(t), options(t, func(*node.Options) {}))
	require.NoError(t, err)
	c, ended := plain(t, n), make(chan error, 1)
	asked := make(chan struct{})
	go func() {
		ctx := httptrace.WithClientTrace(within(t), &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { close(asked) }})
		_, err := c.GetRevision(ctx, connect.NewRequest(&calloutv1.GetRevisionRequest{MinRevision: 99}))
		ended <- err
	}()
	<-asked
	began := time.Now()
	require.NoError(t, n.Close(within(t)))
	require.Less(t, time.Since(began), bound/2)
	require.Equal(t, connect.CodeUnavailable, connect.CodeOf(<-ended))
}
