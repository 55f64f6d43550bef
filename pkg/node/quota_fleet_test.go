package node_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/dispatch"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// The rate of each instance, and how long it is looked at.
const (
	fleetRate = 20
	lookFor   = 3 * time.Second
)

// TestARateOfAQuotaIsOneOfTheFleet: two dispatchers let through together as many events as
// one would, two workers as many calls, of each of two instances; and when one of them
// has gone, the other lets through all of it.
func TestARateOfAQuotaIsOneOfTheFleet(t *testing.T) {
	t.Parallel()
	v, key := newVault(t), sealKey(t)
	first, _ := v.dispatcher(&key)
	second, stopDispatcher := v.dispatcher(&key)
	v.worker(key)
	stopWorker := v.worker(key)
	for _, id := range twoInstances {
		_, err := api(first).CreateInstance(within(t, 20*time.Second), connect.NewRequest(&calloutv1.CreateInstanceRequest{Instance: id}))
		require.NoError(t, err)
		_, err = api(first).Apply(within(t, 20*time.Second), connect.NewRequest(&calloutv1.ApplyRequest{Instance: id,
			Configuration: "targets: {call: {type: call, url: " + v.hooks[id].URL + "/call}}\nrequests: {/s.S/A: {targets: [{target: call}]}}"}))
		require.NoError(t, err)
		_, err = api(first).SetQuota(within(t, 20*time.Second), connect.NewRequest(&calloutv1.SetQuotaRequest{Instance: id, Quota: &calloutv1.Quota{Events: fleetRate, Calls: fleetRate}}))
		require.NoError(t, err)
		v.cores[id], err = callout.Connect(within(t, 10*time.Second), callout.Options{URL: v.server.URL(), Instance: id, Log: zerolog.Nop()})
		require.NoError(t, err)
		t.Cleanup(v.cores[id].Close)
	}
	n := atomic.Int64{}
	events := func(among ...*dispatch.Dispatcher) func(string) bool {
		return func(id string) bool {
			at := n.Add(1)
			resp, err := http.Post(among[at%int64(len(among))].URL()+"/v1/instances/"+id+"/events", "application/json",
				strings.NewReader(fmt.Sprintf(`{"aggregateID":"u%d","event_type":"user.left"}`, at)))
			require.NoError(t, err)
			_, _ = io.Copy(io.Discard, resp.Body)
			require.NoError(t, resp.Body.Close())
			require.Contains(t, []int{http.StatusAccepted, http.StatusTooManyRequests}, resp.StatusCode)
			return resp.StatusCode == http.StatusAccepted
		}
	}
	calls := func(id string) bool {
		_, err := v.cores[id].Request(within(t, 20*time.Second), callout.Call{Method: "/s.S/A", OrgID: "acme", Request: []byte(`{}`)})
		require.Contains(t, []action.Code{"", action.CodeTooManyRequests}, action.CodeOf(err))
		return err == nil
	}
	whole := int(lookFor/time.Second) * fleetRate
	asOne := func(what string, do func(string) bool) {
		t.Helper()
		require.Eventually(t, func() bool {
			for id, had := range through(do) {
				t.Logf("%s of %s: %d", what, id, had)
				if had > whole+fleetRate+fleetRate/4 || had < whole*3/4 { // what a second's may be had at once, and a little for how long it took
					return false
				}
			}
			return true
		}, time.Minute, time.Millisecond, "%s of each instance in %s", what, lookFor)
	}
	asOne("events at two dispatchers", events(first, second))
	asOne("calls at two workers", calls)
	stopDispatcher()
	stopWorker()
	asOne("events at one dispatcher", events(first))
	asOne("calls at one worker", calls)
}

// through does something as often as it goes in a while, in both instances at once, and
// tells how often it went through.
func through(do func(string) bool) map[string]int {
	had := map[string]*atomic.Int64{}
	var all sync.WaitGroup
	end := time.Now().Add(lookFor)
	for _, id := range twoInstances {
		had[id] = new(atomic.Int64)
		for range 2 {
			all.Go(func() {
				for time.Now().Before(end) {
					if do(id) {
						had[id].Add(1)
					}
					time.Sleep(2 * time.Millisecond) // who is refused asks no faster than this
				}
			})
		}
	}
	all.Wait()
	out := map[string]int{}
	for id, n := range had {
		out[id] = int(n.Load())
	}
	return out
}
