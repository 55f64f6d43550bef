package manage_test

import (
	"cmp"
	"os"
	"path/filepath"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/node"
	"github.com/callout-hq/callout/pkg/sign"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// TestRotateTargetKey by every way of speaking to the service.
func TestRotateTargetKey(t *testing.T) {
	for _, w := range wires {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			n := run(t, "targets: {hook: {type: webhook, url: 'https://a.example'}}", nil)
			c := client(t, n.HTTPURL(), w)
			twins, err := n.Dispatcher().Instance("twin").SigningKey(within(t), "", "hook")
			require.NoError(t, err)
			first := ask(t, c.RotateTargetKey, &calloutv1.RotateTargetKeyRequest{Name: "hook"})
			require.Regexp(t, `^whsec_`, first.GetSigningKey())
			require.Len(t, first.GetEarlierUntil(), 1)
			require.WithinRange(t, first.GetEarlierUntil()[0].AsTime(), time.Now().Add(action.DefaultGrace-bound), time.Now().Add(action.DefaultGrace))
			id := ask(t, c.GetTarget, &calloutv1.GetTargetRequest{Name: "hook"}).GetTarget().GetId()
			second := ask(t, c.RotateTargetKey, &calloutv1.RotateTargetKeyRequest{Id: id, Grace: durationpb.New(time.Hour)})
			require.Len(t, second.GetEarlierUntil(), 2)
			now, err := n.Dispatcher().Instance("default").SigningKey(within(t), "", "hook")
			require.NoError(t, err)
			require.Equal(t, second.GetSigningKey(), now)
			_ = ask(t, c.RotateTargetKey, &calloutv1.RotateTargetKeyRequest{Name: "hook"})
			_ = refused(t, connect.CodeAborted, c.RotateTargetKey, &calloutv1.RotateTargetKeyRequest{Name: "hook"})
			require.Empty(t, ask(t, c.RotateTargetKey, &calloutv1.RotateTargetKeyRequest{Name: "hook", Grace: durationpb.New(0)}).GetEarlierUntil())
			for _, grace := range []*durationpb.Duration{durationpb.New(-time.Second), durationpb.New(action.MaxGrace + time.Second)} {
				_ = refused(t, connect.CodeInvalidArgument, c.RotateTargetKey, &calloutv1.RotateTargetKeyRequest{Name: "hook", Grace: grace})
			}
			_ = refused(t, connect.CodeNotFound, c.RotateTargetKey, &calloutv1.RotateTargetKeyRequest{Name: "nobody"})
			_ = refused(t, connect.CodeNotFound, c.RotateTargetKey, &calloutv1.RotateTargetKeyRequest{Name: "hook", Org: "acme"})
			_ = refused(t, connect.CodeInvalidArgument, c.RotateTargetKey, &calloutv1.RotateTargetKeyRequest{Name: "hook", Id: id})
			require.EqualValues(t, 1, ask(t, c.GetRevision, &calloutv1.GetRevisionRequest{}).GetRevision(), "it is no edit")
			stays, err := n.Dispatcher().Instance("twin").SigningKey(within(t), "", "hook")
			require.NoError(t, err)
			require.Equal(t, twins, stays)
		})
	}
}

// TestMadeKeys: an apply gives the keys that it made, once, and to who asks.
func TestMadeKeys(t *testing.T) {
	t.Parallel()
	dir, from := t.TempDir(), "key"
	n := run(t, "targets: {old: {type: webhook, url: 'https://a.example'}}", func(o *node.Options) { o.KeysDir = dir })
	c := plain(t, n)
	require.NoError(t, os.WriteFile(filepath.Join(dir, from), []byte(sign.NewKey()), 0o600))
	text := "targets: {old: {type: webhook, url: 'https://b.example'}, b: {type: webhook, url: 'https://a.example'}, given: {type: webhook, url: 'https://a.example', signing_key: {file: " + from + "}}}\n" +
		"orgs: {acme: {targets: {a: {type: webhook, url: 'https://a.example'}}}}"
	require.Empty(t, ask(t, c.Apply, &calloutv1.ApplyRequest{Configuration: text, DryRun: true, ReturnMadeKeys: true}).GetMadeKeys().GetKeys())
	made := ask(t, c.Apply, &calloutv1.ApplyRequest{Configuration: text, ReturnMadeKeys: true, RequestId: "one"}).GetMadeKeys().GetKeys()
	require.Len(t, made, 2, "none of what had one before, and none that comes from elsewhere")
	require.Equal(t, []string{"", "b", "acme", "a"}, []string{made[0].GetOrg(), made[0].GetTarget(), made[1].GetOrg(), made[1].GetTarget()})
	for _, k := range made {
		key, err := n.Dispatcher().Instance("default").SigningKey(within(t), k.GetOrg(), k.GetTarget())
		require.NoError(t, err)
		require.Equal(t, key, k.GetSigningKey())
	}
	for _, again := range []*calloutv1.ApplyRequest{{Configuration: text, ReturnMadeKeys: true}, {Configuration: text, ReturnMadeKeys: true, RequestId: "one"}} {
		require.Empty(t, ask(t, c.Apply, again).GetMadeKeys().GetKeys(), "they are shown once")
	}
	require.Nil(t, ask(t, c.Apply, &calloutv1.ApplyRequest{Configuration: "targets: {c: {type: webhook, url: 'https://a.example'}}"}).GetMadeKeys(), "nobody asked")
}

// TestApplyReadsKeysAnew: the key of a target stands in a file. Whoever puts another
// one there applies the configuration again, in which nothing has changed; a dry run
// reads nothing anew. What the text does not name keeps its key.
func TestApplyReadsKeysAnew(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	n := run(t, "", func(o *node.Options) { o.KeysDir = folder })
	for _, instance := range []string{"", "größe 2"} {
		c := plain(t, n)
		from := func(name string) string { return filepath.Join(cmp.Or(instance, "default"), name) }
		require.NoError(t, os.MkdirAll(filepath.Join(folder, from("")), 0o700))
		text := func(names ...string) (all string) {
			for _, name := range names {
				all += name + ": {type: webhook, url: 'https://a.example', signing_key: {file: '" + from(name) + "'}}, "
			}
			return "targets: {" + all + "}\nrequests: {'*': {targets: [{target: a}]}}"
		}
		put := func(name string) string {
			key := sign.NewKey()
			require.NoError(t, os.WriteFile(filepath.Join(folder, from(name)), []byte(key), 0o600))
			return key
		}
		kept := func(name string) string {
			id := cmp.Or(instance, "default")
			key, err := n.Dispatcher().Instance(id).SigningKey(within(t), "", name)
			require.NoError(t, err)
			return key
		}
		a, b := put("a"), put("b")
		ask(t, c.Apply, &calloutv1.ApplyRequest{Instance: instance, Configuration: text("a", "b")})
		require.Equal(t, []string{a, b}, []string{kept("a"), kept("b")})
		next := put("a")
		put("b")
		require.False(t, ask(t, c.Apply, &calloutv1.ApplyRequest{Instance: instance, Configuration: text("a"), DryRun: true}).GetChanged())
		require.Equal(t, a, kept("a"))
		require.False(t, ask(t, c.Apply, &calloutv1.ApplyRequest{Instance: instance, Configuration: text("a")}).GetChanged())
		require.Equal(t, []string{next, b}, []string{kept("a"), kept("b")})
	}
}
