package work

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// flood is many calls of one instance, whose answers come to one place.
type flood struct {
	at
	answers *nats.Subscription
	inbox   string
}

func (in at) flood(n int, function string, header nats.Header) flood {
	in.Helper()
	inbox := in.nc.NewInbox()
	answers, err := in.nc.SubscribeSync(inbox)
	require.NoError(in, err)
	require.NoError(in, answers.SetPendingLimits(-1, -1))
	for range n {
		require.NoError(in, in.nc.PublishMsg(&nats.Msg{Subject: "callout.call." + in.bus.Token + ".function." + function,
			Reply: inbox, Header: header, Data: []byte(`{}`)}))
	}
	require.NoError(in, in.nc.Flush())
	return flood{in, answers, inbox}
}

// codes counts the next n answers by the code of their error or warning; "" =
// there is none.
func (f flood) codes(n int) map[action.Code]int {
	f.Helper()
	all := map[action.Code]int{}
	for range n {
		m, err := f.answers.NextMsg(30 * time.Second)
		require.NoError(f, err, "%v", all)
		all[codeOf(m.Data)]++
	}
	return all
}

func codeOf(answer []byte) action.Code {
	r, err := wire.DecodeReply(answer)
	switch {
	case err != nil:
		return action.CodeOf(err)
	case r.Error != nil:
		return r.Error.Code
	case len(r.Warnings) > 0:
		return r.Warnings[0].Code
	}
	return ""
}

const twoFunctions = `targets: {hang: {type: webhook, url: HOOKS/hang, timeout: 4m}, hook: {type: webhook, url: HOOKS/hook}}
functions: {hang: {targets: [{target: hang}]}, f: {targets: [{target: hook}]}}`

// TestWhoWaitsForARevisionStopsNobody: calls that ask for a revision that does not
// come, or cannot be meant, take nothing from those that ask for none.
func TestWhoWaitsForARevisionStopsNobody(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(twoFunctions)
	g.worker()
	g.both(func(in at) {
		header := func(revision string) nats.Header {
			return nats.Header{wire.HeaderMinRevision: {revision}, wire.HeaderTimeout: {"10m"}}
		}
		never := in.flood(1044, "f", header("18446744073709551615"))
		require.Equal(t, map[action.Code]int{action.CodeBadField: 1044}, never.codes(1044), "refused at once")
		later := in.flood(1044, "f", header("3"))
		require.Equal(t, map[action.Code]int{action.CodeBusy: 1044 - 512}, later.codes(1044-512), "more than may wait")
		for _, other := range instances {
			r, err := g.at(other).call("f", `{}`)
			require.NoError(t, err)
			require.Equal(t, action.Continue, r.Outcome)
		}
		in.apply(twoFunctions + "\n# a comment is no edit")
		in.apply("targets: {hook: {type: webhook, url: HOOKS/hook}}\nfunctions: {f: {targets: [{target: hook}]}}")
		in.apply(twoFunctions)
		require.Equal(t, map[action.Code]int{"": 512}, later.codes(512), "it has come")
	})
}

// TestATargetThatHangsStopsNobody: it is flooded with more calls than a worker
// takes, limited by itself or not. Another target of its instance, and one of the
// other instance, are called as ever; what it is flooded with is told that it is
// busy.
func TestATargetThatHangsStopsNobody(t *testing.T) {
	for name, limit := range map[string]string{"without a limit": "", "with a limit": ", concurrency: 5"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGround(t)
			release := make(chan struct{})
			open := sync.OnceFunc(func() { close(release) })
			t.Cleanup(open)
			g.both(func(in at) {
				g.hooks.answer(in.id+"/hang", func(http.ResponseWriter, *http.Request) { <-release })
			})
			g.apply(`targets: {hang: {type: webhook, url: HOOKS/hang, timeout: 4m` + limit + `}, hook: {type: webhook, url: HOOKS/hook}}
functions: {hang: {targets: [{target: hang}]}, f: {targets: [{target: hook}]}}`)
			g.worker(func(o *Options) { o.Calls = 20 })
			north := g.at("north")
			flood := north.flood(120, "hang", nats.Header{wire.HeaderTimeout: {"5m"}})
			require.Equal(t, map[action.Code]int{action.CodeBusy: 30}, flood.codes(30), "more than may wait for it")
			g.both(func(in at) {
				for range 50 {
					r, err := in.call("f", `{}`)
					require.NoError(t, err)
					require.Empty(t, r.Warnings)
				}
			})
			open()
			rest := flood.codes(90)
			require.Greater(t, rest[""], 40, "what waited is called: %v", rest)
			g.both(func(in at) { in.got("hook", 50) })
		})
	}
}
