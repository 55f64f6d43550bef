package cli_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"

	"connectrpc.com/connect"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

// twinID is the instance that a fleet has beside the one of its test: the same
// configuration, with the same names, for a target of its own with a key of its
// own, and an organization's execution beside the instance's. What is published
// is published there too, under the same ids, for that organization. Its target
// takes everything: what happens to the test's target and lines must not be seen
// in the twin, and what happens to the processes must do it no harm.
const (
	twinID       = "twin"
	twinOrg      = "acme"
	twinVariable = "TARGET_SECRET_OF_TWIN"
	besidePath   = "/beside" // of the organization's target
	besideTwins  = "\norgs: {" + twinOrg + ": {targets: {beside: {type: webhook, url: \"URL" + besidePath + "\", KEY}}, events: {'*': {targets: [{target: beside}]}}}}\n"
)

// twin is that instance as a test knows it.
type twin struct {
	tg *target

	mu    sync.Mutex
	acked map[uint64]string // the bodies of its events, by their sequence
}

// newTwin makes the target of a twin. It is there before the dispatcher, which
// has its key.
func newTwin(t *testing.T, beside *target) *twin {
	t.Helper()
	w := &twin{tg: newTarget(t, nil), acked: map[uint64]string{}}
	beside.twin = w
	return w
}

// apply puts a configuration in force in the twin, if the dispatcher is there.
func (w *twin) apply(ctx context.Context, dispatcher *process, config string, more ...string) error {
	if !strings.Contains(config, "orgs:") { // which has its own then
		config += besideTwins
	}
	text := "instance: " + twinID + "\n" + fill(w.tg, strings.ReplaceAll(config, "KEY", "signing_key: {env: "+twinVariable+"}"), more...)
	transport := &http.Transport{DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	client := calloutv1connect.NewActionServiceClient(&http.Client{Transport: transport}, dispatcher.ready["http"])
	_, err := client.Apply(ctx, connect.NewRequest(&calloutv1.ApplyRequest{Configuration: text, Prune: true}))
	return err
}

// publish stores an event that was stored for the test's instance.
func (w *twin) publish(ctx context.Context, js jetstream.JetStream, aggregate, eventType, id string, body []byte) (sequence uint64, err error) {
	own := `{"instanceID":"` + twinID + `",` + strings.TrimPrefix(string(body), "{")
	ack, err := js.Publish(ctx, "callout.event."+twinID+"."+twinOrg+"."+aggregate+"."+eventType, []byte(own), jetstream.WithMsgID(id))
	if err != nil {
		return 0, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.acked[ack.Sequence] = own
	return ack.Sequence, nil
}

// facts are what a body says of its event.
type facts struct {
	Instance  string `json:"instanceID"`
	Aggregate string `json:"aggregateID"`
	Type      string `json:"event_type"`
}

func factsOf(t *testing.T, a arrival) facts {
	t.Helper()
	var f facts
	require.NoError(t, json.Unmarshal([]byte(a.body), &f))
	return f
}

// check holds what the twin got against one rule: each event of it arrived, byte
// for byte, where the same event of the test's instance is expected and at its
// organization's; the events of an aggregate first arrived in their order, but at
// the targets that keep none; and nothing of one instance reached the other.
// expected gives the paths for a type of event.
func (w *twin) check(t *testing.T, beside *target, unordered string, expected func(eventType string) []string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	type place struct {
		path     string
		sequence uint64
	}
	owed := map[place]string{}
	for sequence, body := range w.acked {
		for _, path := range append(expected(factsOf(t, arrival{body: body}).Type), besidePath) {
			owed[place{path, sequence}] = body
		}
	}
	all := w.tg.await(t, bound, "the twin's events", func(all []arrival) bool {
		there := map[place]bool{}
		for _, a := range all {
			if a.delivery != "" {
				there[place{a.path, a.sequence}] = true
			}
		}
		return len(there) >= len(owed)
	})
	last, seen := map[string]uint64{}, map[place]bool{}
	for _, a := range all {
		if a.delivery == "" || factsOf(t, a).Type == "" {
			continue // of a call
		}
		at, f := place{a.path, a.sequence}, factsOf(t, a)
		require.Equal(t, owed[at], a.body, "%s got what is not the twin's", a.path)
		if seen[at] {
			continue
		}
		seen[at] = true
		if in := a.path + " " + f.Aggregate; unordered == "" || a.path != unordered {
			require.Greater(t, a.sequence, last[in], "an event overtook another in the twin: %s", in)
			last[in] = a.sequence
		}
	}
	require.Len(t, seen, len(owed))
	for _, a := range beside.seen() {
		require.NotEqual(t, twinID, factsOf(t, a).Instance, "%s got what is the twin's", a.path)
	}
}

// everywhere expects each event at the same paths.
func everywhere(paths ...string) func(string) []string {
	return func(string) []string { return paths }
}
