package manage_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/callout-hq/callout/pkg/catalog/file"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// reading is the context of somebody whose configuration is being read, until
// the test lets it go on.
type reading struct {
	context.Context
	begun, goOn chan struct{}
	asked       atomic.Int32
}

func (c *reading) Err() error {
	if c.asked.Add(1) == 2 { // the first time nothing has begun
		close(c.begun)
		<-c.goOn
	}
	return nil
}

// TestTwoConfigurationsAreReadAtOnce: who comes third is told so, in whatever
// instance, and is served when one of them is done.
func TestTwoConfigurationsAreReadAtOnce(t *testing.T) {
	c := plain(t, run(t, first, nil))
	goOn := make(chan struct{})
	var both sync.WaitGroup
	for range 2 {
		r := &reading{Context: t.Context(), begun: make(chan struct{}), goOn: goOn}
		both.Go(func() { _, _, _ = file.ParseFor(r, time.Time{}, "", "other.yaml", []byte(first)) })
		<-r.begun
	}
	for _, instance := range []string{"default", "twin"} {
		err := refused(t, connect.CodeResourceExhausted, c.Apply, &calloutv1.ApplyRequest{Instance: instance, Configuration: first})
		requireDetail(t, &calloutv1.ErrorDetail{Code: "busy", Stage: "catalog"}, err)
		require.ErrorContains(t, err, "as many configurations are being read as may be at once; try again in a moment")
	}
	close(goOn)
	both.Wait()
	for _, instance := range []string{"default", "twin"} {
		require.False(t, ask(t, c.Apply, &calloutv1.ApplyRequest{Instance: instance, Configuration: first}).GetChanged())
	}
}

// TestAnUnpackedConfigurationIsBounded: 8 KB that unpack to as many signs as fit
// are refused by their number, in every instance, and nothing changes.
func TestAnUnpackedConfigurationIsBounded(t *testing.T) {
	n := run(t, first, nil)
	for _, instance := range []string{"default", "twin"} {
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		_, err := io.WriteString(z, `{"instance":"`+instance+`","configuration":"[`+strings.Repeat("a,", file.MaxFile/2-1)+`"}`)
		require.NoError(t, err)
		require.NoError(t, z.Close())
		require.Less(t, packed.Len(), 10<<10)
		req, err := http.NewRequestWithContext(within(t), http.MethodPost, n.HTTPURL()+"/callout.v1.ActionService/Apply", &packed)
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Content-Encoding", "gzip")
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		answer, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusBadRequest, resp.StatusCode, "%s", answer)
		require.Contains(t, string(answer), "a configuration has at most 500000 signs of YAML")
		require.EqualValues(t, 1, ask(t, plain(t, n).GetRevision, &calloutv1.GetRevisionRequest{Instance: instance}).GetRevision())
	}
	http.DefaultClient.CloseIdleConnections()
}

// TestAnEmptyConfigurationIsNotApplied unless that is allowed, in any instance:
// with prune nothing would be left.
func TestAnEmptyConfigurationIsNotApplied(t *testing.T) {
	c := plain(t, run(t, first, nil))
	for _, instance := range []string{"default", "acme"} {
		in := func(text string) *calloutv1.ApplyRequest {
			return &calloutv1.ApplyRequest{Instance: instance, Configuration: text, File: "mine.yaml", Prune: true}
		}
		ask(t, c.Apply, &calloutv1.ApplyRequest{Instance: instance, Configuration: first})
		was := ask(t, c.Export, &calloutv1.ExportRequest{Instance: instance})
		for _, text := range []string{"", "# soon\n", "targets: {}\n", "orgs: {acme: {}}\n"} {
			for _, dry := range []bool{false, true} {
				req := in(text)
				req.DryRun = dry
				err := refused(t, connect.CodeInvalidArgument, c.Apply, req)
				requireDetail(t, &calloutv1.ErrorDetail{Code: "bad_catalog", Stage: "catalog", Problems: []*calloutv1.Problem{{
					File: "mine.yaml", Line: 1, Column: 1, Severity: calloutv1.Problem_SEVERITY_ERROR, Code: "no_objects", Message: file.NoObjects("").Message}}}, err)
			}
		}
		require.Equal(t, was.GetConfiguration(), ask(t, c.Export, &calloutv1.ExportRequest{Instance: instance}).GetConfiguration())
		req := in("")
		req.AllowEmpty = true
		done := ask(t, c.Apply, req)
		require.EqualValues(t, len(done.GetChanges()), done.GetObjects(), "all that there was is removed")
		require.NotZero(t, done.GetObjects())
	}
}

// TestAPlanShowsValues: those before and after, and no secret.
func TestAPlanShowsValues(t *testing.T) {
	c := plain(t, run(t, first, nil))
	const before = `targets: {a: {type: webhook, url: "https://a.example?token=abc", headers: {Authorization: Bearer abc, X-Team: red}}}`
	const after = `targets: {a: {type: webhook, url: "https://a.example?token=abd", lanes: 4, headers: {Authorization: Bearer abd, X-Team: blue}}}`
	want := []*calloutv1.Difference{
		{Field: "url", Before: "https://a.example?token=***", After: "https://a.example?token=***"},
		{Field: "headers.Authorization", Before: "***", After: "***"},
		{Field: "headers.X-Team", Before: "red", After: "blue"},
		{Field: "lanes", Before: "1", After: "4"},
	}
	for _, instance := range []string{"beta", "acme"} {
		was := ask(t, c.Apply, &calloutv1.ApplyRequest{Instance: instance, Configuration: before}).GetRevision()
		for _, dry := range []bool{true, false} {
			answer := ask(t, c.Apply, &calloutv1.ApplyRequest{Instance: instance, Configuration: after, DryRun: dry})
			require.Len(t, answer.GetChanges(), 1)
			requireSame(t, want, answer.GetChanges()[0].GetDifferences())
		}
		requireSame(t, want, ask(t, c.DiffRevisions, &calloutv1.DiffRevisionsRequest{Instance: instance, From: was}).GetChanges()[0].GetDifferences())
		back := ask(t, c.Rollback, &calloutv1.RollbackRequest{Instance: instance, Revision: was, DryRun: true}).GetChanges()[0].GetDifferences()
		require.Len(t, back, len(want))
		require.Equal(t, []string{"blue", "red"}, []string{back[2].GetBefore(), back[2].GetAfter()})
	}
}

func requireSame(t *testing.T, want, got []*calloutv1.Difference) {
	t.Helper()
	require.Len(t, got, len(want))
	for n := range want {
		require.True(t, proto.Equal(want[n], got[n]), "%v\n%v", want[n], got[n])
	}
}
