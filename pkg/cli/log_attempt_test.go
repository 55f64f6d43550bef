package cli

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAttemptsAreLoggedInALine: a person gets a line for each attempt, and all
// fields with -v and in JSON; what else is logged is as it was.
func TestAttemptsAreLoggedInALine(t *testing.T) {
	t.Parallel()
	const refused = `{"level":"warn","code":"connect","stage":"invoke","error":"invoke: the target could not be reached (connect), target audit: dial tcp 127.0.0.1:1: connect: connection refused","sequence":3,"wait_ms":1200,"instance":"default","phase":"event","name":"user.added","target":"audit","kind":"webhook","delivery":"dlv_1","attempt":2,"status":0,"took_ms":1,"verdict":"retry","revision":1,"message":"attempt"}` + "\n"
	for want, line := range map[string]string{
		"audit user.added #3 attempt 2: connection refused, again in 1.2 s":       refused,
		"twin: hook user.added #4: ok, status 204, after 12 ms":                   `{"instance":"twin","phase":"event","name":"user.added","target":"hook","sequence":4,"attempt":1,"status":204,"took_ms":12.3,"verdict":"ack","message":"attempt"}`,
		"hook user.added #4 attempt 16: status 503, a dead letter":                `{"code":"status","error":"x","instance":"default","phase":"event","name":"user.added","target":"hook","sequence":4,"attempt":16,"status":503,"verdict":"dead","message":"attempt"}`,
		"hook user.added: status 404 (unknown_condition), a dead letter":          `{"code":"status","answer_code":"unknown_condition","instance":"default","phase":"event","name":"user.added","target":"hook","status":404,"verdict":"dead","message":"attempt"}`,
		"hook user.added: status 404 (\uFFFD[2J\uFFFD), a dead letter":            `{"code":"status","answer_code":"\u001b[2J\n","instance":"default","phase":"event","name":"user.added","target":"hook","status":404,"verdict":"dead","message":"attempt"}`,
		"name request /a.B/C: ok, status 200, after 1.5 s, the object is changed": `{"instance":"default","phase":"request","name":"/a.B/C","target":"name","attempt":1,"status":200,"took_ms":1500,"verdict":"changed","message":"attempt"}`,
		"hook function f: timeout":                                                `{"code":"timeout","error":"answer: too late (timeout), target hook","instance":"default","phase":"function","name":"f","target":"hook","attempt":1,"status":0,"verdict":"failed","message":"attempt"}`,
	} {
		var out, rest strings.Builder
		_, err := (&briefly{out: &out, rest: &rest}).Write([]byte(line))
		require.NoError(t, err)
		require.Regexp(t, `^\d\d:\d\d:\d\d `, out.String())
		require.Equal(t, want+"\n", out.String()[9:])
		require.Empty(t, rest.String())
	}
	var out, rest strings.Builder
	_, err := (&briefly{out: &out, rest: &rest}).Write([]byte(`{"level":"info","message":"catalog applied","note":"\"message\":\"attempt\""}`))
	require.NoError(t, err)
	require.Empty(t, out.String())
	require.Contains(t, rest.String(), "catalog applied")

	for _, tt := range []struct {
		flags logFlags
		want  string
	}{
		{logFlags{level: "info", format: "console"}, "audit user.added #3 attempt 2: connection refused, again in 1.2 s\n"},
		{logFlags{level: "info", format: "console", verbose: true}, "delivery=dlv_1"},
		{logFlags{level: "info", format: "json"}, `"delivery":"dlv_1"`},
	} {
		out.Reset()
		log, err := tt.flags.logger(&out)
		require.NoError(t, err)
		log.Warn().Str("code", "connect").Str("error", "target audit: dial: connection refused").Uint64("sequence", 3).Float64("wait_ms", 1200).
			Str("instance", "default").Str("phase", "event").Str("name", "user.added").Str("target", "audit").Str("delivery", "dlv_1").Int("attempt", 2).Str("verdict", "retry").Msg("attempt")
		require.Contains(t, out.String(), tt.want)
	}
}
