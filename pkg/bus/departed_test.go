package bus_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
)

// TestDeparted: the key of a target that left is kept under its id, whatever
// becomes of its name.
func TestDeparted(t *testing.T) {
	t.Parallel()
	pair := bustest.Pair(t, bustest.Start(t).Connect(t, bus.Options{}))
	ctx := bustest.Within(t, 30*time.Second)
	type gone struct {
		instance string
		bus.Departed
	}
	told := make(chan gone, 100)
	<-pair[0].FollowSecrets(ctx, func(bus.TargetKey, string) {}, func(instance string, d bus.Departed) { told <- gone{instance, d} }, nobodyNamed)
	at := time.Now().UTC().Round(0)
	of := func(i bus.Instance, name string) bus.Departed {
		return bus.Departed{Owner: "acme", ID: "id-1", Target: name, Key: signing(i.Token), Left: at, Format: action.Format}
	}
	for _, i := range pair {
		require.NoError(t, i.PutSecrets(ctx, []bus.NewSecret{{Owner: "acme", Target: "hook", Key: signing("of the name")}}))
		require.NoError(t, i.PauseTarget(ctx, "acme", "hook", "gone"))
		require.NoError(t, i.PutDeparted(ctx, []bus.Departed{of(i, "hook"), of(i, "hook before")}))
		for range 2 {
			d := <-told
			require.Equal(t, []string{i.ID, signing(i.Token)}, []string{d.instance, d.Key})
		}
		all, err := i.Departed(ctx)
		require.NoError(t, err)
		require.ElementsMatch(t, []bus.Departed{of(i, "hook"), of(i, "hook before")}, all)
		key, err := i.DepartedKey(ctx, "acme", "id-1")
		require.NoError(t, err)
		require.Equal(t, signing(i.Token), key)
		key, err = i.DepartedKey(ctx, "acme", "id-2")
		require.NoError(t, err)
		require.Empty(t, key)
	}
	first := pair[0]
	require.NoError(t, first.ForgetDeparted(ctx, of(first, "hook before")))
	_, ok, err := first.Secret(ctx, "acme", "hook")
	require.NoError(t, err)
	require.True(t, ok, "its name is another's")
	kept, err := first.KeptNames(ctx)
	require.NoError(t, err)
	require.Len(t, kept, 1)
	require.WithinDuration(t, time.Now(), kept[bus.TargetKey{Instance: first.ID, Owner: "acme", Name: "hook"}], time.Minute)
	reason, paused, err := first.Pause(ctx, "acme", "hook")
	require.NoError(t, err)
	require.Equal(t, []any{action.Code("gone"), true}, []any{reason, paused})
	require.NoError(t, first.ForgetDeparted(ctx, of(first, "hook")))
	require.NoError(t, first.ForgetName(ctx, "acme", "hook"))
	_, ok, err = first.Secret(ctx, "acme", "hook")
	require.NoError(t, err)
	require.False(t, ok)
	left, err := first.Bucket(bus.BucketLines).Keys(ctx, first.Token+".>")
	require.NoError(t, err)
	require.Empty(t, left, "and its pause")
	all, err := first.Departed(ctx)
	require.NoError(t, err)
	require.Empty(t, all)
	for range 2 {
		require.Empty(t, (<-told).Key)
	}
	all, err = pair[1].Departed(ctx)
	require.NoError(t, err)
	require.Len(t, all, 2, "the other instance's stay")
	_, ok, err = pair[1].Secret(ctx, "acme", "hook")
	require.NoError(t, err)
	require.True(t, ok)
}

// TestTargetNamedAsIfItHadLeft is told as what it is.
func TestTargetNamedAsIfItHadLeft(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		ctx := bustest.Within(t, 30*time.Second)
		require.NoError(t, i.PutSecrets(ctx, []bus.NewSecret{{Owner: "departed", Target: "departed", Key: signing("k")}}))
		all, err := i.Departed(ctx)
		require.NoError(t, err)
		require.Empty(t, all)
		key, ok, err := i.Secret(ctx, "departed", "departed")
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, signing("k"), key)
	})
}

// TestDepartedOfStrangers: what somebody else put among the keys of targets that
// have left is left out wherever they are read, and counts until it is put right
// or gone.
func TestDepartedOfStrangers(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, kv := bustest.Within(t, 30*time.Second), s.Bucket(t, bus.BucketSecrets)
		own := s.Connect(t, bus.Options{}).Instance(i.ID)
		good := bus.Departed{Owner: "acme", ID: "id-1", Target: "hook", Key: signing("good"), Left: time.Now().UTC().Round(0)}
		require.NoError(t, own.PutDeparted(ctx, []bus.Departed{good}))
		prefix, whole := i.Token+".acme.departed.id-1.", fmt.Sprintf(`{"key":%q}`, signing("whole"))
		for token, value := range map[string]string{
			"text": "text", "none": "null", "mute": `{"key":""}`, "short": `{"key":"whsec_eA=="}`, "=zz": whole, "=61": whole,
			"newer": fmt.Sprintf(`{"key":%q,"format":%d}`, signing("newer"), action.Format+1),
		} {
			_, err := kv.Put(ctx, prefix+token, []byte(value))
			require.NoError(t, err)
		}
		var told bustest.Noted
		<-own.FollowSecrets(ctx, func(bus.TargetKey, string) {}, func(instance string, d bus.Departed) {
			if instance == i.ID {
				told.Add(d.Target + " " + d.Key)
			}
		}, nobodyNamed)
		require.Equal(t, []string{"hook " + good.Key}, told.Get())
		good.Format = action.Format
		all, err := own.Departed(ctx)
		require.NoError(t, err)
		require.Equal(t, []bus.Departed{good}, all)
		key, err := own.DepartedKey(ctx, "acme", "id-1")
		require.NoError(t, err)
		require.Equal(t, good.Key, key)
		require.Len(t, unreadable(own.Bus, prefix), 7)

		_, err = kv.Put(ctx, prefix+"text", []byte(whole))
		require.NoError(t, err)
		require.Equal(t, "text "+signing("whole"), told.Await(t, 2)[1])
		require.Len(t, unreadable(own.Bus, prefix), 6, "it is put right")
		for _, token := range []string{"none", "mute", "short", "=zz", "=61", "newer"} {
			require.NoError(t, kv.Purge(ctx, prefix+token))
		}
		require.Eventually(t, func() bool { return len(unreadable(own.Bus, prefix)) == 0 }, time.Minute, time.Millisecond)
	})
}

// TestKeptNames are those of keys and of pauses, begun or ended, with the time of
// what was written last. What has left is kept under its id, and not listed.
func TestKeptNames(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	pair := bustest.Pair(t, s.Connect(t, bus.Options{}))
	ctx := bustest.Within(t, 30*time.Second)
	name := func(i bus.Instance, owner, target string) bus.TargetKey {
		return bus.TargetKey{Instance: i.ID, Owner: owner, Name: target}
	}
	for _, i := range pair {
		require.NoError(t, i.PutSecrets(ctx, []bus.NewSecret{{Owner: "acme", Target: "hook", Key: signing("a")}, {Target: "lone", Key: signing("b")}}))
		require.NoError(t, i.PauseTarget(ctx, "acme", "paused", action.CodeGone))
		require.NoError(t, i.ResumeTarget(ctx, "", "resumed"))
		require.NoError(t, i.PutDeparted(ctx, []bus.Departed{{Owner: "acme", ID: "id", Target: "left", Key: signing("c")}}))
		_, err := s.Bucket(t, bus.BucketSecrets).Put(ctx, i.Token+".=zz.hook", []byte(signing("d")))
		require.NoError(t, err)
	}
	for _, i := range pair {
		kept, err := i.KeptNames(ctx)
		require.NoError(t, err)
		require.Len(t, kept, 4)
		for _, of := range []bus.TargetKey{name(i, "acme", "hook"), name(i, "", "lone"), name(i, "acme", "paused"), name(i, "", "resumed")} {
			require.WithinDuration(t, time.Now(), kept[of], time.Minute, "%v", of)
		}
		require.Equal(t, []string{i.Token + ".=zz.hook"}, unreadable(i.Bus, i.Token+"."))

		before := kept[name(i, "acme", "hook")]
		require.NoError(t, i.PauseTarget(ctx, "acme", "hook", ""))
		kept, err = i.KeptNames(ctx)
		require.NoError(t, err)
		require.True(t, kept[name(i, "acme", "hook")].After(before), "the pause came behind the key")
		require.Len(t, kept, 4)
	}
	require.NoError(t, pair[0].ForgetName(ctx, "acme", "hook"))
	for n, i := range pair {
		kept, err := i.KeptNames(ctx)
		require.NoError(t, err)
		require.Len(t, kept, 3+n, "the other instance's stays")
	}
}

// TestForgettingNothingLeavesNoTrace: a removal is remembered for an hour, and one
// of nothing would fill the bucket for nothing.
func TestForgettingNothingLeavesNoTrace(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	pair := bustest.Pair(t, s.Connect(t, bus.Options{}))
	ctx := bustest.Within(t, 30*time.Second)
	for _, i := range pair {
		require.NoError(t, i.ForgetName(ctx, "acme", "hook"))
		for _, bucket := range []string{bus.BucketSecrets, bus.BucketLines} {
			state, err := i.State(ctx, bus.BucketStream(bucket))
			require.NoError(t, err)
			require.Zero(t, state.State.LastSeq, bucket)
		}
	}
	require.NoError(t, pair[0].PutSecrets(ctx, []bus.NewSecret{{Owner: "acme", Target: "hook", Key: signing("a")}}))
	require.NoError(t, pair[1].ForgetName(ctx, "acme", "hook"))
	_, ok, err := pair[0].Secret(ctx, "acme", "hook")
	require.NoError(t, err)
	require.True(t, ok)
	require.NoError(t, pair[0].ForgetName(ctx, "acme", "hook"))
	require.NoError(t, pair[0].ForgetName(ctx, "acme", "hook"))
	state, err := pair[0].State(ctx, bus.BucketStream(bus.BucketSecrets))
	require.NoError(t, err)
	require.EqualValues(t, 2, state.State.LastSeq, "the key, and that it is gone")
}

// unreadable lists the keys that begin with a prefix and of which it is known that
// they cannot be read.
func unreadable(b *bus.Bus, prefix string) (keys []string) {
	list, _ := b.Unreadable()
	for _, one := range list {
		if strings.HasPrefix(one.Key, prefix) {
			keys = append(keys, one.Key)
		}
	}
	return keys
}
