package wire_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

var sampleTime = time.Date(2026, 1, 2, 3, 4, 5, 6789000, time.UTC)

// TestSamples are bodies that the engine takes, and the phases they are told by.
func TestSamples(t *testing.T) {
	for _, phase := range action.Phases {
		raw := wire.Sample(phase, "default", "acme", "", sampleTime)
		golden(t, "sample_"+string(phase)+".json", string(raw))
		got, err := wire.PhaseOf(raw)
		require.NoError(t, err)
		require.Equal(t, phase, got)
	}
}

func TestSamplesAreTaken(t *testing.T) {
	for _, c := range []struct {
		phase action.Phase
		name  string
	}{{action.Request, "/s.S/M"}, {action.Response, "/s.S/M"}, {action.Function, "create_id_token"}} {
		raw := wire.Sample(c.phase, "an \"instance\"", "acme", c.name, sampleTime)
		call, err := wire.NewCall("an \"instance\"", c.phase, c.name, raw, 1<<20)
		require.NoError(t, err)
		require.Equal(t, string(raw), string(call.Raw()), "it needs nothing")
		require.Equal(t, "acme", call.OrgID)
	}
	facts, err := wire.ReadEvent(wire.Sample(action.OnEvent, "default", "org-1", "org.added", sampleTime))
	require.NoError(t, err)
	require.Equal(t, []string{"default", "org-1", "org.added"}, []string{facts.InstanceID, facts.Org, facts.Type})
}

func TestFunctionName(t *testing.T) {
	for raw, want := range map[string]string{`{}`: "", `{"function":"function/a.b"}`: "a.b", `{"x":{"function":1},"function":"\u0066unction/f"}`: "f"} {
		got, err := wire.FunctionName([]byte(raw))
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for raw, code := range map[string]action.Code{
		`{"function":"f"}`: action.CodeBadField, `{"function":7}`: action.CodeBadField, `{"function":"function/*"}`: action.CodeBadField,
		`{"function":"function/"}`: action.CodeBadField, `[]`: action.CodeMalformed, `{"a":1,"a":2}`: action.CodeMalformed,
	} {
		_, err := wire.FunctionName([]byte(raw))
		require.Equal(t, code, action.CodeOf(err), raw)
	}
	_, err := wire.PhaseOf([]byte(`7`))
	require.Equal(t, action.CodeMalformed, action.CodeOf(err))
}

func TestTestSubjects(t *testing.T) {
	require.Equal(t, "callout.test.a=2Eb", wire.TestSubject("a.b"))
	require.Equal(t, "callout.test.*", wire.AllTests)
	instance, err := wire.ParseTest("callout.test.a=2Eb")
	require.NoError(t, err)
	require.Equal(t, "a.b", instance)
	for _, subject := range []string{"callout.test.", "callout.test.a.b", "callout.call.a", "callout.test.=0A", "callout.test.="} {
		_, err := wire.ParseTest(subject)
		require.Equal(t, action.CodeBadField, action.CodeOf(err), subject)
	}
}
