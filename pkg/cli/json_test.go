package cli

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// TestJSONOf holds the one rule for all that is printed for programs.
func TestJSONOf(t *testing.T) {
	t.Parallel()
	for want, m := range map[string]proto.Message{
		`{"revision":9007199254740993,"createTime":"2026-11-30T09:00:00Z","source":"api","added":1,"changed":0,"removed":0}`: &calloutv1.Revision{
			Revision: 9007199254740993, CreateTime: timestamppb.New(time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)), Source: "api", Added: 1},
		`{"action":"changed","kind":"target","org":"","phase":"","name":"a<b","condition":"","fields":["url"],"differences":[]}`: &calloutv1.Change{
			Action: calloutv1.Change_ACTION_CHANGED, Kind: calloutv1.Change_KIND_TARGET, Name: "a<b", Fields: []string{"url"}},
		`{"name":"","condition":"","verdict":"no_match","reason":""}`: &calloutv1.Candidate{Verdict: calloutv1.Candidate_VERDICT_NO_MATCH},
		`{"failures":3,"open":"1.500s"}`:                              &calloutv1.Breaker{Failures: 3, Open: durationpb.New(1500 * time.Millisecond)},
		`{"instance":"x"}`:                                            &calloutv1.Led{Instance: "x"},
		`{"target":"a"}`:                                              &calloutv1.Entry{Entry: &calloutv1.Entry_Target{Target: "a"}},
	} {
		raw, err := jsonOf(m)
		require.NoError(t, err)
		require.Equal(t, want, string(raw))
	}
	raw, err := jsonOf(&calloutv1.TestTargetResponse{Duration: durationpb.New(1234567 * time.Nanosecond)})
	require.NoError(t, err)
	require.Contains(t, string(raw), `"durationMs":1.234,`)
	raw, err = jsonOf(&calloutv1.Target{Labels: map[string]string{"b": "1", "a": "2"}, Timeout: durationpb.New(time.Second)})
	require.NoError(t, err)
	require.Contains(t, string(raw), `"labels":{"a":"2","b":"1"}`)
	require.Contains(t, string(raw), `"timeout":"1s"`)
}
