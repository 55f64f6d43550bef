package manage_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/callout-hq/callout/pkg/node"
	"github.com/callout-hq/callout/pkg/seal"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// TestARequestThatComesAgainIsShownNoSealedKey: it is told so, and what helps.
func TestARequestThatComesAgainIsShownNoSealedKey(t *testing.T) {
	t.Parallel()
	with, err := seal.NewKey()
	require.NoError(t, err)
	public := with.Public()
	c := plain(t, run(t, "", func(o *node.Options) { o.SealTo, o.OpenWith = &public, seal.Ring{with} }))
	create := &calloutv1.CreateTargetRequest{Target: &calloutv1.Target{Name: "a", Type: "webhook", Url: "https://a.example"}, RequestId: "r-1"}
	made := ask(t, c.CreateTarget, create)
	require.Regexp(t, "^whsec_", made.GetSigningKey())
	require.Empty(t, made.GetWarnings())
	again := ask(t, c.CreateTarget, create)
	require.Equal(t, made.GetRevision(), again.GetRevision())
	require.Empty(t, again.GetSigningKey())
	require.Equal(t, []string{"target.signing_key: it was shown in the answer to this request before, and nobody can read it again; RotateTargetKey makes another one"}, again.GetWarnings())
	rotated := ask(t, c.RotateTargetKey, &calloutv1.RotateTargetKeyRequest{Name: "a"})
	require.Regexp(t, "^whsec_", rotated.GetSigningKey())
	ask(t, c.DeleteTarget, &calloutv1.DeleteTargetRequest{Name: "a"})
	gone := ask(t, c.CreateTarget, create)
	require.Empty(t, gone.GetSigningKey()+strings.Join(gone.GetWarnings(), ""))
}

// TestARequestThatComesAgain is answered as it was, and makes nothing twice,
// whatever has happened since.
func TestARequestThatComesAgain(t *testing.T) {
	t.Parallel()
	c := plain(t, run(t, "", nil))
	create := &calloutv1.CreateTargetRequest{Target: &calloutv1.Target{Name: "a", Type: "webhook", Url: "https://a.example"}, RequestId: "r-1"}
	made := ask(t, c.CreateTarget, create)
	require.NotEmpty(t, made.GetSigningKey())
	update := &calloutv1.UpdateTargetRequest{Target: &calloutv1.Target{Id: made.GetTarget().GetId(), Name: "b"}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"name"}}, RequestId: "r-2"}
	renamed := ask(t, c.UpdateTarget, update)
	set := &calloutv1.SetExecutionRequest{Execution: &calloutv1.Execution{Phase: calloutv1.Phase_PHASE_REQUEST, Condition: "/s.S/M", Targets: entries("b")}, CreateOnly: true, RequestId: "r-3"}
	executed := ask(t, c.SetExecution, set)
	require.True(t, executed.GetCreated())
	apply := &calloutv1.ApplyRequest{Configuration: "targets: {c: {type: webhook, url: https://c.example}}", RequestId: "r-4", IfRevision: executed.GetRevision()}
	applied := ask(t, c.Apply, apply)
	remove := &calloutv1.DeleteExecutionRequest{Phase: calloutv1.Phase_PHASE_REQUEST, Condition: "/s.S/M", RequestId: "r-5"}
	removed := ask(t, c.DeleteExecution, remove)
	drop := &calloutv1.DeleteTargetRequest{Name: "c", RequestId: "r-6", Waiting: discard}
	dropped := ask(t, c.DeleteTarget, drop)
	back := &calloutv1.RollbackRequest{Revision: applied.GetRevision(), RequestId: "r-7"}
	rolled := ask(t, c.Rollback, back)
	last := rolled.GetRevision()

	for range 2 {
		again := ask(t, c.CreateTarget, create)
		requireEqual(t, made, again)
		changed := ask(t, c.UpdateTarget, update)
		require.True(t, changed.GetChanged())
		requireEqual(t, renamed, changed)
		requireEqual(t, executed, ask(t, c.SetExecution, set))
		requireEqual(t, applied, ask(t, c.Apply, apply))
		requireEqual(t, removed, ask(t, c.DeleteExecution, remove))
		requireEqual(t, dropped, ask(t, c.DeleteTarget, drop))
		requireEqual(t, rolled, ask(t, c.Rollback, back))
	}
	require.Equal(t, last, ask(t, c.GetRevision, &calloutv1.GetRevisionRequest{}).GetRevision())
	requireHistory(t, c, fmt.Sprintf("rollback to %d (request r-7)", applied.GetRevision()), "api DeleteTarget (request r-6)", "api DeleteExecution (request r-5)", "apply (request r-4)",
		"api SetExecution (request r-3)", "api UpdateTarget (request r-2)", "api CreateTarget (request r-1)", "apply")

	for id, want := range map[string]string{
		"r-1":                      "", // another name
		"r-2":                      "the request id was used already: revision 3 was made by api UpdateTarget (request r-2)",
		"r-7":                      "the request id was used already: revision 8 was made by rollback to 5 (request r-7)",
		"a b":                      "a request id has 1 to 100 visible characters of ASCII",
		strings.Repeat("x", 101):   "a request id has 1 to 100 visible characters of ASCII",
		"r-1\n":                    "a request id has 1 to 100 visible characters of ASCII",
		"(request,r-1)":            "none",
		strings.Repeat("y", 100):   "none",
		"api CreateTarget(request": "a request id has",
	} {
		q := &calloutv1.CreateTargetRequest{Target: &calloutv1.Target{Name: "d" + fmt.Sprint(len(id)), Type: "webhook", Url: "https://a.example"}, RequestId: id}
		_, err := c.CreateTarget(within(t), connect.NewRequest(q))
		if want == "none" {
			require.NoError(t, err, id)
			continue
		}
		requireDetail(t, &calloutv1.ErrorDetail{Code: "bad_field", Stage: "decode", Field: "request_id"}, err)
		require.ErrorContains(t, err, want)
	}
}

// TestOneRequestByMany: of many that ask with one id at once, one makes it, and
// all get its answer.
func TestOneRequestByMany(t *testing.T) {
	t.Parallel()
	c := plain(t, run(t, "", nil))
	var all sync.WaitGroup
	answers := make([]*calloutv1.CreateTargetResponse, 16)
	for i := range answers {
		all.Go(func() {
			answer, err := c.CreateTarget(within(t), connect.NewRequest(&calloutv1.CreateTargetRequest{
				Target: &calloutv1.Target{Name: "a", Type: "webhook", Url: "https://a.example"}, RequestId: "one"}))
			if err != nil {
				t.Error(err)
				return
			}
			answers[i] = answer.Msg
		})
	}
	all.Wait()
	for _, a := range answers {
		requireEqual(t, answers[0], a)
	}
	requireHistory(t, c, "api CreateTarget (request one)", "apply")
}

// TestNothingChangedNothingRecorded: a request that changed nothing may come
// again and change something.
func TestNothingChangedNothingRecorded(t *testing.T) {
	t.Parallel()
	c := plain(t, run(t, configured, nil))
	same := &calloutv1.UpdateTargetRequest{Target: &calloutv1.Target{Name: "check", Url: "https://a.example/check"}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"url"}}, RequestId: "r"}
	require.False(t, ask(t, c.UpdateTarget, same).GetChanged())
	ask(t, c.UpdateTarget, &calloutv1.UpdateTargetRequest{Target: &calloutv1.Target{Name: "check", Url: "https://b.example"}, UpdateMask: same.GetUpdateMask()})
	require.True(t, ask(t, c.UpdateTarget, same).GetChanged())
	dry := &calloutv1.DeleteTargetRequest{Name: "spare", DryRun: true, RequestId: "d"}
	for range 2 {
		ask(t, c.DeleteTarget, dry)
	}
	ask(t, c.GetTarget, &calloutv1.GetTargetRequest{Name: "spare"})
}

// TestLostUpdates: of those who change what they have read, one wins, and the
// others are told the etag in force.
func TestLostUpdates(t *testing.T) {
	t.Parallel()
	c := plain(t, run(t, configured, nil))
	const writers = 8
	for round := range 5 {
		read := ask(t, c.GetTarget, &calloutv1.GetTargetRequest{Name: "check"}).GetTarget()
		exec := ask(t, c.GetExecution, &calloutv1.GetExecutionRequest{Phase: calloutv1.Phase_PHASE_REQUEST, Name: "add"}).GetExecution()
		var all sync.WaitGroup
		var mu sync.Mutex
		won := map[string]int{}
		count := func(what string, err error) {
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				won[what]++
			case connect.CodeOf(err) != connect.CodeAborted || !strings.Contains(err.Error(), "its etag is "):
				t.Errorf("%s: %v", what, err)
			}
		}
		for i := range writers {
			all.Go(func() {
				_, err := c.UpdateTarget(within(t), connect.NewRequest(&calloutv1.UpdateTargetRequest{
					Target:     &calloutv1.Target{Name: "check", Url: fmt.Sprintf("https://a.example/%d/%d", round, i), Etag: read.GetEtag()},
					UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"url"}}}))
				count("target", err)
			})
			all.Go(func() {
				_, err := c.SetExecution(within(t), connect.NewRequest(&calloutv1.SetExecutionRequest{Execution: &calloutv1.Execution{
					Phase: calloutv1.Phase_PHASE_REQUEST, Condition: "/s.S/Add", Name: "add", Etag: exec.GetEtag(),
					Targets: entries(append(strings.Split(strings.Repeat("check ", i+round*writers+1), " ")[:i+round*writers+1], "log")...)}}))
				count("execution", err)
			})
		}
		all.Wait()
		require.Equal(t, map[string]int{"target": 1, "execution": 1}, won)
	}
}

// TestARequestIdIsOfItsInstance: the same id in two instances is of two requests.
func TestARequestIdIsOfItsInstance(t *testing.T) {
	t.Parallel()
	c := plain(t, run(t, "", nil))
	create := func(instance string) *calloutv1.CreateTargetResponse {
		return ask(t, c.CreateTarget, &calloutv1.CreateTargetRequest{Instance: instance, RequestId: "r-1",
			Target: &calloutv1.Target{Name: "a", Type: "webhook", Url: "https://" + instance + ".example"}})
	}
	one, other := create("one"), create("other")
	require.NotEqual(t, one.GetTarget().GetId(), other.GetTarget().GetId())
	require.NotEqual(t, one.GetSigningKey(), other.GetSigningKey())
	for instance, made := range map[string]*calloutv1.CreateTargetResponse{"one": one, "other": other} {
		requireEqual(t, made, create(instance))
		got := ask(t, c.GetTarget, &calloutv1.GetTargetRequest{Instance: instance, Name: "a"})
		require.Equal(t, "https://"+instance+".example", got.GetTarget().GetUrl())
	}
}
