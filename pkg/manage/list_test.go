package manage_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

// listed is a configuration with something of everything.
const listed = `
targets:
  log: {type: async, url: "https://a.example/log", labels: {team: blue, kind: audit}}
  Check: {type: webhook, url: "https://a.example/check", labels: {team: blue}}
  claims: {type: call, url: "https://b.example/claims"}
requests:
  base: {targets: [{target: log}]}
  "*": {targets: [{include: base}]}
  add: {condition: /s.S/Add, targets: [{target: Check}, {include: base}]}
functions: {claims: {targets: [{target: claims}]}}
events: {"user.*": {targets: [{target: log}]}}
orgs:
  acme:
    targets: {log: {type: webhook, url: "https://acme.example/log"}}
    requests: {/s.S/Acme: {targets: [{include: base}]}}
    events: {user.added: {targets: [{target: log}]}}
  beta: {requests: {/s.S/Beta: {targets: [{target: claims}]}}}
`

// targetsOf lists all targets page by page, as ORG/NAME.
func targetsOf(t *testing.T, c calloutv1connect.ActionServiceClient, q *calloutv1.ListTargetsRequest) []string {
	t.Helper()
	var out []string
	for q = proto.CloneOf(q); ; {
		answer := ask(t, c.ListTargets, q)
		for _, x := range answer.GetTargets() {
			out = append(out, x.GetOrg()+"/"+x.GetName())
		}
		if q.PageToken = answer.GetNextPageToken(); q.GetPageToken() == "" {
			require.EqualValues(t, len(out), answer.GetTotalSize())
			return out
		}
		require.LessOrEqual(t, len(answer.GetTargets()), int(q.GetPageSize()))
	}
}

// executionsOf lists all executions page by page, as ORG/PHASE/NAME.
func executionsOf(t *testing.T, c calloutv1connect.ActionServiceClient, q *calloutv1.ListExecutionsRequest) []string {
	t.Helper()
	var out []string
	for q = proto.CloneOf(q); ; {
		answer := ask(t, c.ListExecutions, q)
		for _, x := range answer.GetExecutions() {
			out = append(out, strings.Join([]string{x.GetOrg(), strings.ToLower(strings.TrimPrefix(x.GetPhase().String(), "PHASE_")), x.GetName()}, ":"))
		}
		if q.PageToken = answer.GetNextPageToken(); q.GetPageToken() == "" {
			require.EqualValues(t, len(out), answer.GetTotalSize())
			return out
		}
	}
}

func TestListTargets(t *testing.T) {
	t.Parallel()
	c := plain(t, run(t, listed, nil))
	ids := map[string]string{}
	for _, x := range ask(t, c.ListTargets, &calloutv1.ListTargetsRequest{}).GetTargets() {
		ids[x.GetOrg()+"/"+x.GetName()] = x.GetId()
	}
	ask(t, c.CreateTarget, &calloutv1.CreateTargetRequest{Target: &calloutv1.Target{Name: "born last", Type: "webhook", Url: "https://c.example"}})
	for name, tt := range map[string]struct {
		filter *calloutv1.TargetFilter
		order  string
		want   []string
	}{
		"all":               {nil, "", []string{"/Check", "/born last", "/claims", "/log", "acme/log"}},
		"the other way":     {nil, "name desc", []string{"/log", "/claims", "/born last", "/Check", "acme/log"}},
		"the newest first":  {&calloutv1.TargetFilter{Org: new(string)}, "create_time desc", []string{"/born last", "/log", "/claims", "/Check"}},
		"by change":         {&calloutv1.TargetFilter{Org: new(string)}, "update_time", []string{"/Check", "/claims", "/log", "/born last"}},
		"names":             {&calloutv1.TargetFilter{Names: []string{"log", "claims", "nobody"}}, "", []string{"/claims", "/log", "acme/log"}},
		"ids":               {&calloutv1.TargetFilter{Ids: []string{ids["/Check"], ids["acme/log"], "x"}}, "", []string{"/Check", "acme/log"}},
		"a part":            {&calloutv1.TargetFilter{NameContains: "C"}, "", []string{"/Check", "/claims"}},
		"a type":            {&calloutv1.TargetFilter{Type: "webhook"}, "", []string{"/Check", "/born last", "acme/log"}},
		"the instance's":    {&calloutv1.TargetFilter{Org: new(string)}, "", []string{"/Check", "/born last", "/claims", "/log"}},
		"any":               {&calloutv1.TargetFilter{Org: proto.String("*"), Names: []string{"log"}}, "", []string{"/log", "acme/log"}},
		"an organization's": {&calloutv1.TargetFilter{Org: proto.String("acme")}, "", []string{"acme/log"}},
		"nobody's":          {&calloutv1.TargetFilter{Org: proto.String("gamma")}, "", nil},
		"a part of a URL":   {&calloutv1.TargetFilter{UrlContains: "a.example"}, "", []string{"/Check", "/log"}},
		"labels":            {&calloutv1.TargetFilter{Labels: map[string]string{"team": "blue", "kind": "audit"}}, "", []string{"/log"}},
		"everything holds":  {&calloutv1.TargetFilter{Labels: map[string]string{"team": "blue"}, Type: "call"}, "", nil},
	} {
		for _, size := range []uint32{0, 1, 2, 1000} {
			require.Equal(t, tt.want, targetsOf(t, c, &calloutv1.ListTargetsRequest{Filter: tt.filter, OrderBy: tt.order, PageSize: size}), "%s by %d", name, size)
		}
	}
}

func TestListExecutions(t *testing.T) {
	t.Parallel()
	c := plain(t, run(t, listed, nil))
	ask(t, c.SetExecution, &calloutv1.SetExecutionRequest{Execution: &calloutv1.Execution{Phase: calloutv1.Phase_PHASE_REQUEST, Condition: "/s.S/Abe", Targets: entries("Check")}})
	all := []string{":request:base", ":request:*", ":request:add", ":request:/s.S/Abe", ":function:claims", ":event:user.*", "acme:request:/s.S/Acme", "acme:event:user.added",
		"beta:request:/s.S/Beta"}
	for name, tt := range map[string]struct {
		filter *calloutv1.ExecutionFilter
		order  string
		want   []string
	}{
		"all":             {nil, "", all},
		"by condition":    {&calloutv1.ExecutionFilter{Org: new(string)}, "condition", []string{":request:*", ":request:/s.S/Abe", ":request:add", ":request:base", ":function:claims", ":event:user.*"}},
		"the other way":   {&calloutv1.ExecutionFilter{Org: new(string)}, "condition desc", []string{":request:base", ":request:add", ":request:/s.S/Abe", ":request:*", ":function:claims", ":event:user.*"}},
		"the newest":      {&calloutv1.ExecutionFilter{Phases: []calloutv1.Phase{calloutv1.Phase_PHASE_REQUEST}, Org: new(string)}, "update_time desc", []string{":request:/s.S/Abe", ":request:add", ":request:*", ":request:base"}},
		"phases":          {&calloutv1.ExecutionFilter{Phases: []calloutv1.Phase{calloutv1.Phase_PHASE_FUNCTION, calloutv1.Phase_PHASE_EVENT}}, "", []string{":function:claims", ":event:user.*", "acme:event:user.added"}},
		"conditions":      {&calloutv1.ExecutionFilter{Conditions: []string{"/s.S/Add", "*", "base"}}, "", []string{":request:*", ":request:add"}},
		"a part":          {&calloutv1.ExecutionFilter{Contains: "USER"}, "", []string{":event:user.*", "acme:event:user.added"}},
		"a part of names": {&calloutv1.ExecutionFilter{Contains: "add"}, "", []string{":request:add", "acme:event:user.added"}},
		"lists":           {&calloutv1.ExecutionFilter{List: proto.Bool(true)}, "", []string{":request:base"}},
		"no lists":        {&calloutv1.ExecutionFilter{List: proto.Bool(false)}, "", slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s == ":request:base" })},
		"what reaches it": {&calloutv1.ExecutionFilter{Target: "log"}, "", []string{":request:base", ":request:*", ":request:add", ":event:user.*", "acme:request:/s.S/Acme", "acme:event:user.added"}},
		"nobody":          {&calloutv1.ExecutionFilter{Target: "nobody"}, "", nil},
	} {
		for _, size := range []uint32{0, 1, 3, 1000} {
			require.Equal(t, tt.want, executionsOf(t, c, &calloutv1.ListExecutionsRequest{Filter: tt.filter, OrderBy: tt.order, PageSize: size}), "%s by %d", name, size)
		}
	}
	got := ask(t, c.GetExecution, &calloutv1.GetExecutionRequest{Phase: calloutv1.Phase_PHASE_REQUEST, Name: "base"})
	require.Equal(t, []string{"requests.*", "requests.add", "orgs.acme.requests./s.S/Acme"}, got.GetUsedBy())
}

// TestPagesAreOfOneRevision: what changes while somebody goes through a list is
// not seen in it, nothing is left out and nothing comes twice.
func TestPagesAreOfOneRevision(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("targets:\n")
	for i := range 500 {
		fmt.Fprintf(&b, "  t%03d: {type: webhook, url: 'https://a.example/%d'}\n", i, i)
	}
	c := plain(t, run(t, b.String(), nil))
	for _, order := range []string{"name", "name desc", "create_time", "update_time desc"} {
		var names, urls []string
		q := &calloutv1.ListTargetsRequest{OrderBy: order, PageSize: 37}
		first := uint64(0)
		for page := 0; ; page++ {
			answer := ask(t, c.ListTargets, q)
			if first == 0 {
				first = answer.GetRevision()
			}
			require.Equal(t, first, answer.GetRevision())
			require.EqualValues(t, 500, answer.GetTotalSize())
			for _, x := range answer.GetTargets() {
				names, urls = append(names, x.GetName()), append(urls, x.GetUrl())
			}
			if q.PageToken = answer.GetNextPageToken(); q.GetPageToken() == "" {
				break
			}
			// One before and one behind go, one comes, one changes.
			for _, gone := range []string{names[0], fmt.Sprintf("t%03d", 499-page)} {
				if _, err := c.DeleteTarget(within(t), connect.NewRequest(&calloutv1.DeleteTargetRequest{Name: gone})); err != nil {
					require.Equal(t, connect.CodeNotFound, connect.CodeOf(err))
				}
			}
			ask(t, c.CreateTarget, &calloutv1.CreateTargetRequest{Target: &calloutv1.Target{Name: fmt.Sprintf("t%03d-%d", 10*page, page), Type: "webhook", Url: "https://a.example/new"}})
			ask(t, c.UpdateTarget, &calloutv1.UpdateTargetRequest{Target: &calloutv1.Target{Name: "t250", Type: "webhook", Url: fmt.Sprintf("https://a.example/changed/%d", page)}})
		}
		require.Len(t, names, 500)
		slices.Sort(names)
		require.Len(t, slices.Compact(names), 500)
		require.NotContains(t, strings.Join(urls, " "), "changed")
		ask(t, c.Rollback, &calloutv1.RollbackRequest{Revision: 1})
	}
}

func TestListRefusals(t *testing.T) {
	t.Parallel()
	c := plain(t, run(t, listed, nil))
	token := ask(t, c.ListTargets, &calloutv1.ListTargetsRequest{PageSize: 1}).GetNextPageToken()
	forged := base64.RawURLEncoding.EncodeToString([]byte(`{"r":99,"k":{},"l":"` + decoded(t, token, `"l":"`, `"`) + `"}`))
	many := slices.Repeat([]string{"x"}, 1001)
	targets := func(q *calloutv1.ListTargetsRequest) error {
		return refused(t, connect.CodeInvalidArgument, c.ListTargets, q)
	}
	executions := func(q *calloutv1.ListExecutionsRequest) error {
		return refused(t, connect.CodeInvalidArgument, c.ListExecutions, q)
	}
	for name, tt := range map[string]struct {
		err            error
		field, message string
	}{
		"size":           {targets(&calloutv1.ListTargetsRequest{PageSize: 1001}), "page_size", "a page has at most 1000 entries"},
		"order":          {targets(&calloutv1.ListTargetsRequest{OrderBy: "url"}), "order_by", "a list is ordered by name, create_time, update_time, with desc behind it for the other way round"},
		"way":            {targets(&calloutv1.ListTargetsRequest{OrderBy: "name down"}), "order_by", "a list is ordered by name"},
		"token":          {targets(&calloutv1.ListTargetsRequest{PageToken: "x"}), "page_token", "the page token is not one of an answer before"},
		"another order":  {targets(&calloutv1.ListTargetsRequest{PageToken: token, OrderBy: "name desc"}), "page_token", "the page token is of a list with another filter or order"},
		"another filter": {targets(&calloutv1.ListTargetsRequest{PageToken: token, Filter: &calloutv1.TargetFilter{Type: "call"}}), "page_token", "the page token is of a list with another filter or order"},
		"another list":   {executions(&calloutv1.ListExecutionsRequest{PageToken: token}), "page_token", "the page token is of a list with another filter or order"},
		"revision":       {targets(&calloutv1.ListTargetsRequest{PageToken: forged}), "page_token", "revision 99, which the list is of, is not kept any more: begin again"},
		"names":          {targets(&calloutv1.ListTargetsRequest{Filter: &calloutv1.TargetFilter{Names: many}}), "filter.names", "1001 are too many at once, at most 1000 can be given"},
		"ids":            {targets(&calloutv1.ListTargetsRequest{Filter: &calloutv1.TargetFilter{Ids: many}}), "filter.ids", "1001 are too many"},
		"type":           {targets(&calloutv1.ListTargetsRequest{Filter: &calloutv1.TargetFilter{Type: "frob"}}), "filter.type", "type is webhook, call or async"},
		"conditions":     {executions(&calloutv1.ListExecutionsRequest{Filter: &calloutv1.ExecutionFilter{Conditions: many}}), "filter.conditions", "1001 are too many"},
		"phase":          {executions(&calloutv1.ListExecutionsRequest{Filter: &calloutv1.ExecutionFilter{Phases: []calloutv1.Phase{9}}}), "filter.phases", "a phase is request"},
		"history":        {refused(t, connect.CodeInvalidArgument, c.ListRevisions, &calloutv1.ListRevisionsRequest{PageToken: "x"}), "page_token", "the page token is not one"},
	} {
		require.ErrorContains(t, tt.err, tt.message, name)
		requireDetail(t, &calloutv1.ErrorDetail{Code: "bad_field", Stage: "decode", Field: tt.field}, tt.err)
	}
	_ = refused(t, connect.CodeNotFound, c.ListTargets, &calloutv1.ListTargetsRequest{Instance: "nobody"})
	_ = refused(t, connect.CodeNotFound, c.ListTargets, &calloutv1.ListTargetsRequest{Instance: "nobody", PageToken: token})
}

// decoded is what stands between two texts in a page token.
func decoded(t *testing.T, token, from, to string) string {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(token)
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(raw), from)
	value, _, _ := strings.Cut(rest, to)
	return value
}
