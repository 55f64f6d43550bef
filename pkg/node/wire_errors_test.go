package node_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/node"
	"github.com/callout-hq/callout/pkg/wire"
)

// warnings are those of readiness.
func warnings(t *testing.T, n *node.Node) string {
	t.Helper()
	req, err := http.NewRequestWithContext(within(t, 20*time.Second), http.MethodGet, n.HTTPURL()+"/readyz", nil)
	require.NoError(t, err)
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode, "%s", raw)
	return string(raw)
}

func hears(t *testing.T, n *node.Node, words string, is bool) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(warnings(t, n), words) == is }, time.Minute, 20*time.Millisecond, words)
}

// TestWireErrorsAreTold: who waits for an answer gets one that names what is wrong, and
// what nobody waits for is noticed.
func TestWireErrorsAreTold(t *testing.T) {
	t.Parallel()
	hooks, log := newTargets(t), &logged{}
	r := run(t, hooks, "targets: {hook: {type: webhook, url: HOOKS/hook}}\nevents: {'*': {targets: [{target: hook}]}}", func(o *node.Options) { o.Log = zerolog.New(log) })
	nc, err := nats.Connect(r.NATSURL())
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	for subject, c := range map[string]struct {
		status, field string
		header        nats.Header
	}{
		"callout.call.default.request.a.S.M": {"400", "callout-timeout", nats.Header{"callout-timeout": {"1s"}}},
		"callout.call.twin.function.f":       {"400", "Callout-Tiemout", nats.Header{"Callout-Tiemout": {"1s"}, wire.HeaderTimeout: {"1s"}}},
		"callout.call.nobody.function.f":     {"404", "", nil},
		"callout.call.default.request.S":     {"400", "subject", nil},
		"callout.call.default":               {"400", "subject", nil},
		"callout.event.default.acme.u1":      {"400", "subject", nil},
		"callout.event.twin.acme":            {"400", "subject", nil},
		"callout.event.nobody":               {"400", "subject", nil},
	} {
		answer, err := nc.RequestMsg(&nats.Msg{Subject: subject, Header: c.header, Data: []byte(`{}`)}, 20*time.Second)
		require.NoError(t, err, subject)
		require.Equal(t, c.status, answer.Header.Get(wire.HeaderStatus), "%s: %s", subject, answer.Data)
		var refusal struct{ Error *action.Error }
		require.NoError(t, json.Unmarshal(answer.Data, &refusal))
		require.Equal(t, c.field, refusal.Error.Field, "%s: %s", subject, answer.Data)
	}
	require.NoError(t, nc.Publish("callout.event.default.acme.u2", []byte("{}")), "who waits for no answer")
	hears(t, r.Node, "4 events were published to no stream since this dispatcher began, with a token too few in their subject, the last to callout.event.default.acme.u2", true)

	for _, instance := range []string{"default", twinID} {
		declare := func(body string) {
			require.NoError(t, nc.Publish("$KV.callout_declared."+instance+".users", []byte(body)))
		}
		said := fmt.Sprintf(`passed over in %s.users of callout_declared: it has no member \"event_type\"; did you mean \"event_types\"?`, instance)
		declare(`{"core":"users","event_type":["user.added"],"functions":["f"]}`)
		hears(t, r.Node, said, true)
		declare(`{"core":"users","event_types":["user.added"]}`)
		hears(t, r.Node, said, false)
		declare("[")
		hears(t, r.Node, "unreadable, and left out: "+instance+".users of callout_declared", true)
		declare(`{"core":"users","event_types":["user.added"]}`)
		hears(t, r.Node, "unreadable, and left out", false)
	}

	sent := &nats.Msg{Subject: "callout.event.default.=.u1.user.added", Header: nats.Header{"callout-event-id": {"mine"}}, Data: []byte(`{"aggregateID":"u1","event_type":"user.added"}`)}
	for range 2 {
		_, err = nc.RequestMsg(sent, 20*time.Second)
		require.NoError(t, err)
	}
	hooks.await(t, "hook", 2)
	require.Equal(t, 1, strings.Count(log.String(), "callout-event-id: names of headers have case on NATS: write Callout-Event-Id"), "said once, and delivered")
	r.drained(t)
}
