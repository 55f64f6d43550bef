package manage_test

import (
	"testing"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/manage"
	"github.com/callout-hq/callout/pkg/node"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// TestInstancesByEveryWay makes, describes and deletes an instance, beside another
// one with the same names, by every way of speaking to the service. Nothing makes
// one by the way.
func TestInstancesByEveryWay(t *testing.T) {
	t.Parallel()
	const text = "targets: {hook: {type: webhook, url: 'https://a.example', paused: true}}\nevents: {user.added: {targets: [{target: hook}]}}\n" +
		"orgs: {acme: {targets: {hook: {type: webhook, url: 'https://a.example'}}}}"
	for _, w := range wires {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			c := client(t, run(t, text, func(o *node.Options) { o.MakeInstances = false }).HTTPURL(), w)
			const id = "größe 2"
			_ = refused(t, connect.CodeNotFound, c.DescribeInstance, &calloutv1.DescribeInstanceRequest{Instance: id})
			for _, dry := range []bool{true, false} {
				err := refused(t, connect.CodeNotFound, c.Apply, &calloutv1.ApplyRequest{Instance: id, Configuration: text, DryRun: dry})
				require.Equal(t, "unknown_instance", manage.Detail(err).GetCode())
			}
			err := refused(t, connect.CodeNotFound, c.CreateTarget, &calloutv1.CreateTargetRequest{Instance: id, Target: &calloutv1.Target{Name: "a", Type: "webhook", Url: "https://a.example"}})
			require.Equal(t, "unknown_instance", manage.Detail(err).GetCode())
			for _, wrong := range []string{"", "a\nb"} {
				err := refused(t, connect.CodeInvalidArgument, c.CreateInstance, &calloutv1.CreateInstanceRequest{Instance: wrong})
				require.Equal(t, "instance", manage.Detail(err).GetField())
			}

			made := ask(t, c.CreateInstance, &calloutv1.CreateInstanceRequest{Instance: id})
			require.EqualValues(t, 1, made.GetRevision())
			_ = refused(t, connect.CodeAlreadyExists, c.CreateInstance, &calloutv1.CreateInstanceRequest{Instance: id})
			require.True(t, ask(t, c.Apply, &calloutv1.ApplyRequest{Instance: id, Configuration: text}).GetChanged())
			u := ask(t, c.DescribeInstance, &calloutv1.DescribeInstanceRequest{Instance: id}).GetUsage()
			require.Equal(t, []any{id, uint64(2), uint32(2), uint32(1), uint64(0)}, []any{u.GetInstance(), u.GetRevision(), u.GetTargets(), u.GetExecutions(), u.GetEvents()})
			require.EqualValues(t, 2, ask(t, c.DescribeInstance, &calloutv1.DescribeInstanceRequest{}).GetUsage().GetTargets(), "default")

			for _, confirm := range []string{"", "default"} {
				err := refused(t, connect.CodeInvalidArgument, c.DeleteInstance, &calloutv1.DeleteInstanceRequest{Instance: id, Confirm: confirm})
				require.Equal(t, "confirm", manage.Detail(err).GetField())
			}
			_ = refused(t, connect.CodeInvalidArgument, c.DeleteInstance, &calloutv1.DeleteInstanceRequest{})
			require.EqualValues(t, 2, ask(t, c.DeleteInstance, &calloutv1.DeleteInstanceRequest{Instance: id, Confirm: id}).GetDeleted().GetTargets())
			_ = refused(t, connect.CodeNotFound, c.DeleteInstance, &calloutv1.DeleteInstanceRequest{Instance: id, Confirm: id})
			_ = refused(t, connect.CodeNotFound, c.ListTargets, &calloutv1.ListTargetsRequest{Instance: id})
			for _, i := range ask(t, c.ListInstances, &calloutv1.ListInstancesRequest{}).GetInstances() {
				require.NotEqual(t, id, i.GetInstance())
			}
		})
	}
}
