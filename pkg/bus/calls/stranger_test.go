package calls_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/wire"
)

// TestWhatAStrangerSaysIsNoAnswer: something that is no worker answers where they
// do. For who asked there is no worker.
func TestWhatAStrangerSaysIsNoAnswer(t *testing.T) {
	s := bustest.Start(t)
	nc := s.Plain(t)
	says := make(chan *nats.Msg, 1)
	for _, subject := range []string{wire.AllCalls, wire.AllTests} {
		_, err := nc.QueueSubscribe(subject, "callout-workers", func(m *nats.Msg) { _ = m.RespondMsg(<-says) })
		require.NoError(t, err)
	}
	require.NoError(t, nc.Flush())
	const good = `{"outcome":"continue","warnings":[],"steps":[],"revision":1}`
	for status, texts := range map[string][]string{
		"": {"", "x", "null", "7", "[]", "{}", `"yes"`, "{", good + "x", good[1:], `{"outcome":"great","revision":1}`, `{"outcome":""}`, `{"outcome":7}`,
			`{"outcome":"continue","request":7}`, `{"outcome":"continue","request":{no}}`, `{"outcome":"continue","request":{"a":` + "\xff" + `}}`,
			`{"outcome":"continue","response":{"a":1,"a":2}}`, `{"outcome":"continue","steps":[7]}`, `{"outcome":"continue","other":}`,
			`{"error":{}}`, `{"error":null}`, `{"error":{"code":"conflict"}}`, `{"error":{"code":"x y","status":409}}`},
		"409": {good, "", "x", "{}", `{"error":{}}`, `{"error":{"code":"conflict","status":0}}`, `{"error":{"code":"conflict","status":200}}`,
			`{"error":{"code":"conflict","status":1000}}`, `{"error":{"code":"","status":409}}`},
	} {
		for _, text := range texts {
			for _, i := range doors(t, s) {
				m := nats.NewMsg("")
				m.Data = []byte(text)
				if status != "" {
					m.Header.Set(wire.HeaderStatus, status)
				}
				says <- m
				_, err := i.Call(bustest.Within(t, 10*time.Second), question)
				require.Equal(t, action.CodeUnavailable, action.CodeOf(err), "call %s %q: %v", status, text, err)
				says <- m
				_, err = i.Try(bustest.Within(t, 10*time.Second), aTrial("{}"))
				require.Equal(t, action.CodeUnavailable, action.CodeOf(err), "test %s %q: %v", status, text, err)
			}
		}
	}
	for _, i := range doors(t, s) { // a refusal of a worker, also one whose code is newer than we are
		m := nats.NewMsg("")
		m.Header.Set(wire.HeaderStatus, "409")
		m.Data = []byte(`{"error":{"code":"to_come","status":409,"message":"m"}}`)
		says <- m
		_, err := i.Call(bustest.Within(t, 10*time.Second), question)
		bustest.Code(t, "to_come", err)
	}
}
