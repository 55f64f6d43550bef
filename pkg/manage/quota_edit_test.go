package manage_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/callout-hq/callout/pkg/node"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// TestAnEditIsMadeWhenStorageIsUsedUp, in two instances whose targets are away: in one the
// edit that mends the target, in the other that which takes it out with all that waits.
// Events are refused all the same, until what waits is gone or the quota is raised.
func TestAnEditIsMadeWhenStorageIsUsedUp(t *testing.T) {
	t.Parallel()
	o := newObedient(t, http.StatusOK)
	n := run(t, "", func(o *node.Options) { o.AllowUndeclared = true })
	c := plain(t, n)
	publish := func(instance string, size int) (int, string) {
		return post(t, n.HTTPURL()+"/v1/instances/"+instance+"/events", `{"aggregateID":"u","event_type":"user.added","event_payload":{"of":"`+strings.Repeat("x", size)+`"}}`, nil)
	}
	const quota = 1 << 20
	for _, instance := range []string{"mended", "discarded"} {
		ask(t, c.CreateInstance, &calloutv1.CreateInstanceRequest{Instance: instance})
		ask(t, c.Apply, &calloutv1.ApplyRequest{Instance: instance, Configuration: `
targets: {away: {type: webhook, url: "http://127.0.0.1:1/", retry: {initial: 50ms, max: 50ms}}}
events: {user.added: {targets: [{target: away}]}}`})
		ask(t, c.SetQuota, &calloutv1.SetQuotaRequest{Instance: instance, Quota: &calloutv1.Quota{Storage: quota}})
		require.Eventually(t, func() bool { // looks put the bound right, until not even the smallest has room
			status, answer := publish(instance, 0)
			for _, size := range []int{100 << 10, 10 << 10, 0} {
				for status := 202; status == 202; {
					status, _ = publish(instance, size)
				}
			}
			return status == 409 && strings.Contains(answer, `raised (callout set quota --storage)`)
		}, bound, 1200*time.Millisecond)
		for range 20 { // each of them has its marker
			ask(t, c.UpdateTarget, &calloutv1.UpdateTargetRequest{Instance: instance, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"labels"}},
				Target: &calloutv1.Target{Name: "away", Labels: map[string]string{"at": time.Now().Format("150405.000000")}}})
		}
		require.Eventually(t, func() bool { status, _ := publish(instance, 0); return status == 409 }, bound, lookEvery, "the room of an edit is not that of events")
		usage := ask(t, c.DescribeInstance, &calloutv1.DescribeInstanceRequest{Instance: instance}).GetUsage()
		require.Less(t, usage.GetStoredBytes(), uint64(quota+quota/8), "an edit is small")
	}
	ask(t, c.UpdateTarget, &calloutv1.UpdateTargetRequest{Instance: "mended", UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"url"}}, Target: &calloutv1.Target{Name: "away", Url: o.URL}})
	require.Eventually(t, func() bool {
		s := ask(t, c.ListSubscriptions, &calloutv1.ListSubscriptionsRequest{Instance: "mended", Name: "user.added/away"}).GetSubscriptions()
		return len(s) == 1 && s[0].GetWaiting() == 0 && s[0].GetInWork() == 0 && len(o.seen()) > 10
	}, bound, lookEvery, "what waited is delivered")
	ask(t, c.DeleteTarget, &calloutv1.DeleteTargetRequest{Instance: "discarded", Name: "away", Force: true, Waiting: calloutv1.Waiting_WAITING_DISCARD})
	require.NotEmpty(t, ask(t, c.ListDeadLetters, &calloutv1.ListDeadLettersRequest{Instance: "discarded"}).GetDeadLetters())
	for _, instance := range []string{"mended", "discarded"} {
		ask(t, c.SetQuota, &calloutv1.SetQuotaRequest{Instance: instance, Quota: &calloutv1.Quota{Storage: 8 * quota}})
		status, answer := publish(instance, 0)
		require.Equal(t, 202, status, "the quota can be raised: %s", answer)
	}
}
