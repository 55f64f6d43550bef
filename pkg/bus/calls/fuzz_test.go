package calls

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// FuzzReadTrial: what comes on the subject of tests is refused, or is one.
func FuzzReadTrial(f *testing.F) {
	for _, data := range []string{"", "{}\n", "{}\n{}", `{"target":{"name":"a","url":"https://a.example"},"phase":"request","name":"/a.B/C"}` + "\nbody", "{\"Target\":{}}\n", "null\n", "[]\n", "{\"target\":{\"timeout\":-1,\"max_answer\":-9223372036854775808}}\n"} {
		f.Add("callout.test.default", "2s", []byte(data))
	}
	f.Fuzz(func(t *testing.T, subject, timeout string, data []byte) {
		tr, budget, err := readTrial(&nats.Msg{Subject: subject, Data: data, Header: nats.Header{wire.HeaderTimeout: {timeout}}})
		if err != nil {
			require.Contains(t, []action.Code{action.CodeMalformed, action.CodeBadField, action.CodeDeadline}, action.CodeOf(err))
			return
		}
		require.True(t, budget > 0 && budget <= action.MaxBudget)
		require.Equal(t, subject, wire.TestSubject(tr.Instance))
	})
}

// FuzzReadTried: a report is refused, or holds what it says.
func FuzzReadTried(f *testing.F) {
	for _, raw := range []string{"", "{}\n", "{\"shown\":3}\nabc", "{\"shown\":-1}\n", "{\"shown\":9}\nabc", "{\"outcome\":\"changed\",\"shown\":1}\nab", "{\"Shown\":1}\nab"} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		tried, err := readTried(raw)
		if err != nil {
			require.Equal(t, action.CodeUnavailable, action.CodeOf(err))
			return
		}
		require.Len(t, tried.ResponseBody, tried.Shown)
	})
}

// FuzzReadCall: the headers and the subject of a call are refused, or are one.
func FuzzReadCall(f *testing.F) {
	f.Add("callout.call.default.request.a.B.C", "2s", "7", "")
	f.Add("callout.call.=.function.f", "-1", "18446744073709551616", "\xff")
	f.Add("callout.call.default.response.a", "", "", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	arrived := time.Unix(1700000000, 0)
	f.Fuzz(func(t *testing.T, subject, timeout, revision, traceparent string) {
		c := &IncomingCall{msg: &nats.Msg{Subject: subject, Header: nats.Header{
			wire.HeaderTimeout: {timeout}, wire.HeaderMinRevision: {revision}, wire.HeaderTraceparent: {traceparent}}}}
		if err := c.read(arrived); err != nil {
			require.Contains(t, []action.Code{action.CodeBadField, action.CodeDeadline}, action.CodeOf(err))
			return
		}
		require.True(t, c.Deadline.After(arrived))
	})
}
