package work

import (
	"encoding/json"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/calls"
	"github.com/callout-hq/callout/pkg/wire"
)

// TestATrialIsCheckedAsACatalogIs: who speaks to the bus by itself gets no
// further with a target than who configures it, and the worker dials nothing.
func TestATrialIsCheckedAsACatalogIs(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(hookOnAdded)
	w := g.worker()
	nc, err := nats.Connect(g.server.URL())
	require.NoError(t, err)
	defer nc.Close()
	event := []byte(`{"aggregateID":"a","event_type":"user.added"}`)
	for name, change := range map[string]func(*calls.Trial){
		"a timeout too long":      func(c *calls.Trial) { c.Target.Timeout = time.Hour },
		"a timeout below none":    func(c *calls.Trial) { c.Target.Timeout = math.MinInt64 },
		"an answer without end":   func(c *calls.Trial) { c.Target.MaxAnswer = math.MaxInt },
		"an answer below none":    func(c *calls.Trial) { c.Target.MaxAnswer = math.MinInt },
		"no kind":                 func(c *calls.Trial) { c.Target.Kind = "" },
		"a URL of a file":         func(c *calls.Trial) { c.Target.URL = "file:///etc/passwd" },
		"a URL with a password":   func(c *calls.Trial) { c.Target.URL = strings.Replace(c.Target.URL, "://", "://u:p@", 1) },
		"a header of two lines":   func(c *calls.Trial) { c.Target.Headers = map[string]string{"X-A": "1\r\nX-B: 2"} },
		"a header of ours":        func(c *calls.Trial) { c.Target.Headers = map[string]string{"Content-Length": "7"} },
		"a name that is none":     func(c *calls.Trial) { c.Target.Name = "a\x00b" },
		"a name too long":         func(c *calls.Trial) { c.Target.Name = strings.Repeat("n", 5000) },
		"an owner that is none":   func(c *calls.Trial) { c.Owner = "a\nb" },
		"a mapping that is none":  func(c *calls.Trial) { c.Target.Mapping = "twice" },
		"a pointer that is none":  func(c *calls.Trial) { c.Target.Allow = []string{"no pointer"} },
		"addresses that are none": func(c *calls.Trial) { c.Target.Egress = []netip.Prefix{netip.MustParsePrefix("10.1.2.3/8")} },
		"addresses that a draft asks for": func(c *calls.Trial) {
			c.Stored, c.Target.Egress = false, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		},
		"what is kept for the one of its name, for a draft": func(c *calls.Trial) {
			c.Stored, c.Target.HeaderSources = false, map[string]action.SecretSource{"X-Key": {Env: "KEY"}}
		},
		"a signature that is none":  func(c *calls.Trial) { c.Target.Signatures = []action.Signature{"none"} },
		"a concurrency without end": func(c *calls.Trial) { c.Target.Concurrency = math.MaxInt },
		"a rate without time":       func(c *calls.Trial) { c.Target.Rate = action.Rate{N: 1} },
		"a phase that is none":      func(c *calls.Trial) { c.Phase = "later" },
		"no phase":                  func(c *calls.Trial) { c.Phase = "" },
		"a method that is none":     func(c *calls.Trial) { c.Name, c.Body = "none", []byte(`{"fullMethod":"none","request":{}}`) },
		"an event that is none": func(c *calls.Trial) {
			c.Phase, c.Name, c.Target.Kind, c.Body = action.OnEvent, "user.added", action.Webhook, []byte("no JSON")
		},
		"an event for a call target": func(c *calls.Trial) { c.Phase, c.Name, c.Body = action.OnEvent, "user.added", event },
		"an event of another type": func(c *calls.Trial) {
			c.Phase, c.Name, c.Target.Kind, c.Body = action.OnEvent, "user.gone", action.Webhook, event
		},
		"an event of another instance": func(c *calls.Trial) {
			c.Phase, c.Name, c.Target.Kind, c.Body = action.OnEvent, "user.added", action.Webhook, []byte(`{"aggregateID":"a","event_type":"user.added","instanceID":"elsewhere"}`)
		},
	} {
		g.both(func(in at) {
			trial := in.trialOf(action.CallOut)
			change(&trial)
			line, err := json.Marshal(trial)
			require.NoError(t, err)
			msg := nats.NewMsg(wire.TestSubject(in.id))
			msg.Data = append(append(line, '\n'), trial.Body...)
			answer, err := nc.RequestMsg(msg, 10*time.Second)
			require.NoError(t, err, name)
			require.Equal(t, "400", answer.Header.Get(wire.HeaderStatus), "%s: %s", name, answer.Data)
			_, err = wire.DecodeReply(answer.Data)
			require.Contains(t, []action.Code{action.CodeBadField, action.CodeMalformed, action.CodeMismatch}, action.CodeOf(err), "%s: %v", name, err)
			require.NotContains(t, string(answer.Data), in.hooks.URL, name)
			require.Empty(t, in.hooks.got(in.id+"/hook"), name)
		})
	}
	require.Zero(t, w.Panics())
	g.both(func(in at) { // and goes on
		trial := in.trialOf(action.Webhook)
		trial.Phase, trial.Name, trial.Body = action.OnEvent, "user.added", event
		tried, err := in.try(trial)
		require.NoError(t, err)
		require.Equal(t, action.StepOK, tried.Outcome)
	})
}
