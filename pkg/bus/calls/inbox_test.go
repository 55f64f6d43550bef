package calls_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/calls"
	"github.com/callout-hq/callout/pkg/wire"
)

// key is a signing key of its own for each instance.
func key(n int) string {
	return "whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{byte(n + 1)}, 32))
}

// TestAnswersGoToInboxesAlone: what names another subject to be answered at is
// not served, so that no answer overwrites a key or is stored as an event.
func TestAnswersGoToInboxesAlone(t *testing.T) {
	s := bustest.Start(t)
	b, nc := s.Connect(t, bus.Options{}), s.Plain(t)
	pair := bustest.Pair(t, b)
	served := make(chan string, 1000)
	server, err := calls.Serve(b, calls.Bounds{}, func(_ context.Context, c *calls.IncomingCall) {
		served <- c.Instance
		_ = c.Reply([]byte(`{"forged":true}`))
	})
	require.NoError(t, err)
	trials, err := calls.ServeTrials(b, func(_ context.Context, trial calls.Trial) (calls.Tried, error) {
		served <- trial.Instance
		return calls.Tried{Outcome: action.StepOK}, nil
	})
	require.NoError(t, err)
	seen, err := nc.SubscribeSync(">")
	require.NoError(t, err)

	ctx := bustest.Within(t, 20*time.Second)
	asked := map[string]bool{}
	keys, last := [2]string{}, [2]uint64{}
	for n, i := range pair {
		keys[n], err = i.MakeSecret(ctx, "acme", "hook", key(n))
		require.NoError(t, err)
		last[n], err = i.LastSequence(ctx)
		require.NoError(t, err)
		for _, reply := range []string{
			"$KV.callout_secrets." + i.Token + ".acme.hook", "callout.event." + i.Token + ".acme.u.user.added", "callout.catalog." + i.Token,
			"callout.call." + i.Token + ".function.f", "callout.cancel", "$JS.API.STREAM.DELETE." + i.Events,
			"_INBOX", "_INBOX.", "_INBOX..a", "_INBOX.a.", "_INBOX.*", "_INBOX.a.>", "_INBOXES.a", "_inbox.a", "inbox.a",
		} {
			asked[reply] = true
			for _, timeout := range []string{"", "never"} { // what is refused is an answer too
				for _, subject := range []string{"callout.call." + i.Token + ".function.f", wire.TestSubject(i.ID)} {
					m := nats.NewMsg(subject)
					m.Reply, m.Data = reply, []byte("{}\n{}")
					m.Header.Set(wire.HeaderTimeout, timeout)
					require.NoError(t, nc.PublishMsg(m))
				}
			}
		}
		for _, inbox := range []string{"_INBOX.a." + i.Token, "_INBOX_core." + i.Token} {
			answer, err := nc.SubscribeSync(inbox)
			require.NoError(t, err)
			require.NoError(t, nc.PublishRequest("callout.call."+i.Token+".function.f", inbox, nil))
			m, err := answer.NextMsg(10 * time.Second)
			require.NoError(t, err, inbox)
			require.Equal(t, `{"forged":true}`, string(m.Data))
			require.NoError(t, nc.PublishRequest(wire.TestSubject(i.ID), inbox, []byte("no")))
			m, err = answer.NextMsg(10 * time.Second)
			require.NoError(t, err, inbox)
			require.Equal(t, "400", m.Header.Get(wire.HeaderStatus))
		}
	}
	require.NoError(t, server.Stop(bustest.Within(t, 20*time.Second)))
	require.NoError(t, trials.Stop(bustest.Within(t, 20*time.Second)))
	require.NoError(t, b.Conn().Flush())
	require.NoError(t, nc.Flush())
	for n, i := range pair {
		key, _, err := i.Secret(ctx, "acme", "hook")
		require.NoError(t, err)
		require.Equal(t, keys[n], key, "the key was overwritten")
		now, err := i.LastSequence(ctx)
		require.NoError(t, err)
		require.Equal(t, last[n], now, "an event was forged")
	}
	for {
		m, err := seen.NextMsg(time.Millisecond)
		if err != nil {
			break
		}
		require.False(t, asked[m.Subject] && m.Reply == "", "%s was answered: %s", m.Subject, m.Data)
	}
	require.Len(t, served, 4, "those of inboxes alone")
}

// TestOnlyTheAskerCancels: the whole subject that is answered at is what a call
// is known by, and a part of it is not.
func TestOnlyTheAskerCancels(t *testing.T) {
	s := bustest.Start(t)
	b, nc := s.Connect(t, bus.Options{}), s.Plain(t)
	entered, ended := make(chan string, 10), make(chan string, 10)
	hold := func(ctx context.Context, what string) {
		entered <- what
		<-ctx.Done()
		ended <- what
	}
	served(t, b, calls.Bounds{}, func(ctx context.Context, c *calls.IncomingCall) { hold(ctx, c.Name+" of "+c.Instance) })
	trying(t, b, func(ctx context.Context, trial calls.Trial) (calls.Tried, error) {
		hold(ctx, "test of "+trial.Instance)
		return calls.Tried{}, nil
	})
	await := func(from chan string, want string) {
		select {
		case got := <-from:
			require.Equal(t, want, got)
		case <-time.After(20 * time.Second):
			t.Fatal(want, "is missed")
		}
	}
	cancel := func(id string) { require.NoError(t, nc.Publish("callout.cancel", []byte(id))) }
	for n, id := range bustest.IDs {
		call := "callout.call." + b.Instance(id).Token + ".function."
		me := string(rune('a' + n))
		require.NoError(t, nc.PublishRequest(call+"victim", "_INBOX_core.x."+me+".1", nil))
		await(entered, "victim of "+id)
		require.NoError(t, nc.PublishRequest(wire.TestSubject(id), "_INBOX.y."+me+".1", []byte("{}\n{}")))
		await(entered, "test of "+id)
		require.NoError(t, nc.PublishRequest(call+"own", "_INBOX.z."+me+".1", nil))
		await(entered, "own of "+id)
		for _, part := range []string{"", ".", "1", ".1", me + ".1", "x." + me + ".1", "y." + me + ".1", "." + me + ".1", "z." + me + ".1", "_INBOX_core.x." + me, "_INBOX.*.*.1", "_INBOX.>",
			"_INBOX_core.x." + me + ".1 "} {
			cancel(part)
		}
		cancel("_INBOX.z." + me + ".1")
		await(ended, "own of "+id)
		require.Empty(t, ended, "parts cancel nothing")
		cancel("_INBOX_core.x." + me + ".1")
		await(ended, "victim of "+id)
		cancel("_INBOX.y." + me + ".1")
		await(ended, "test of "+id)
	}
}

// TestInboxes as servers write them, which no client may.
func TestInboxes(t *testing.T) {
	for reply, inbox := range map[string]string{
		"_INBOX.a":                        "_INBOX.a",
		"_INBOX_core1.a.b":                "_INBOX_core1.a.b",
		"_R_.abcdef.x":                    "_R_.abcdef.x",
		"_GR_.abcdef.ghijkl._INBOX.a.1":   "_INBOX.a.1",
		"_GR_.abcdef.ghijkl._R_.abcdef.x": "_R_.abcdef.x",
		"_GR_.abcdef.ghijkl.$KV.b.key":    "",
		"_GR_.abcdef._INBOX.a":            "",
		"_GR_._INBOX.a.b":                 "",
		"_GR_.a.b._GR_.a.b._INBOX.a":      "",
		"_GR_.":                           "",
		"$JS.ACK.a.b.1.1.1.1.0":           "",
		"_INBOX.a.$KV.b":                  "_INBOX.a.$KV.b",
		"$KV._INBOX.a":                    "",
		"":                                "",
	} {
		require.Equal(t, inbox != "", calls.IsInbox(reply), reply)
		if inbox != "" {
			require.Equal(t, inbox, calls.Asked(reply))
		}
	}
}

// TestInboxesAreNotGuessed from another of the same connection.
func TestInboxesAreNotGuessed(t *testing.T) {
	s := bustest.Start(t)
	inboxes := make(chan string, 100)
	served(t, s.Connect(t, bus.Options{}), calls.Bounds{}, func(_ context.Context, c *calls.IncomingCall) { _ = c.Reply([]byte(`{}`)) })
	nc := s.Plain(t)
	_, err := nc.Subscribe(wire.AllCalls, func(m *nats.Msg) { inboxes <- m.Reply })
	require.NoError(t, err)
	require.NoError(t, nc.Flush())
	seen := map[int]bool{}
	for range 20 {
		for _, i := range doors(t, s) {
			_, _ = i.Call(bustest.Within(t, 10*time.Second), question)
			inbox := <-inboxes
			last := inbox[len(inbox)-1]
			seen[int(last)] = true
			require.Greater(t, len(inbox), len("_INBOX.")+22+1+8, inbox)
		}
	}
	require.Greater(t, len(seen), 3)
}
