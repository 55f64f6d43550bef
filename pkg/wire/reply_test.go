package wire_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

func TestEncodeReply(t *testing.T) {
	object := json.RawMessage(`{ "n": 9007199254740993,"f":1.0,"u":"\u00e9<&>" }`)
	steps := []action.Step{
		{Target: "name", Kind: action.CallOut, Status: 200, DurationMS: 12.345, Outcome: action.StepChanged},
		{Target: "log", Kind: action.Async, Outcome: action.StepStored},
	}
	refusal := action.NewError(action.CodeRejected, action.StageAnswer, "no <b>").WithTarget("check").WithCause(errors.New("10.0.0.7 said no"))
	refusal.Status = 418
	for _, c := range []struct {
		name   string
		phase  action.Phase
		result action.Result
	}{
		{"unchanged", action.Request, action.Result{Outcome: action.Continue, Revision: 7}},
		{"changed_request", action.Request, action.Result{Outcome: action.Continue, Object: object, Steps: steps, Revision: 7}},
		{"changed_response", action.Response, action.Result{Outcome: action.Continue, Object: object, Revision: 7}},
		{"changed_function", action.Function, action.Result{Outcome: action.Continue, Object: object, Revision: 7}},
		{"rejected", action.Request, action.Result{Outcome: action.Rejected, Error: refusal, Steps: steps[:1], Revision: 8}},
		{"warned", action.Response, action.Result{Outcome: action.Continue, Object: object, Revision: 9,
			Warnings: []action.Warning{{Code: action.CodeTimeout, Status: 504, Message: "late", Target: "slow"}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			raw := wire.EncodeReply(c.phase, c.result)
			golden(t, "reply_"+c.name+".json", string(raw))
			require.NoError(t, wire.CheckJSON(raw))
			got, err := wire.DecodeReply(raw)
			require.NoError(t, err)
			require.Equal(t, string(c.result.Object), string(got.Object), "its bytes are the core's")
			require.NotContains(t, string(raw), "10.0.0.7")
		})
	}
}

// TestAReplyWithoutAnObjectNamesNone: an empty object of bytes is none.
func TestAReplyWithoutAnObjectNamesNone(t *testing.T) {
	for _, object := range []json.RawMessage{nil, {}} {
		raw := wire.EncodeReply(action.Request, action.Result{Outcome: action.Continue, Object: object})
		require.Equal(t, `{"outcome":"continue","warnings":[],"steps":[],"revision":0}`, string(raw))
	}
}

func TestReplyRoundTrip(t *testing.T) {
	outcomes := rapid.SampledFrom([]action.Outcome{action.Continue, action.Rejected, action.Failed, action.Unavailable})
	rapid.Check(t, func(t *rapid.T) {
		want := action.Result{Outcome: outcomes.Draw(t, "outcome"), Revision: rapid.Uint64().Draw(t, "revision"), Warnings: []action.Warning{}, Steps: []action.Step{}}
		if rapid.Bool().Draw(t, "changed") {
			want.Object = json.RawMessage(drawObject(t, 3))
		}
		if rapid.Bool().Draw(t, "error") {
			want.Error = action.NewError(action.CodeRejected, action.StageAnswer, rapid.String().Draw(t, "message")).WithTarget("t*").WithField("/a")
		}
		for range rapid.IntRange(0, 3).Draw(t, "steps") {
			want.Steps = append(want.Steps, action.Step{Target: "t", Kind: action.Webhook, Status: rapid.IntRange(0, 999).Draw(t, "status"),
				DurationMS: rapid.Float64Range(0, 1e6).Draw(t, "ms"), Outcome: action.StepFailed,
				Interrupt: rapid.Bool().Draw(t, "interrupt")})
			want.Warnings = append(want.Warnings, action.Warning{Code: action.CodeStatus, Message: rapid.String().Draw(t, "warning"), Target: "t"})
		}
		phase := rapid.SampledFrom([]action.Phase{action.Request, action.Response, action.Function}).Draw(t, "phase")
		got, err := wire.DecodeReply(wire.EncodeReply(phase, want))
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

func TestDecodeReplyOfARefusal(t *testing.T) {
	refusal := action.NewError(action.CodeTooDeep, action.StageDecode, "").WithField("request").WithCause(errors.New("secret"))
	raw := wire.EncodeError(refusal)
	golden(t, "refusal.json", string(raw))
	result, err := wire.DecodeReply(raw)
	require.Zero(t, result)
	var got *action.Error
	require.ErrorAs(t, err, &got)
	require.Equal(t, &action.Error{Code: action.CodeTooDeep, Stage: action.StageDecode, Status: 400, Message: refusal.Message, Field: "request"}, got)
}

// TestStepsOfAnOlderWorkerDoNotInterrupt: they say nothing of it, and what they
// say that is no answer is not guessed at.
func TestStepsOfAnOlderWorkerDoNotInterrupt(t *testing.T) {
	reply := func(member string) []byte {
		return []byte(`{"outcome":"continue","request":{},"warnings":[],"steps":[{"target":"t","kind":"call","duration_ms":1,"outcome":"changed"` + member + `}],"revision":1}`)
	}
	for member, want := range map[string]bool{``: false, `,"interrupt":false`: false, `,"interrupt":true`: true} {
		result, err := wire.DecodeReply(reply(member))
		require.NoError(t, err)
		require.Equal(t, want, result.Steps[0].Interrupt, member)
	}
	for _, member := range []string{`,"interrupt":1`, `,"interrupt":"true"`, `,"interrupt":null`} {
		_, err := wire.DecodeReply(reply(member))
		require.Equal(t, action.CodeUnavailable, action.CodeOf(err), member)
	}
}

func TestDecodeReplyRefuses(t *testing.T) {
	for _, raw := range []string{
		``, ` `, `null`, `{}`, `[]`, `"continue"`, `{"outcome":""}`, `{"outcome":7}`, `{"outcome":"continue"`,
		`{"outcome":"continue"}{}`, `{"outcome":"maybe"}`, `{"outcome":"Continue"}`, `{"outcome":"continue","revision":-1}`, `{"error":null}`,
		`{"outcome":"continue","request":{no}}`, `{"outcome":"continue","request":{"a":1,"a":2}}`, "{\"outcome\":\"continue\",\"request\":{\"a\":\"\xff\"}}",
		`{"error":{}}`, `{"error":{"code":"conflict"}}`, `{"error":{"code":"conflict","status":1000}}`, `{"error":{"code":"a b","status":409}}`,
		`{"outcome":"rejected","error":{"code":"rejected","status":0}}`,
	} {
		result, err := wire.DecodeReply([]byte(raw))
		require.Equal(t, action.CodeUnavailable, action.CodeOf(err), raw)
		require.Zero(t, result, "never an empty success")
	}
}

// TestARefusalIsJSON, also one that was made by hand of what is no UTF-8.
func TestARefusalIsJSON(t *testing.T) {
	raw := wire.EncodeError(&action.Error{Code: action.CodeNotFound, Status: 404, Message: "\xff", Field: "\xed\xa0\x80", Target: "a\xc3"})
	require.NoError(t, wire.CheckJSON(raw), "%q", raw)
	_, err := wire.DecodeReply(raw)
	require.ErrorContains(t, err, "\uFFFD (not_found)")
}
