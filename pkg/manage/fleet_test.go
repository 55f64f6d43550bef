package manage_test

import (
	"fmt"
	"net/http"
	"testing"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/node"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

const fleetConfig = `targets:
  hook: {type: webhook, url: "http://127.0.0.1:1/hook", retry: {initial: 1h, max: 1h}}
  gone: {type: webhook, url: "http://127.0.0.1:1/gone", retry: {attempts: 1}}
  held: {type: webhook, url: "http://127.0.0.1:1/held", paused: true}
events:
  user.added: {targets: [{target: hook}, {target: gone}, {target: held}]}
`

// TestStatusOfAFleet has a line that fails, one that is paused and a dead letter
// in one instance, and nothing in its twin.
func TestStatusOfAFleet(t *testing.T) {
	t.Parallel()
	n := run(t, fleetConfig, func(o *node.Options) { o.Version = "v1.2.3" })
	c := plain(t, n)
	store(t, n, `[{"aggregateID":"u1","event_type":"user.added"},{"aggregateID":"u1","event_type":"user.added"}]`)
	var instances []*calloutv1.Instance
	require.Eventually(t, func() bool {
		instances = ask(t, c.ListInstances, &calloutv1.ListInstancesRequest{}).GetInstances()
		require.Len(t, instances, 2)
		return instances[0].GetFailing() == 1 && instances[0].GetDeadLetters() == 2 && instances[0].GetWaiting()+instances[0].GetInWork() == 4 && instances[0].GetLeader() != ""
	}, bound, lookEvery, "%v", instances)
	one, twin := instances[0], instances[1]
	require.Equal(t, "default", one.GetInstance())
	require.Equal(t, "twin", twin.GetInstance())
	require.EqualValues(t, 1, one.GetPaused())
	require.EqualValues(t, 4, one.GetLines(), "three subscriptions, and what is sent again")
	require.EqualValues(t, 2, one.GetBehind(), "behind the failing event and the pause")
	require.EqualValues(t, 4, one.GetWaiting()+one.GetInWork())
	require.Zero(t, twin.GetFailing()+twin.GetBehind()+twin.GetStopped()+twin.GetLost())
	require.Zero(t, twin.GetDeadLetters()+twin.GetWaiting())
	require.EqualValues(t, 1, twin.GetPaused())

	var status *calloutv1.GetStatusResponse
	require.Eventually(t, func() bool {
		status = ask(t, c.GetStatus, &calloutv1.GetStatusRequest{})
		return status.GetWorkerCount() == 1 && status.GetDispatcherCount() == 1
	}, bound, lookEvery)
	require.True(t, status.GetReady(), status.GetNotReady())
	require.True(t, status.GetNats().GetConnected())
	require.NotEmpty(t, status.GetNats().GetVersion())
	require.Positive(t, status.GetNats().GetStreams())
	require.Equal(t, "v1.2.3", status.GetWorkers()[0].GetVersion())
	require.Equal(t, one.GetLeader(), status.GetDispatchers()[0].GetId())
	require.EqualValues(t, 2, status.GetInstanceCount())
	workers := ask(t, c.ListWorkers, &calloutv1.ListWorkersRequest{})
	require.Len(t, workers.GetWorkers(), 1)
	require.Empty(t, workers.GetNextPageToken())
	require.Equal(t, "worker", workers.GetWorkers()[0].GetRole())

	page := ask(t, c.ListInstances, &calloutv1.ListInstancesRequest{PageSize: 1})
	require.Equal(t, "default", page.GetNextPageToken())
	page = ask(t, c.ListInstances, &calloutv1.ListInstancesRequest{PageSize: 1, PageToken: page.GetNextPageToken()})
	require.Equal(t, "twin", page.GetInstances()[0].GetInstance())
	require.Empty(t, page.GetNextPageToken())
	refused(t, connect.CodeInvalidArgument, c.ListInstances, &calloutv1.ListInstancesRequest{PageSize: 101})
	refused(t, connect.CodeInvalidArgument, c.ListWorkers, &calloutv1.ListWorkersRequest{PageToken: "x"})
}

// TestListEvents lists what is stored of one instance, and nothing of its twin.
func TestListEvents(t *testing.T) {
	t.Parallel()
	n := run(t, fleetConfig, nil)
	c := plain(t, n)
	for k := range 5 {
		store(t, n, fmt.Sprintf(`{"aggregateID":"u%d","event_type":"group.added","event_payload":%d}`, k%2, k))
	}
	page := ask(t, c.ListEvents, &calloutv1.ListEventsRequest{PageSize: 2, Filter: &calloutv1.EventFilter{Type: "group.*"}})
	require.Len(t, page.GetEvents(), 2)
	require.Greater(t, page.GetEvents()[0].GetSequence(), page.GetEvents()[1].GetSequence())
	require.JSONEq(t, `{"aggregateID":"u0","event_type":"group.added","event_payload":4}`, string(page.GetEvents()[0].GetBody()))
	next := ask(t, c.ListEvents, &calloutv1.ListEventsRequest{PageSize: 100, PageToken: page.GetNextPageToken(), Filter: &calloutv1.EventFilter{Type: "group.*"}})
	require.Len(t, next.GetEvents(), 3)
	require.Empty(t, next.GetNextPageToken())
	of := ask(t, c.ListEvents, &calloutv1.ListEventsRequest{Filter: &calloutv1.EventFilter{AggregateId: "u1"}})
	require.Len(t, of.GetEvents(), 2)
	require.Equal(t, "u1", of.GetEvents()[0].GetAggregateId())
	require.Empty(t, ask(t, c.ListEvents, &calloutv1.ListEventsRequest{Instance: "twin"}).GetEvents())
	refused(t, connect.CodeInvalidArgument, c.ListEvents, &calloutv1.ListEventsRequest{Filter: &calloutv1.EventFilter{Type: "user*"}})
	refused(t, connect.CodeInvalidArgument, c.ListEvents, &calloutv1.ListEventsRequest{PageToken: "-1"})
	refused(t, connect.CodeNotFound, c.ListEvents, &calloutv1.ListEventsRequest{Instance: "nobody"})
}

// store stores events of the default instance, as a core does.
func store(t *testing.T, n *node.Node, events string) {
	t.Helper()
	status, answer := post(t, n.HTTPURL()+"/v1/instances/default/events", events, nil)
	require.Equal(t, http.StatusAccepted, status, answer)
}
