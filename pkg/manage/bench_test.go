package manage_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/node"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// many is a catalog of n targets and as many executions.
func many(n int) *catalog.Snapshot {
	s := catalog.Empty(catalog.DefaultInstance)
	sc := &catalog.Scope{Targets: map[string]action.Target{}, Sections: map[action.Phase][]action.Execution{}}
	s.Scopes[""] = sc
	for i := range n {
		t := catalog.WithDefaults(action.Target{Name: fmt.Sprintf("target-%05d", i), Kind: action.Webhook, URL: fmt.Sprintf("https://hooks.example.com/v1/%d/hook", i),
			Headers: map[string]string{"X-Team": "identity"}, Labels: map[string]string{"team": "identity"}, SigningKey: action.KeySource{Env: "CALLOUT_BENCH_KEY"}})
		sc.Targets[t.Name] = t
		match := fmt.Sprintf("/company.area%d.v2.UserService/Method%d", i%50, i)
		sc.Sections[action.Request] = append(sc.Sections[action.Request], action.Execution{Name: match, Match: match, Entries: []action.Entry{{Target: t.Name}}})
	}
	return s
}

// largeNode has 10,000 targets and executions.
func largeNode(b *testing.B) (*node.Node, http.Handler) {
	b.Helper()
	b.Setenv("CALLOUT_BENCH_KEY", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	n, err := node.Start(b.Context(), node.Options{Listen: "127.0.0.1:0", NATSListen: "127.0.0.1:0", ConfigName: "bench.yaml", Log: zerolog.Nop(), WithoutWorker: true})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, n.Close(b.Context())) })
	_, err = n.Dispatcher().Instance("default").Apply(b.Context(), many(10_000))
	require.NoError(b, err)
	return n, node.Mount(zerolog.Nop())(n.Dispatcher())["/callout.v1.ActionService/"]
}

// answered asks the service without a connection, so that only its own work is
// counted.
func answered[A any, P interface {
	*A
	proto.Message
}](b *testing.B, h http.Handler, method string, question proto.Message) P {
	b.Helper()
	raw, err := proto.Marshal(question)
	require.NoError(b, err)
	r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/callout.v1.ActionService/"+method, bytes.NewReader(raw))
	r.Header.Set("Content-Type", "application/proto")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	require.Equal(b, http.StatusOK, w.Code, w.Body)
	answer := P(new(A))
	require.NoError(b, proto.Unmarshal(w.Body.Bytes(), answer))
	return answer
}

// BenchmarkListTargets goes through 10,000 targets again and again; an operation
// is one page. On the way back from the wire, which is counted too, a page of
// 1,000 costs about as much as on the way there.
func BenchmarkListTargets(b *testing.B) {
	_, h := largeNode(b)
	for _, size := range []uint32{100, 1000} {
		for _, order := range []string{"name", "update_time desc"} {
			b.Run(fmt.Sprintf("%d by %s", size, order), func(b *testing.B) {
				b.ReportAllocs()
				q := &calloutv1.ListTargetsRequest{PageSize: size, OrderBy: order}
				for b.Loop() {
					answer := answered[calloutv1.ListTargetsResponse](b, h, "ListTargets", q)
					require.Len(b, answer.GetTargets(), int(size))
					q.PageToken = answer.GetNextPageToken()
				}
			})
		}
	}
}

// BenchmarkObjects measures the other calls beside 10,000 targets and
// executions.
func BenchmarkObjects(b *testing.B) {
	_, h := largeNode(b)
	b.Run("GetTarget", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			answered[calloutv1.GetTargetResponse](b, h, "GetTarget", &calloutv1.GetTargetRequest{Name: "target-05000"})
		}
	})
	i := 0
	b.Run("UpdateTarget", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			i++
			answer := answered[calloutv1.UpdateTargetResponse](b, h, "UpdateTarget", &calloutv1.UpdateTargetRequest{Target: &calloutv1.Target{
				Name: "target-05000", Type: "webhook", Url: fmt.Sprintf("https://hooks.example.com/%d", i), SigningKey: &calloutv1.KeySource{Env: "CALLOUT_BENCH_KEY"}}})
			require.True(b, answer.GetChanged())
		}
	})
	b.Run("SetExecution with a request id", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			i++
			answer := answered[calloutv1.SetExecutionResponse](b, h, "SetExecution", &calloutv1.SetExecutionRequest{RequestId: fmt.Sprint(i), Execution: &calloutv1.Execution{
				Phase: calloutv1.Phase_PHASE_REQUEST, Condition: fmt.Sprintf("/s.S/M%d", i), Targets: entries("target-05000")}})
			require.True(b, answer.GetCreated())
		}
	})
}
