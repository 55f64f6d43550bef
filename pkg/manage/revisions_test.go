package manage_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/node"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

// touch makes a revision.
func touch(t *testing.T, c calloutv1connect.ActionServiceClient, name string) uint64 {
	t.Helper()
	return ask(t, c.CreateTarget, &calloutv1.CreateTargetRequest{Target: &calloutv1.Target{Name: name, Type: "webhook", Url: "https://a.example/" + name}}).GetRevision()
}

func changesOf(all []*calloutv1.Change) string {
	var out []string
	for _, c := range all {
		out = append(out, strings.ToLower(strings.TrimPrefix(c.GetAction().String(), "ACTION_"))+" "+c.GetName())
	}
	return strings.Join(out, ", ")
}

// TestRevisionsByEveryWay goes through the history by every way of speaking to
// the service.
func TestRevisionsByEveryWay(t *testing.T) {
	t.Parallel()
	for _, w := range wires {
		t.Run(w.name, func(t *testing.T) {
			c := client(t, run(t, first, nil).HTTPURL(), w)
			id := idOf(t, c, "check")
			for _, name := range []string{"a", "b", "c"} {
				touch(t, c, name)
			}
			ask(t, c.Apply, &calloutv1.ApplyRequest{Configuration: "version: 1\n", AllowEmpty: true, Prune: true})

			var got []string
			q := &calloutv1.ListRevisionsRequest{PageSize: 2}
			for {
				answer := ask(t, c.ListRevisions, q)
				for _, r := range answer.GetRevisions() {
					require.WithinDuration(t, time.Now(), r.GetCreateTime().AsTime(), bound)
					got = append(got, fmt.Sprintf("%d %s +%d ~%d -%d", r.GetRevision(), r.GetSource(), r.GetAdded(), r.GetChanged(), r.GetRemoved()))
				}
				if q.PageToken = answer.GetNextPageToken(); q.GetPageToken() == "" {
					break
				}
			}
			require.Equal(t, []string{"5 apply +0 ~0 -9", "4 api CreateTarget +1 ~0 -0", "3 api CreateTarget +1 ~0 -0", "2 api CreateTarget +1 ~0 -0", "1 apply +6 ~0 -0"}, got)

			diff := ask(t, c.DiffRevisions, &calloutv1.DiffRevisionsRequest{To: 3})
			require.Equal(t, []any{uint64(2), uint64(3), "added b"}, []any{diff.GetFrom(), diff.GetTo(), changesOf(diff.GetChanges())})
			diff = ask(t, c.DiffRevisions, &calloutv1.DiffRevisionsRequest{From: 4, To: 2})
			require.Equal(t, "removed b, removed c", changesOf(diff.GetChanges()))
			diff = ask(t, c.DiffRevisions, &calloutv1.DiffRevisionsRequest{})
			require.Equal(t, []uint64{4, 5}, []uint64{diff.GetFrom(), diff.GetTo()})
			require.Len(t, ask(t, c.DiffRevisions, &calloutv1.DiffRevisionsRequest{To: 1}).GetChanges(), 6)

			old := ask(t, c.Export, &calloutv1.ExportRequest{Revision: 2})
			require.EqualValues(t, 2, old.GetRevision())
			require.Contains(t, old.GetConfiguration(), "https://a.example/a\n")
			require.NotContains(t, old.GetConfiguration(), "https://a.example/b\n")

			dry := ask(t, c.Rollback, &calloutv1.RollbackRequest{Revision: 2, DryRun: true})
			require.Equal(t, []any{uint64(5), true}, []any{dry.GetRevision(), dry.GetChanged()})
			back := ask(t, c.Rollback, &calloutv1.RollbackRequest{Revision: 2, IfRevision: 5})
			require.Equal(t, []any{uint64(6), true, 7}, []any{back.GetRevision(), back.GetChanged(), len(back.GetChanges())})
			require.Equal(t, id, idOf(t, c, "check"), "what is there again is what it was")
			require.False(t, ask(t, c.Rollback, &calloutv1.RollbackRequest{Revision: 2}).GetChanged())
			require.Equal(t, "rollback to 2", ask(t, c.ListRevisions, &calloutv1.ListRevisionsRequest{}).GetRevisions()[0].GetSource())
		})
	}
}

func TestRevisionRefusals(t *testing.T) {
	t.Parallel()
	c := plain(t, run(t, first, nil))
	for name, err := range map[string]error{
		"export":   refused(t, connect.CodeNotFound, c.Export, &calloutv1.ExportRequest{Revision: 9}),
		"rollback": refused(t, connect.CodeNotFound, c.Rollback, &calloutv1.RollbackRequest{Revision: 9}),
	} {
		requireDetail(t, &calloutv1.ErrorDetail{Code: "not_found", Stage: "catalog", Field: "revision"}, err)
		require.ErrorContains(t, err, "there is no revision 9, or it is no longer kept", name)
	}
	requireDetail(t, &calloutv1.ErrorDetail{Code: "not_found", Stage: "catalog", Field: "to"},
		refused(t, connect.CodeNotFound, c.DiffRevisions, &calloutv1.DiffRevisionsRequest{To: 9}))
	requireDetail(t, &calloutv1.ErrorDetail{Code: "not_found", Stage: "catalog", Field: "from"},
		refused(t, connect.CodeNotFound, c.DiffRevisions, &calloutv1.DiffRevisionsRequest{From: 9}))
	requireDetail(t, &calloutv1.ErrorDetail{Code: "bad_field", Stage: "decode", Field: "revision"},
		refused(t, connect.CodeInvalidArgument, c.Rollback, &calloutv1.RollbackRequest{}))
	touch(t, c, "a")
	requireDetail(t, &calloutv1.ErrorDetail{Code: "conflict", Stage: "catalog", Field: "if_revision"},
		refused(t, connect.CodeAborted, c.Rollback, &calloutv1.RollbackRequest{Revision: 1, IfRevision: 1}))
	for _, err := range []error{
		refused(t, connect.CodeNotFound, c.ListRevisions, &calloutv1.ListRevisionsRequest{Instance: "nobody"}),
		refused(t, connect.CodeNotFound, c.DiffRevisions, &calloutv1.DiffRevisionsRequest{Instance: "nobody"}),
		refused(t, connect.CodeNotFound, c.Rollback, &calloutv1.RollbackRequest{Instance: "nobody", Revision: 1}),
		refused(t, connect.CodeNotFound, c.UpdateTarget, &calloutv1.UpdateTargetRequest{Instance: "nobody", Target: &calloutv1.Target{Name: "a"}}),
		refused(t, connect.CodeNotFound, c.DeleteTarget, &calloutv1.DeleteTargetRequest{Instance: "nobody", Name: "a"}),
	} {
		requireDetail(t, &calloutv1.ErrorDetail{Code: "unknown_instance", Stage: "catalog"}, err)
	}
}

// watching reads the revisions that a watch tells of, until it ends.
func watching(ctx context.Context, t *testing.T, c calloutv1connect.ActionServiceClient) (<-chan uint64, <-chan error) {
	t.Helper()
	stream, err := c.WatchRevisions(ctx, connect.NewRequest(&calloutv1.WatchRevisionsRequest{}))
	require.NoError(t, err)
	seen, ended := make(chan uint64, 100), make(chan error, 1)
	go func() {
		for stream.Receive() {
			seen <- stream.Msg().GetRevision().GetRevision()
		}
		ended <- stream.Err()
		_ = stream.Close() // it has ended
	}()
	return seen, ended
}

// next is the revision that a watch tells of next.
func next(t *testing.T, seen <-chan uint64) uint64 {
	t.Helper()
	select {
	case revision := <-seen:
		return revision
	case <-time.After(bound):
		t.Fatal("no revision was told")
		return 0
	}
}

// TestWatchRevisions: the one in force, then each that comes; never an older
// one, and at last the newest.
func TestWatchRevisions(t *testing.T) {
	t.Parallel()
	for _, w := range wires {
		t.Run(w.name, func(t *testing.T) {
			n, err := node.Start(within(t), options(t, func(o *node.Options) { o.Config = []byte(first) }))
			require.NoError(t, err)
			c := client(t, n.HTTPURL(), w)
			ctx, cancel := context.WithCancel(within(t))
			seen, ended := watching(ctx, t, c)
			require.EqualValues(t, 1, next(t, seen))
			last := uint64(1)
			for i := range 5 {
				want := touch(t, c, fmt.Sprint("t", i))
				for last < want {
					told := next(t, seen)
					require.Greater(t, told, last)
					last = told
				}
			}
			cancel()
			require.Equal(t, connect.CodeCanceled, connect.CodeOf(<-ended))

			_, ended = watching(within(t), t, c)
			require.NoError(t, n.Close(within(t)))
			require.Equal(t, connect.CodeUnavailable, connect.CodeOf(<-ended), "it ends with the dispatcher")
		})
	}
}

// TestWatchersAreBounded: a place is free again when one goes.
func TestWatchersAreBounded(t *testing.T) {
	t.Parallel()
	c := plain(t, run(t, first, nil))
	ctx, cancel := context.WithCancel(within(t))
	for range 128 {
		seen, _ := watching(ctx, t, c)
		require.EqualValues(t, 1, next(t, seen))
	}
	_, ended := watching(within(t), t, c)
	err := <-ended
	requireDetail(t, &calloutv1.ErrorDetail{Code: "busy", Stage: "bus"}, err)
	require.ErrorContains(t, err, "revisions are shown to as many clients as they may be at this address")
	cancel()
	require.Eventually(t, func() bool {
		again, stop := context.WithCancel(within(t))
		defer stop()
		seen, ended := watching(again, t, c)
		select {
		case <-seen:
			return true
		case <-ended:
			return false
		}
	}, bound, lookEvery)
}
