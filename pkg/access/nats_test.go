package access_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/wire"
)

// TestWhatRolesMayNotDo on NATS, whatever their lists grow by.
func TestWhatRolesMayNotDo(t *testing.T) {
	north, worker, observer := access.Core("north"), access.Worker("north", "south"), access.Observer()
	for _, tt := range []struct {
		subject  string
		core     bool
		worker   bool
		observer bool
	}{
		{"callout.event.north.acme.u1.user.added", true, false, false},
		{"callout.event.south.acme.u1.user.added", false, false, false},
		{"callout.call.north.function.f", true, false, false},
		{"callout.call.south.function.f", false, false, false},
		{"callout.test.north", false, false, false},
		{"callout.catalog.north", false, false, false},
		{"callout.dead.north.d1", false, true, false},
		{"callout.async.north.=.hook", false, true, false},
		{"callout.redrive.north.d1", false, false, false},
		{"$KV.callout_declared.north.users", true, false, false},
		{"$KV.callout_declared.south.users", false, false, false},
		{"$KV.callout_catalog.north.root", false, false, false},
		{"$KV.callout_conditions.north", false, false, false},
		{"$KV.callout_tokens.t1", false, false, false},
		{"$KV.callout_jobs.north.j1", false, false, false},
		{"$KV.callout_keys.north", false, false, false},
		{"$KV.callout_keys.north.own.k1", false, true, false},
		{"$KV.callout_keys.north.target.t1", false, false, false},
		{"$JS.API.DIRECT.GET.KV_callout_keys.$KV.callout_keys.north.own.k1", false, true, false},
		{"$KV.callout_lines.north.l.x", false, true, false},
		{"$KV.callout_present.dispatcher.x", false, false, false},
		{"$JS.API.DIRECT.GET.KV_callout_conditions.$KV.callout_conditions.north", true, false, false},
		{"$JS.API.DIRECT.GET.KV_callout_conditions.$KV.callout_conditions.south", false, false, false},
		{"$JS.API.DIRECT.GET.KV_callout_secrets.$KV.callout_secrets.north.=.hook", false, true, false},
		{"$JS.API.DIRECT.GET.KV_callout_tokens.$KV.callout_tokens.t1", false, false, false},
		{"$JS.API.CONSUMER.CREATE.CALLOUT_EVENTS_north.c.callout.event.north.>", false, false, false},
		{"$JS.API.CONSUMER.CREATE.CALLOUT_EVENTS_north", false, false, false},
		{"$JS.API.CONSUMER.CREATE.KV_callout_tokens.c.$KV.callout_tokens.>", false, false, false},
		{"$JS.API.CONSUMER.CREATE.KV_callout_lines.c.$KV.callout_lines.>", false, true, false},
		{"$JS.API.CONSUMER.MSG.NEXT.CALLOUT_EVENTS_north.l", false, true, false},
		{"$JS.API.CONSUMER.INFO.CALLOUT_EVENTS_north.l", false, true, true},
		{"$JS.API.CONSUMER.CREATE.CALLOUT_EVENTS_north.shard-1.callout.event.north.*.*.>", false, true, false},
		{"$JS.API.CONSUMER.RESET.CALLOUT_EVENTS_north.shard-1", false, true, false},
		{"$JS.API.CONSUMER.RESET.CALLOUT_EVENTS_west.shard-1", false, false, false},
		{"$JS.API.CONSUMER.RESET.CALLOUT_ASYNC_north.l", false, false, false},
		{"$JS.API.STREAM.PURGE.CALLOUT_EVENTS_north", false, false, false},
		{"$JS.API.STREAM.PURGE.KV_callout_lines", false, false, false},
		{"$JS.API.STREAM.DELETE.CALLOUT_DEAD_north", false, false, false},
		{"$JS.API.STREAM.MSG.DELETE.CALLOUT_EVENTS_north", false, false, false},
		{"$JS.API.STREAM.MSG.DELETE.CALLOUT_DEAD_north", false, true, false},
		{"$JS.API.STREAM.UPDATE.KV_callout_lines", false, false, false},
		{"$JS.ACK.CALLOUT_EVENTS_north.l.1.1.1.1.0", false, true, false},
		{"$JS.ACK._.hash.CALLOUT_EVENTS_north.l.1.1.1.1.0", false, true, false},
		{"_INBOX_core_north.x", false, true, false},
		{"_INBOX_core_west.x", false, false, false},
		{"_INBOX_observer.x", false, false, false},
	} {
		require.Equal(t, []bool{tt.core, tt.worker, tt.observer},
			[]bool{north.MayPublish(tt.subject), worker.MayPublish(tt.subject), observer.MayPublish(tt.subject)}, tt.subject)
		require.True(t, access.Dispatcher().MayPublish(tt.subject))
	}
	for subject, may := range map[string][3]bool{ // core, worker, worker as one of its group
		"callout.call.>":                {false, false, true},
		"callout.call.north.>":          {false, false, true},
		"callout.event.north.>":         {false, false, false},
		"_INBOX_core_north.>":           {true, false, false},
		"_INBOX_core_south.>":           {false, false, false},
		"_INBOX_worker.x.*":             {false, true, true},
		"$KV.callout_conditions.north":  {true, false, false},
		"$KV.callout_conditions.>":      {false, false, false},
		"$KV.callout_secrets.north.=.a": {false, false, false},
		">":                             {false, false, false},
	} {
		require.Equal(t, may, [3]bool{north.MaySubscribe(subject, ""), worker.MaySubscribe(subject, ""), worker.MaySubscribe(subject, wire.CallGroup)}, subject)
	}
}

// TestNamesOfGrants are those of files and inboxes: no two instances share one.
func TestNamesOfGrants(t *testing.T) {
	names, inboxes := map[string]string{}, map[string]string{}
	for _, id := range []string{"north", "a b", "a=20b", strings.Repeat("x", 41), strings.Repeat("x", 40), strings.Repeat("ä", 100), strings.Repeat("ä", 99) + "a", "hashed_", "worker"} {
		g := access.Core(id)
		require.Empty(t, names[g.Name()], id)
		require.Empty(t, inboxes[g.Inbox], id)
		names[g.Name()], inboxes[g.Inbox] = id, id
		require.Regexp(t, `^_INBOX_[A-Za-z0-9_-]{1,64}$`, g.Inbox)
		require.Less(t, len(g.Name()), 200)
		require.NotContains(t, []string{access.InboxWorker, access.InboxDispatcher}, g.Inbox)
	}
	var roles []string
	for _, g := range access.Grants("north", "south") {
		roles = append(roles, g.Name())
	}
	require.Equal(t, []string{"dispatcher", "worker", "observer", "core-north", "core-south"}, roles)
}
