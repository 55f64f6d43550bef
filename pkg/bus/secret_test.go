package bus_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
)

// TestSecretsOfTwoInstances are of targets of the same name, and never mixed.
func TestSecretsOfTwoInstances(t *testing.T) {
	t.Parallel()
	pair := bustest.Pair(t, bustest.Start(t).Connect(t, bus.Options{}))
	ctx := bustest.Within(t, 30*time.Second)
	type news struct {
		of     bus.TargetKey
		secret string
	}
	told, left := make(chan news, 100), make(chan bus.Departed, 100)
	<-pair[0].FollowSecrets(ctx, func(k bus.TargetKey, secret string) { told <- news{k, secret} }, func(instance string, d bus.Departed) {
		require.Contains(t, bustest.IDs, instance)
		left <- d
	}, nobodyNamed)
	for _, i := range pair {
		_, ok, err := i.Secret(ctx, "acme", "my hook")
		require.NoError(t, err)
		require.False(t, ok)
		require.NoError(t, i.PutSecrets(ctx, []bus.NewSecret{{Owner: "acme", Target: "my hook", Key: signing(i.Token)}}))
		require.Equal(t, news{bus.TargetKey{Instance: i.ID, Owner: "acme", Name: "my hook"}, signing(i.Token)}, <-told)
	}
	for _, i := range pair {
		key, ok, err := i.Secret(ctx, "acme", "my hook")
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, signing(i.Token), key)
		made, err := i.MakeSecret(ctx, "acme", "my hook", signing("another"))
		require.NoError(t, err)
		require.Equal(t, key, made, "the one that is there")
		made, err = i.MakeSecret(ctx, "", "my hook", signing("of nobody"))
		require.NoError(t, err)
		require.Equal(t, signing("of nobody"), made)
		require.Equal(t, bus.TargetKey{Instance: i.ID, Name: "my hook"}, (<-told).of)
		all, err := i.Secrets(ctx)
		require.NoError(t, err)
		require.Equal(t, []string{key, signing("of nobody"), ""}, []string{all("acme", "my hook"), all("", "my hook"), all("acme", "other")})
	}
	require.Empty(t, left)
}

// TestAKeyThatCannotSign is none: who is to sign waits, who looks for keys finds
// none, and no text shows it.
func TestAKeyThatCannotSign(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, kv := bustest.Within(t, 30*time.Second), s.Bucket(t, bus.BucketSecrets)
		own := s.Connect(t, bus.Options{}).Instance(i.ID)
		key := i.Token + ".acme.hook"
		var told bustest.Noted
		<-own.FollowSecrets(ctx, func(of bus.TargetKey, secret string) {
			if of.Instance == i.ID {
				told.Add(of.Name + "=" + secret)
			}
		}, func(string, bus.Departed) {}, nobodyNamed)
		for _, spoilt := range []string{"", "open-sesame", "whsec_b3Blbi1zZXNhbWU="} {
			_, err := kv.Put(ctx, key, []byte(spoilt))
			require.NoError(t, err)
			_, ok, err := own.Secret(ctx, "acme", "hook")
			require.True(t, ok)
			require.True(t, bus.IsBadSecret(err), "%v", err)
			bustest.Code(t, action.CodeInternal, err)
			_, err = own.MakeSecret(ctx, "acme", "hook", signing("new"))
			require.True(t, bus.IsBadSecret(err), "one that is there is not replaced")
			all, err := own.Secrets(ctx)
			require.NoError(t, err)
			require.Empty(t, all("acme", "hook"))
			list, _ := own.Unreadable()
			for _, one := range list {
				require.NotContains(t, one.Why, "sesame")
			}
			require.Equal(t, []string{key}, unreadable(own.Bus, i.Token+"."))
		}
		require.False(t, bus.IsBadSecret(nil))
		require.NoError(t, own.PutSecrets(ctx, []bus.NewSecret{{Owner: "acme", Target: "hook", Key: signing("a")}}))
		require.Equal(t, []string{"hook=" + signing("a")}, told.Await(t, 1))
		require.NoError(t, kv.Purge(ctx, key))
		require.Equal(t, "hook=", told.Await(t, 2)[1])
		require.Empty(t, unreadable(own.Bus, i.Token+"."))
	})
}

// TestOneKeyIsMade by any number of dispatchers.
func TestOneKeyIsMade(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		ctx := bustest.Within(t, 30*time.Second)
		made := make(chan string, 16)
		for n := range cap(made) {
			go func() {
				key, err := i.MakeSecret(ctx, "acme", "hook", signing(fmt.Sprint(i.ID, n)))
				if err != nil {
					key = err.Error()
				}
				made <- key
			}()
		}
		kept := <-made
		require.True(t, strings.HasPrefix(kept, "whsec_"), kept)
		for range cap(made) - 1 {
			require.Equal(t, kept, <-made)
		}
	})
}

// TestLostKeysStillCount: nobody removed them, and a dispatcher puts them back.
func TestLostKeysStillCount(t *testing.T) {
	t.Parallel()
	s, ctx := bustest.Start(t), bustest.Within(t, time.Minute)
	b := s.Connect(t, bus.Options{})
	pair := bustest.Pair(t, b)
	var told bustest.Noted
	<-b.FollowSecrets(ctx, func(of bus.TargetKey, secret string) { told.Add(of.Instance + "=" + secret) },
		func(instance string, d bus.Departed) { told.Add(instance + " left=" + d.Key) }, nobodyNamed)
	for n, i := range pair {
		require.NoError(t, i.PutSecrets(ctx, []bus.NewSecret{{Target: "hook", Key: signing("a")}}))
		require.NoError(t, i.PutDeparted(ctx, []bus.Departed{{ID: "id", Target: "left", Key: signing("b")}}))
		told.Await(t, 2*(n+1))
	}
	require.NoError(t, s.JetStream(t).DeleteStream(ctx, bus.BucketStream(bus.BucketSecrets)))
	require.NoError(t, b.EnsureInstallation(ctx))
	for _, i := range pair {
		require.Eventually(t, func() bool { // who follows finds the new bucket within seconds
			require.NoError(t, i.PutSecrets(ctx, []bus.NewSecret{{Target: "hook", Key: signing("c")}}))
			return slices.Contains(told.Get(), i.ID+"="+signing("c"))
		}, time.Minute, 50*time.Millisecond)
	}
	for _, line := range told.Get() {
		require.Contains(t, line, "=whsec_", "nothing was removed")
	}
}

// signing is a key that can sign, made of a text.
func signing(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "whsec_" + base64.StdEncoding.EncodeToString(sum[:])
}
