package cli_test

import (
	"net/http"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// platform is a configuration with every kind of target and every phase.
const platform = `
targets:
  gate:   {type: webhook, url: "URL/gate", timeout: 5s, interrupt_on_error: true, KEY}
  rename: {type: call, url: "URL/rename", timeout: 5s, interrupt_on_error: true, KEY}
  hook:   {type: async, url: "URL/hook", KEY}
  refuse: {type: call, url: "URL/refuse", timeout: 5s, interrupt_on_error: true, KEY}
  broken: {type: call, url: "URL/broken", timeout: 5s, interrupt_on_error: true, KEY}
  flaky:  {type: webhook, url: "URL/broken", timeout: 5s, KEY}
  stamp:  {type: call, url: "URL/stamp", timeout: 5s, KEY}
  claims: {type: call, url: "URL/claims", timeout: 5s, KEY}
  roles:  {type: call, url: "URL/roles", timeout: 5s, KEY}
  audit:  {type: webhook, url: "URL/audit", KEY}
requests:
  add_user:
    condition: /acme.user.v1.UserService/AddUser
    targets: [{target: gate}, {target: rename}, {target: hook}]
  /acme.user.v1.UserService/Refused: {targets: [{target: flaky}, {target: refuse}, {target: rename}]}
  /acme.user.v1.UserService/Broken: {targets: [{target: broken}]}
responses:
  acme.user.v1.UserService: {targets: [{target: stamp}]}
functions:
  create_id_token: {targets: [{target: claims}, {target: roles}]}
events:
  "user.*": {targets: [{target: audit}]}
`

// newPlatform is a target that answers for all of platform.
func newPlatform(t *testing.T) *target {
	answers := map[string]string{
		"/rename": `{"user":{"name":"Ada L."}}`,
		"/refuse": `{"forwardedStatusCode":403,"forwardedErrorMessage":"not on a Sunday"}`,
		"/stamp":  `{"seen":true}`,
		"/claims": `{"append_claims":[{"key":"team","value":"blue"}]}`,
		"/roles":  `{"append_log_claims":["roles"]}`,
	}
	return newTarget(t, func(w http.ResponseWriter, a arrival) {
		if a.path == "/broken" {
			w.WriteHeader(http.StatusInternalServerError)
		}
		_, _ = w.Write([]byte(answers[a.path])) // the caller may have gone
	})
}

// only is what arrived at one path.
func only(all []arrival, path string) (some []arrival) {
	for _, a := range all {
		if a.path == path {
			some = append(some, a)
		}
	}
	return some
}

func TestReadyLine(t *testing.T) {
	t.Parallel()
	tg := newPlatform(t)
	p := dev(t, tg, configuration(t, fill(tg, platform)), "--data", t.TempDir())
	require.Regexp(t, regexp.MustCompile(`^ready http=http://127\.0\.0\.1:\d+ nats=nats://127\.0\.0\.1:\d+\n$`), p.out.String())
	require.Equal(t, answer{200, nil, "{\"status\":\"alive\"}\n"}, bare(send(t, http.MethodGet, p.ready["http"]+"/healthz", "", nil)))
	require.Equal(t, answer{200, nil, "{\"status\":\"ready\"}\n"}, bare(send(t, http.MethodGet, p.ready["http"]+"/readyz", "", nil)))
	code, _ := p.stop(t, interrupt)
	require.Zero(t, code)
	require.Len(t, p.out.String(), len("ready http=")+len(p.ready["http"])+len(" nats=")+len(p.ready["nats"])+1, "stdout has results only")
}

// bare is an answer without its headers.
func bare(a answer) answer { return answer{status: a.status, body: a.body} }
