package zitadel_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAnswersOfSeveralTargets: on a function each target's answer is kept, member by
// member; of a request or response the last answer is the whole, as in ZITADEL.
func TestAnswersOfSeveralTargets(t *testing.T) {
	h := newHooks(t)
	h.obey("/roles", 200, `{"append_claims":[{"key":"roles","value":["admin"]}],"append_log_claims":["roles"]}`)
	h.obey("/metadata", 200, `{"set_user_metadata":[{"key":"seen","value":"dHJ1ZQ=="}],"append_log_claims":["metadata"]}`)
	h.obey("/nothing", 200, `{}`)
	n := run(t, "")
	for _, instance := range []string{"default", "other"} {
		t.Run(instance, func(t *testing.T) {
			c := toolFor(n)
			c.header["Callout-Instance"] = instance
			roles, _ := c.target(t, "roles", "restCall", h.URL+"/roles")
			metadata, _ := c.target(t, "metadata", "restCall", h.URL+"/metadata")
			nothing, _ := c.target(t, "nothing", "restCall", h.URL+"/nothing")
			for _, condition := range []string{`{"function":{"name":"preaccesstoken"}}`, `{"request":{"method":"/s.S/M"}}`, `{"response":{"method":"/s.S/M"}}`} {
				c.must(t, "PUT", "executions", `{"condition":`+condition+`,"targets":["`+roles+`","`+metadata+`","`+nothing+`"]}`)
			}
			calls := n.HTTPURL() + "/v1/instances/" + instance + "/calls/"
			seen := len(h.got("/metadata"))
			_, answer := ask(t, "POST", calls+"functions/preaccesstoken", `{"user":{"id":"u1"}}`, nil)
			require.Contains(t, answer, `"response":{"append_claims":[{"key":"roles","value":["admin"]}],"append_log_claims":["metadata"],"set_user_metadata":[{"key":"seen","value":"dHJ1ZQ=="}]}`)
			require.Contains(t, h.await(t, "/metadata", seen+1).body, `"response":{"append_claims":[{"key":"roles"`, "the second target sees what the first answered")
			_, answer = ask(t, "POST", calls+"request", `{"fullMethod":"/s.S/M","request":{"name":"Ada"}}`, nil)
			require.Contains(t, answer, `"request":{"set_user_metadata":[{"key":"seen","value":"dHJ1ZQ=="}],"append_log_claims":["metadata"]}`)
			_, answer = ask(t, "POST", calls+"response", `{"fullMethod":"/s.S/M","request":{},"response":{"name":"Ada"}}`, nil)
			require.Contains(t, answer, `"response":{"set_user_metadata":[{"key":"seen","value":"dHJ1ZQ=="}],"append_log_claims":["metadata"]}`)
		})
	}
}
