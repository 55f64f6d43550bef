package dispatch_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/lead"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/sign"
)

// TestRotateKey makes a new key, and lets the one before sign on for a while, also
// when a text is applied again and over a restart. Nobody else's key changes.
func TestRotateKey(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	d := f.dispatcher()
	both(t, f, func(t *testing.T, of tenant) {
		ctx, i := within(t, 60*time.Second), d.Instance(of.id)
		text := catalog.Empty(of.id).WithTarget("", hook("a", "https://a.example")).WithTarget("", hook("b", "https://b.example"))
		_, err := i.Apply(ctx, text)
		require.NoError(t, err)
		old, err := i.SigningKey(ctx, "", "a")
		require.NoError(t, err)
		others, err := i.SigningKey(ctx, "", "b")
		require.NoError(t, err)
		before := time.Now()
		keys, err := i.RotateKey(ctx, "", "a", action.DefaultGrace)
		require.NoError(t, err)
		require.Len(t, keys, 2)
		require.Equal(t, old, keys[1].Key)
		require.NotEqual(t, old, keys[0].Key)
		require.WithinRange(t, keys[1].Until, before.Add(action.DefaultGrace-time.Second), time.Now().Add(action.DefaultGrace))
		_, err = i.Apply(ctx, text)
		require.NoError(t, err)
		again := f.dispatcher()
		kept, _, err := f.bus().Instance(of.id).SigningKeys(ctx, "", "a")
		require.NoError(t, err)
		require.Equal(t, keys, kept)
		newest, err := again.Instance(of.id).SigningKey(ctx, "", "a")
		require.NoError(t, err)
		require.Equal(t, keys[0].Key, newest)
		same, err := i.SigningKey(ctx, "", "b")
		require.NoError(t, err)
		require.Equal(t, others, same)
		_, _, err = i.Edit(ctx, "test", func(s *catalog.Snapshot) (*catalog.Snapshot, error) {
			named := s.Scopes[""].Targets["a"]
			named.Name = "renamed"
			next, fault := s.Renamed("", "a", named)
			require.Empty(t, fault)
			return next, nil
		})
		require.NoError(t, err)
		kept, _, err = f.bus().Instance(of.id).SigningKeys(ctx, "", "renamed")
		require.NoError(t, err)
		require.Equal(t, keys, kept, "they go along with another name")
		var alone bus.SigningKeys
		require.Eventually(t, func() bool { // once it has heard of the name
			alone, err = again.Instance(of.id).RotateKey(ctx, "", "renamed", 0)
			return action.CodeOf(err) != action.CodeNotFound
		}, time.Minute, 10*time.Millisecond)
		require.NoError(t, err)
		require.Len(t, alone, 1)
	})
}

// TestRotationsThatAreRefused say what helps, and change nothing.
func TestRotationsThatAreRefused(t *testing.T) {
	t.Setenv("CALLOUT_ROTATION_TEST", sign.NewKey())
	f := newFleet(t)
	d := f.dispatcher()
	from := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(from, []byte(sign.NewKey()), 0o600))
	both(t, f, func(t *testing.T, of tenant) {
		ctx, i := within(t, 60*time.Second), d.Instance(of.id)
		inFile, inEnv := hook("file", "https://a.example"), hook("env", "https://a.example")
		inFile.SigningKey, inEnv.SigningKey = action.KeySource{File: from}, action.KeySource{Env: "CALLOUT_ROTATION_TEST"}
		_, err := i.Apply(ctx, catalog.Empty(of.id).WithTarget("", inFile).WithTarget("", inEnv).WithTarget("", hook("made", "https://a.example")))
		require.NoError(t, err)
		for _, c := range []struct {
			org, target string
			grace       time.Duration
			code        action.Code
			says        string
		}{
			{"", "file", time.Hour, action.CodeBadField, "comes from the file " + from},
			{"", "env", time.Hour, action.CodeBadField, "comes from the environment variable CALLOUT_ROTATION_TEST"},
			{"", "nobody", time.Hour, action.CodeNotFound, ""},
			{"acme", "made", time.Hour, action.CodeNotFound, ""},
			{"", "made", -time.Second, action.CodeBadField, "0s to 720h"},
			{"", "made", action.MaxGrace + 1, action.CodeBadField, "0s to 720h"},
		} {
			was, err := i.SigningKey(ctx, "", "made")
			require.NoError(t, err)
			_, err = i.RotateKey(ctx, c.org, c.target, c.grace)
			code(t, c.code, err)
			require.ErrorContains(t, err, c.says)
			is, err := i.SigningKey(ctx, "", "made")
			require.NoError(t, err)
			require.Equal(t, was, is)
		}
		_, err = d.Instance("nobody").RotateKey(ctx, "", "made", 0)
		code(t, action.CodeUnknownInstance, err)
	})
}

// TestTwoRotateAtOnce at two dispatchers: one wins, and the other one's key is never
// in force.
func TestTwoRotateAtOnce(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	pair := []*running{f.dispatcher(), f.dispatcher()}
	both(t, f, func(t *testing.T, of tenant) {
		ctx := within(t, 60*time.Second)
		_, err := pair[0].Instance(of.id).Apply(ctx, catalog.Empty(of.id).WithTarget("", hook("a", "https://a.example")))
		require.NoError(t, err)
		require.Eventually(t, func() bool { _, err := pair[1].Instance(of.id).Catalog(ctx, 1); return err == nil }, time.Minute, time.Millisecond)
		b := f.bus().Instance(of.id)
		was, _, err := b.SigningKeys(ctx, "", "a")
		require.NoError(t, err)
		var asked atomic.Int64
		sub, err := f.nc.Subscribe("$JS.API.DIRECT.GET.KV_"+bus.BucketSecrets+".>", func(m *nats.Msg) {
			if strings.HasSuffix(m.Subject, "."+b.Token+".=.a") {
				asked.Add(1)
			}
		})
		require.NoError(t, err)
		defer func() { require.NoError(t, sub.Unsubscribe()) }()
		require.NoError(t, f.nc.Flush())
		type result struct {
			keys bus.SigningKeys
			err  error
		}
		results := make(chan result, len(pair))
		require.NoError(t, lead.Run(ctx, b, func(context.Context) error { // nobody writes before both have looked
			for _, d := range pair {
				go func() {
					keys, err := d.Instance(of.id).RotateKey(ctx, "", "a", time.Hour)
					results <- result{keys, err}
				}()
			}
			require.Eventually(t, func() bool { return asked.Load() >= 2 }, time.Minute, time.Millisecond)
			return nil
		}))
		one, other := <-results, <-results
		if one.err != nil {
			one, other = other, one
		}
		require.NoError(t, one.err)
		code(t, action.CodeConflict, other.err)
		kept, _, err := b.SigningKeys(ctx, "", "a")
		require.NoError(t, err)
		require.Equal(t, one.keys, kept)
		require.Equal(t, was[0].Key, kept[1].Key)
	})
}
