package manage_test

import (
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/callout-hq/callout/pkg/catalog/file"
	"github.com/callout-hq/callout/pkg/manage"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

// full is a target with every setting.
func full() *calloutv1.Target {
	return &calloutv1.Target{
		Name: "full", Type: "call", Url: "https://a.example/full", Timeout: durationpb.New(1500 * time.Millisecond), InterruptOnError: true,
		Mapping: "replace", Allow: []string{"/user/displayName"}, Headers: map[string]string{"X-Team": "blue"},
		Retry:     &calloutv1.Retry{Initial: durationpb.New(time.Second), Max: durationpb.New(time.Minute), MaxAge: durationpb.New(time.Hour), Attempts: 7},
		Signature: []string{"standard"}, Lanes: 16, Concurrency: 50, Rate: "100/s",
		Breaker: &calloutv1.Breaker{Failures: 5, Open: durationpb.New(30 * time.Second)}, MaxAnswer: 4096, IdleTime: durationpb.New(20 * time.Second), Tls: &calloutv1.TLS{ServerName: "b.example", MinVersion: "1.3"},
		Egress: &calloutv1.Egress{Allow: []string{"10.0.0.0/8"}}, Paused: true, Labels: map[string]string{"team": "blue"},
		KeepAlive: proto.Bool(false),
	}
}

// settings is a target without what the service says beside them.
func settings(t *calloutv1.Target) *calloutv1.Target {
	out := proto.CloneOf(t)
	out.Id, out.Etag, out.CreateTime, out.UpdateTime, out.PauseReason, out.File = "", "", nil, nil, "", ""
	return out
}

func requireEqual(t *testing.T, want, got proto.Message) {
	t.Helper()
	require.True(t, proto.Equal(want, got), "want %v\n got %v", want, got)
}

// TestTargetsByEveryWay makes, reads, changes, renames and deletes a target by
// every way of speaking to the service.
func TestTargetsByEveryWay(t *testing.T) {
	t.Parallel()
	for _, w := range wires {
		t.Run(w.name, func(t *testing.T) {
			c := client(t, run(t, "", nil).HTTPURL(), w)
			dry := ask(t, c.CreateTarget, &calloutv1.CreateTargetRequest{Target: full(), DryRun: true})
			requireEqual(t, full(), settings(dry.GetTarget()))
			require.Empty(t, dry.GetSigningKey())
			_ = refused(t, connect.CodeNotFound, c.GetTarget, &calloutv1.GetTargetRequest{Name: "full"})

			began := time.Now().Add(-time.Second)
			made := ask(t, c.CreateTarget, &calloutv1.CreateTargetRequest{Target: full()})
			require.Regexp(t, `^whsec_`, made.GetSigningKey())
			require.EqualValues(t, 2, made.GetRevision())
			requireEqual(t, full(), settings(made.GetTarget()))
			require.Len(t, made.GetTarget().GetId(), 26)
			require.Equal(t, dry.GetTarget().GetEtag(), made.GetTarget().GetEtag())
			require.WithinRange(t, made.GetTarget().GetCreateTime().AsTime(), began, time.Now().Add(time.Second))
			id, etag := made.GetTarget().GetId(), made.GetTarget().GetEtag()

			for _, q := range []*calloutv1.GetTargetRequest{{Name: "full"}, {Id: id, MinRevision: 2}} {
				got := ask(t, c.GetTarget, q)
				requireEqual(t, made.GetTarget(), got.GetTarget())
				require.Empty(t, got.GetUsedBy())
			}
			require.NotContains(t, ask(t, c.GetTarget, &calloutv1.GetTargetRequest{Name: "full"}).String(), made.GetSigningKey())

			set := ask(t, c.SetExecution, &calloutv1.SetExecutionRequest{Execution: &calloutv1.Execution{
				Phase: calloutv1.Phase_PHASE_REQUEST, Condition: "/s.S/Add", Name: "add", Targets: entries("full")}})
			require.True(t, set.GetCreated())
			require.Equal(t, []string{"requests.add"}, ask(t, c.GetTarget, &calloutv1.GetTargetRequest{Name: "full"}).GetUsedBy())

			changed := ask(t, c.UpdateTarget, &calloutv1.UpdateTargetRequest{
				Target:     &calloutv1.Target{Name: "full", Etag: etag, Retry: &calloutv1.Retry{Attempts: 9}, Url: "https://b.example"},
				UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"url", "retry.attempts", "breaker", "labels"}}})
			require.True(t, changed.GetChanged())
			want := full()
			want.Url, want.Retry.Attempts, want.Breaker, want.Labels = "https://b.example", 9, nil, nil
			requireEqual(t, want, settings(changed.GetTarget()))
			require.Equal(t, id, changed.GetTarget().GetId())
			require.NotEqual(t, etag, changed.GetTarget().GetEtag())
			requireEqual(t, made.GetTarget().GetCreateTime(), changed.GetTarget().GetCreateTime())

			again := ask(t, c.UpdateTarget, &calloutv1.UpdateTargetRequest{Target: want})
			require.False(t, again.GetChanged())
			require.Equal(t, changed.GetRevision(), again.GetRevision())

			renamed := ask(t, c.UpdateTarget, &calloutv1.UpdateTargetRequest{Target: &calloutv1.Target{Id: id, Name: "whole"},
				UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"name"}}})
			want.Name = "whole"
			requireEqual(t, want, settings(renamed.GetTarget()))
			require.Equal(t, id, renamed.GetTarget().GetId())
			exec := ask(t, c.GetExecution, &calloutv1.GetExecutionRequest{Phase: calloutv1.Phase_PHASE_REQUEST, Name: "add"}).GetExecution()
			require.Equal(t, "whole", exec.GetTargets()[0].GetTarget(), "what named it names it so")
			require.Equal(t, set.GetExecution().GetId(), exec.GetId())

			all := ask(t, c.ListTargets, &calloutv1.ListTargetsRequest{})
			require.Len(t, all.GetTargets(), 1)
			requireEqual(t, renamed.GetTarget(), all.GetTargets()[0])

			err := refused(t, connect.CodeFailedPrecondition, c.DeleteTarget, &calloutv1.DeleteTargetRequest{Name: "whole"})
			requireDetail(t, &calloutv1.ErrorDetail{Code: "still_used", Stage: "catalog", Target: "whole"}, err)
			require.ErrorContains(t, err, `the target "whole" is used in 1 place: requests.add`)
			gone := ask(t, c.DeleteTarget, &calloutv1.DeleteTargetRequest{Id: id, Force: true})
			require.Zero(t, gone.GetDiscarded())
			_ = refused(t, connect.CodeNotFound, c.GetExecution, &calloutv1.GetExecutionRequest{Phase: calloutv1.Phase_PHASE_REQUEST, Condition: "/s.S/Add"})
			_ = refused(t, connect.CodeNotFound, c.DeleteTarget, &calloutv1.DeleteTargetRequest{Id: id})
			requireHistory(t, c, "api DeleteTarget", "api UpdateTarget", "api UpdateTarget", "api SetExecution", "api CreateTarget", "apply")
		})
	}
}

func entries(names ...string) []*calloutv1.Entry {
	var out []*calloutv1.Entry
	for _, name := range names {
		out = append(out, &calloutv1.Entry{Entry: &calloutv1.Entry_Target{Target: name}})
	}
	return out
}

// requireHistory tells what made the revisions, the newest first.
func requireHistory(t *testing.T, c calloutv1connect.ActionServiceClient, sources ...string) {
	t.Helper()
	var got []string
	for _, r := range ask(t, c.ListRevisions, &calloutv1.ListRevisionsRequest{}).GetRevisions() {
		got = append(got, r.GetSource())
	}
	require.Equal(t, sources, got)
}

// TestATargetIsAsAFileHasIt: the same settings in a file and in a message are
// the same target.
func TestATargetIsAsAFileHasIt(t *testing.T) {
	t.Parallel()
	n := run(t, `
targets:
  full:
    {type: call, url: "https://a.example/full", timeout: 1500ms, interrupt_on_error: true, mapping: replace, allow: [/user/displayName],
     headers: {X-Team: blue}, retry: {initial: 1s, max: 1m, max_age: 1h, attempts: 7}, signature: [standard], lanes: 16, concurrency: 50,
     rate: 100/s, breaker: {failures: 5, open: 30s}, max_answer: 4096, keep_alive: false, idle_time: 20s, tls: {server_name: b.example, min_version: "1.3"}, egress: {allow: [10.0.0.0/8]}, paused: true, labels: {team: blue}}
  bare: {type: webhook, url: "https://a.example/bare"}
`, nil)
	c := plain(t, n)
	for _, wanted := range []*calloutv1.Target{full(), {Name: "bare", Type: "webhook", Url: "https://a.example/bare"}} {
		require.False(t, ask(t, c.UpdateTarget, &calloutv1.UpdateTargetRequest{Target: wanted}).GetChanged(), wanted.GetName())
	}
	bare := ask(t, c.GetTarget, &calloutv1.GetTargetRequest{Name: "bare"}).GetTarget()
	requireEqual(t, &calloutv1.Target{
		Name: "bare", Type: "webhook", Url: "https://a.example/bare", Timeout: durationpb.New(10 * time.Second), Mapping: "merge",
		Retry:     &calloutv1.Retry{Initial: durationpb.New(time.Second), Max: durationpb.New(5 * time.Minute), MaxAge: durationpb.New(24 * time.Hour)},
		Signature: []string{"zitadel", "standard"}, Lanes: 1,
	}, settings(bare))
	ask(t, c.PauseTarget, &calloutv1.PauseTargetRequest{Target: "bare", Reason: "moving house"})
	require.Eventually(t, func() bool {
		return ask(t, c.GetTarget, &calloutv1.GetTargetRequest{Name: "bare"}).GetTarget().GetPauseReason() == "moving house"
	}, bound, lookEvery)
	text := ask(t, c.Export, &calloutv1.ExportRequest{}).GetConfiguration()
	back, problems := file.Parse("export.yaml", []byte(text))
	require.NotNil(t, back, problems)
}

func idOf(t *testing.T, c calloutv1connect.ActionServiceClient, name string) string {
	t.Helper()
	return ask(t, c.GetTarget, &calloutv1.GetTargetRequest{Name: name}).GetTarget().GetId()
}

func etagOf(t *testing.T, c calloutv1connect.ActionServiceClient, name string) string {
	t.Helper()
	return ask(t, c.GetTarget, &calloutv1.GetTargetRequest{Name: name}).GetTarget().GetEtag()
}

// TestATargetOfAnOrganizationAsksForNoAddresses, by whichever way it comes; one of
// the instance may.
func TestATargetOfAnOrganizationAsksForNoAddresses(t *testing.T) {
	t.Parallel()
	c := plain(t, run(t, "", nil))
	with := func(org string) *calloutv1.Target {
		return &calloutv1.Target{Name: "t", Org: org, Type: "webhook", Url: "https://a.example", Egress: &calloutv1.Egress{Allow: []string{"127.0.0.0/8"}}}
	}
	err := refused(t, connect.CodeInvalidArgument, c.CreateTarget, &calloutv1.CreateTargetRequest{Target: with("acme")})
	require.Equal(t, "target.egress", manage.Detail(err).GetField())
	require.ErrorContains(t, err, "leave it out")
	ask(t, c.CreateTarget, &calloutv1.CreateTargetRequest{Target: with("")})
	without := with("acme")
	without.Egress = nil
	ask(t, c.CreateTarget, &calloutv1.CreateTargetRequest{Target: without})
	for _, mask := range [][]string{nil, {"egress"}, {"egress.allow"}} {
		err := refused(t, connect.CodeInvalidArgument, c.UpdateTarget, &calloutv1.UpdateTargetRequest{Target: with("acme"), UpdateMask: &fieldmaskpb.FieldMask{Paths: mask}})
		require.Equal(t, "target.egress", manage.Detail(err).GetField(), mask)
	}
	err = refused(t, connect.CodeInvalidArgument, c.Apply, &calloutv1.ApplyRequest{File: "c.yaml",
		Configuration: "orgs: {acme: {targets: {t: {type: webhook, url: https://a.example, egress: {allow: [127.0.0.1]}}}}}"})
	var paths []string
	for _, p := range manage.Detail(err).GetProblems() {
		paths = append(paths, p.GetPath())
	}
	require.Contains(t, paths, "orgs.acme.targets.t.egress")
	err = refused(t, connect.CodeInvalidArgument, c.TestTarget, &calloutv1.TestTargetRequest{Target: with("acme")})
	require.Equal(t, "target.egress", manage.Detail(err).GetField())
}
