package node_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/bus/letters"
	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/wire"
)

// markers are those that somebody else may put into the event stream, and what
// readiness says while they hold the lines up; "" = they are taken out.
var markers = map[string]struct{ body, holds string }{
	wrongJSON: {"{", ""}, wrongType: {`["a"]`, ""}, empty: {"", ""}, null: {"null", ""}, tooHuge: {string(huge), ""},
	notText: {"{\"revision\":2,\"\xff\":1}", ""}, "of another name": {`{"rev":2}`, ""}, older: {`{"revision":1}`, ""}, "again": {`{"revision":2}`, ""},
	"older behind wrong JSON": {"{\n{\"revision\":1}", ""},
	"ahead":                   {`{"revision":77}`, "revision 77"}, newer: {`{"format":99,"revision":2}`, "newer"},
}

// TestAStrangersMarkerIsNotBelieved: the lines wait until it is taken out, or while
// readiness tells of it. No event is acknowledged unsent, and the other instance
// does not notice.
func TestAStrangersMarkerIsNotBelieved(t *testing.T) {
	t.Parallel()
	p := newPoisoned(t)
	for _, kind := range slices.Sorted(maps.Keys(markers)) {
		t.Run(kind, func(t *testing.T) {
			p.t = t
			m := markers[kind]
			subject, events := wire.Marker(twoInstances[0]), p.bus.Instance(twoInstances[0]).Events
			spoil := func() {
				for body := range strings.SplitSeq(m.body, "\n") {
					p.put(subject, []byte(body))
				}
			}
			for _, when := range []string{"live", "restarted"} {
				p.log.take()
				if when == "live" {
					spoil()
				} else {
					p.restart(spoil)
				}
				p.mustWork(1, when)
				if m.holds == "" {
					p.mustWork(0, when)
					continue
				}
				require.True(t, p.says(m.holds), "%s: %s", when, lastLines(p.log.text(), 12))
				stands, err := p.stream(events).GetLastMsgForSubject(t.Context(), subject)
				require.NoError(t, err)
				require.NoError(t, p.stream(events).DeleteMsg(t.Context(), stands.Sequence))
				p.mustWork(0, when)
			}
		})
	}
}

// many are more than a line without an order has places for.
const many = 300

// messages are those that somebody else puts where deliveries lie, and dead letters.
func messages() map[string]*nats.Msg {
	i := twoInstances[0]
	async, redrive, letter := wire.AsyncSubject(i, "", "later"), wire.RedriveSubject(i, "dlv_x"), wire.DeadSubject(i, "dlv_x")
	facts := func(subject, text string) *nats.Msg {
		return &nats.Msg{Subject: subject, Data: []byte("{}"), Header: nats.Header{"Callout-Dead-Letter": {text}, "Callout-Dead-Place": {"1"}}}
	}
	with := func(m *nats.Msg, name, value string) *nats.Msg {
		m.Header.Set(name, value)
		return m
	}
	good := fmt.Sprintf(`{"delivery_id":"dlv_x","instance":%q,"target":"gone"}`, i)
	all := map[string]*nats.Msg{
		"async " + empty: {Subject: async}, "async " + tooHuge: {Subject: async, Data: huge[:16<<10]}, "async without an id": {Subject: async, Data: []byte("{}")},
		"async " + notText:         {Subject: async, Data: []byte("\xff"), Header: nats.Header{"Callout-Phase": {"\xff"}}},
		"async of a newer form":    {Subject: async, Data: []byte("{}"), Header: nats.Header{"Callout-Format": {"99"}, "Callout-Delivery": {"01ARZ3NDEKTSV4RRFFQ69G5FAV"}}},
		"async of no form":         {Subject: async, Data: []byte("{}"), Header: nats.Header{"Callout-Format": {"x"}, "Callout-Delivery": {"01ARZ3NDEKTSV4RRFFQ69G5FAV"}}},
		"redrive without facts":    {Subject: redrive, Data: []byte("{}")},
		"redrive of a newer form":  with(facts(redrive, good), "Callout-Format", "99"),
		"redrive of no place":      with(facts(redrive, good), "Callout-Dead-Place", "x"),
		"redrive of a body apart":  with(facts(redrive, good), "Callout-Dead-Body", "1"),
		"redrive of a long name":   facts(redrive, fmt.Sprintf(`{"delivery_id":%q,"instance":%q}`, strings.Repeat("x", 5000), i)),
		"redrive of a long target": facts(redrive, fmt.Sprintf(`{"delivery_id":"dlv_x","instance":%q,"target":%q}`, i, strings.Repeat("x", 5000))),
		"letter without facts":     {Subject: letter, Data: []byte("{}")},
		"letter of a newer form":   with(facts(letter, good), "Callout-Format", "99"),
	}
	for name, text := range map[string]string{wrongJSON: "{", wrongType: `["a"]`, empty: " ", null: "null", notText: "{\"target\":\"\xff\"}", otherName: `{"delivery_id":"other"}`} {
		all["redrive with facts of "+name], all["letter with facts of "+name] = facts(redrive, text), facts(letter, text)
	}
	return all
}

// TestWhatCannotBeDeliveredHoldsNobodyUp: more of what somebody else put among the
// deliveries than a line has places for becomes dead letters, and the line goes on.
func TestWhatCannotBeDeliveredHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	p := newPoisoned(t)
	for _, kind := range slices.Sorted(maps.Keys(messages())) {
		t.Run(kind, func(t *testing.T) {
			p.t = t
			p.log.take()
			msg := messages()[kind]
			if isLetter := strings.HasPrefix(msg.Subject, "callout.dead."); isLetter {
				p.putMsg(msg)
			} else {
				for range many {
					_, err := p.js.PublishMsgAsync(msg)
					require.NoError(t, err)
				}
				<-p.js.PublishAsyncComplete()
			}
			for _, when := range []string{"live", "restarted"} {
				if when == "restarted" {
					p.restart(func() {})
				}
				p.mustWork(1, when)
				p.mustWork(0, when)
				p.drains(when)
			}
			i := letters.Of(p.bus.Instance(twoInstances[0]))
			_, err := i.All(t.Context())
			require.NoError(t, err)
			require.NoError(t, p.stream(i.Dead).Purge(t.Context()))
		})
	}
}

// drains waits until nothing waits in a line without an order.
func (p *poisoned) drains(when string) {
	p.t.Helper()
	i := lines.Of(p.bus.Instance(twoInstances[0]))
	all, err := i.List(p.t.Context())
	require.NoError(p.t, err)
	for _, l := range all {
		for end := time.Now().Add(comesWithin); l.Async; time.Sleep(comesSoon) {
			backlog, err := i.Backlog(p.t.Context(), l)
			require.NoError(p.t, err)
			if backlog.Lag() == 0 {
				break
			}
			require.False(p.t, time.Now().After(end), "%s: %d wait in %s; %s", when, backlog.Lag(), l.Name, lastLines(p.log.text(), 6))
		}
	}
}
