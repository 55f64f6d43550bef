package calloutproto_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/callout/calloutproto"
	"github.com/callout-hq/callout/pkg/node"
)

// atOnce is how long a call may take that cannot be made. The client's own time
// for a call is ten times that.
const atOnce = time.Second

// TestWithoutNATS is the same service with no NATS anywhere, and no conditions
// known.
func TestWithoutNATS(t *testing.T) {
	address := freeAddress(t)
	for _, row := range []struct {
		onUnknown action.OnUnavailable
		handled   int
	}{{"", 0}, {action.UnavailableFail, 0}, {action.UnavailableContinue, 1}} {
		t.Run("on unknown "+string(row.onUnknown), func(t *testing.T) {
			var mu sync.Mutex
			var warned []calloutproto.Warned
			client := newClient(t, callout.Options{URL: "nats://" + address, OnUnknown: row.onUnknown, Exempt: []string{"/acme.user.v1.AdminService"}})
			o := calloutproto.Options{Client: client, OnWarnings: func(_ context.Context, w calloutproto.Warned) {
				mu.Lock()
				defer mu.Unlock()
				warned = append(warned, w)
			}}
			eachFramework(t, o, func(t *testing.T, s *service) {
				warned = nil
				began := time.Now()
				_, err := s.create(within(t, 10*atOnce), ada())
				require.Less(t, time.Since(began), atOnce)
				require.Len(t, s.handled, row.handled)
				if row.handled == 0 {
					code, message := s.told(err)
					require.Equal(t, []any{calloutproto.Unavailable, "no worker is available"}, []any{code, message})
				} else {
					require.NoError(t, err)
					require.Len(t, warned, 2, "going on is told, for the request and for the response")
					require.Equal(t, action.CodeUnavailable, warned[0].Warnings[0].Code)
				}
				_, err = s.admin(within(t, 10*atOnce), ada())
				require.NoError(t, err, "what is exempt needs nobody")
			})
		})
	}
}

// comeAndGo has a method that a target changes and that must not go on without
// it, and one that may.
const comeAndGo = `
targets:
  change: {type: call, url: HOOKS/change, interrupt_on_error: true}
  nice: {type: call, url: HOOKS/nice}
requests:
  /acme.user.v1.UserService/CreateUser: {targets: [{target: change}]}
  /acme.user.v1.AdminService/CreateUser: {targets: [{target: nice}]}
`

// TestNATSComesAndGoes starts the service before there is a NATS, brings one,
// stops it, and brings it back.
func TestNATSComesAndGoes(t *testing.T) {
	hooks := newTargets(t)
	hooks.answer("change", `{"user":{"displayName":"Ada"}}`)
	address, data := freeAddress(t), t.TempDir()
	client := newClient(t, callout.Options{URL: "nats://" + address})
	s := connectService(t, calloutproto.Options{Client: client})
	run := func() (stop func()) {
		_, stop = startNode(t, hooks, comeAndGo, func(o *node.Options) { o.NATSListen, o.Data = address, data })
		return stop
	}
	changed := func() bool {
		answer, err := s.create(within(t, 10*atOnce), ada())
		return err == nil && answer.User.DisplayName == "Ada"
	}
	_, err := s.create(within(t, 10*atOnce), ada())
	code, _ := s.told(err)
	require.Equal(t, calloutproto.Unavailable, code)
	select {
	case <-client.Loaded():
		require.Fail(t, "loaded without NATS")
	default:
	}

	stop := run()
	select {
	case <-client.Loaded():
	case <-time.After(15 * time.Second):
		require.Fail(t, "NATS is there, the conditions are not")
	}
	require.True(t, changed())

	stop()
	// What is on its way when the connection breaks is not answered.
	require.Eventually(t, func() bool {
		_, err := s.create(within(t, atOnce/4), ada())
		code, _ := s.told(err)
		return code == calloutproto.Unavailable
	}, time.Minute, time.Millisecond)
	began := time.Now()
	_, err = s.create(within(t, 10*atOnce), ada())
	code, _ = s.told(err)
	require.Equal(t, calloutproto.Unavailable, code, "the last known conditions: its target interrupts")
	_, err = s.admin(within(t, 10*atOnce), ada())
	require.NoError(t, err, "the last known conditions: its target does not")
	require.Less(t, time.Since(began), atOnce)

	run()
	require.Eventually(t, changed, 15*time.Second, 10*time.Millisecond)
}
