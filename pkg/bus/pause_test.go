package bus_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
)

// TestPausesOfTwoInstances are of targets of the same name. One that goes on
// leaves the other paused, and has said until when it was before it goes on.
func TestPausesOfTwoInstances(t *testing.T) {
	t.Parallel()
	pair := bustest.Pair(t, bustest.Start(t).Connect(t, bus.Options{}))
	ctx := bustest.Within(t, 30*time.Second)
	standing := func(i bus.Instance) (kinds []string) {
		require.NoError(t, i.Bucket(bus.BucketLines).Each(ctx, i.Token+".>", func(v bus.Value) error {
			tokens := strings.Split(v.Key, ".")
			k, err := bus.PauseOf(tokens)
			require.NoError(t, err)
			require.Equal(t, bus.TargetKey{Instance: i.ID, Owner: "acme", Name: "my hook"}, k)
			kinds = append(kinds, tokens[1])
			return nil
		}))
		return kinds
	}
	for _, i := range pair {
		require.NoError(t, i.PauseTarget(ctx, "acme", "my hook", action.CodeGone))
		require.Equal(t, []string{"paused"}, standing(i))
	}
	before := time.Now().UTC()
	require.NoError(t, pair[0].ResumeTarget(ctx, "acme", "my hook"))
	require.NoError(t, pair[0].ResumeTarget(ctx, "acme", "my hook"), "twice is as good as once")
	require.Equal(t, []string{"resumed"}, standing(pair[0]))
	require.Equal(t, []string{"paused"}, standing(pair[1]))
	keys, err := pair[0].Bucket(bus.BucketLines).Keys(ctx, pair[0].Token+".resumed.>")
	require.NoError(t, err)
	v, ok, err := pair[0].Bucket(bus.BucketLines).Get(ctx, keys[0].Key)
	require.NoError(t, err)
	require.True(t, ok)
	var at time.Time
	require.NoError(t, at.UnmarshalText(v.Bytes))
	require.WithinRange(t, at, before, time.Now())
	for _, key := range []string{"a.paused.b", "a.paused.b.c.d", "a.paused.=61.c"} {
		_, err := bus.PauseOf(strings.Split(key, "."))
		require.Error(t, err, key)
	}
}

// TestAPauseHasAReason, given or not: a follower takes an empty value for a
// removal, and the target for one that goes on.
func TestAPauseHasAReason(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		ctx := bustest.Within(t, 30*time.Second)
		for given, want := range map[action.Code]action.Code{"": action.CodePaused, action.CodeGone: action.CodeGone} {
			require.NoError(t, i.PauseTarget(ctx, "acme", "hook", given))
			reason, paused, err := i.Pause(ctx, "acme", "hook")
			require.NoError(t, err)
			require.True(t, paused)
			require.Equal(t, want, reason)
		}
	})
}

// TestRemovalsAreRemembered for an hour in the buckets that are followed, and
// then go by themselves: what was removed does not fill them for ever.
func TestRemovalsAreRemembered(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx := bustest.Within(t, 30*time.Second)
		for _, name := range []string{bus.BucketSecrets, bus.BucketLines, bus.BucketDeclared, bus.BucketJobs} {
			key := i.Token + ".key"
			require.NoError(t, i.Bucket(name).Put(ctx, key, []byte("a")))
			require.NoError(t, i.Bucket(name).Purge(ctx, key))
			stream, err := s.JetStream(t).Stream(ctx, "KV_"+name)
			require.NoError(t, err)
			raw, err := stream.GetLastMsgForSubject(ctx, "$KV."+name+"."+key)
			require.NoError(t, err, name)
			require.Equal(t, []string{"PURGE", "1h0m0s"}, []string{raw.Header.Get("KV-Operation"), raw.Header.Get("Nats-TTL")}, name)
		}
	})
}

// TestReasonsThatCannotBeRead are the plain one: that a target is paused tells the
// key, whatever stands there.
func TestReasonsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, kv := bustest.Within(t, 30*time.Second), s.Bucket(t, bus.BucketLines)
		for value, want := range map[string]action.Code{
			"": action.CodePaused, "gone": action.CodeGone, "\xff": action.CodePaused, "a\x00b": action.CodePaused, x(201): action.CodePaused, "any other": "any other",
		} {
			_, err := kv.Put(ctx, i.Token+".paused.acme.hook", []byte(value))
			require.NoError(t, err)
			reason, paused, err := i.Pause(ctx, "acme", "hook")
			require.NoError(t, err)
			require.Equal(t, []any{want, true}, []any{reason, paused}, "%q", value)
			_, err = bus.ReasonOf(bus.Value{Bytes: []byte(value)})
			require.Equal(t, value == "gone" || value == "any other", err == nil, "%q: %v", value, err)
		}
		_, paused, err := i.Pause(ctx, "", "hook")
		require.NoError(t, err)
		require.False(t, paused, "of another owner")
	})
}
