package bus_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/catalog"
)

func users(methods ...string) catalog.Declaration {
	return catalog.Declaration{Core: "users", Methods: methods}
}

func declared(t *testing.T, i bus.Instance) *catalog.Declared {
	t.Helper()
	d, err := i.Declared(bustest.Within(t, 10*time.Second))
	require.NoError(t, err)
	return d
}

func TestDeclare(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		ctx := bustest.Within(t, 20*time.Second)
		require.Empty(t, declared(t, i).Cores)
		began := time.Now().Add(-time.Second)
		require.NoError(t, i.Declare(ctx, users("/s.S/A", "/s.S/B")))
		require.NoError(t, i.Declare(ctx, catalog.Declaration{Core: "a b.c*/", EventTypes: []string{"user.added"}}))
		require.NoError(t, i.Bus.Instance("other").Declare(ctx, users("/s.S/Other")), "an instance that is not there")

		d := declared(t, i)
		require.Equal(t, []string{"/s.S/A", "/s.S/B"}, d.Methods)
		require.Equal(t, []string{"user.added"}, d.EventTypes)
		require.Len(t, d.Cores, 2)
		require.WithinRange(t, d.Cores[1].Declared, began, time.Now().Add(time.Second))

		require.NoError(t, i.Declare(ctx, users("/s.S/C")))
		require.Equal(t, []string{"/s.S/C"}, declared(t, i).Methods, "the later one counts")
		require.NoError(t, i.Declare(ctx, users()))
		require.NoError(t, i.Declare(ctx, users()), "taking back twice is fine")
		require.Len(t, declared(t, i).Cores, 1)
		bustest.Code(t, action.CodeBadField, i.Declare(ctx, users("no method")))
		bustest.Code(t, action.CodeBadField, i.Bus.Instance("").Declare(ctx, users("/s.S/A")))
	})
}

// TestOneCoreTooMany is left out, and named, until another has gone.
func TestOneCoreTooMany(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		ctx := bustest.Within(t, 30*time.Second)
		for n := range catalog.MaxCores {
			require.NoError(t, i.Declare(ctx, catalog.Declaration{Core: fmt.Sprint("core ", n), Functions: []string{"f"}}))
		}
		require.NoError(t, i.Declare(ctx, users("/s.S/A")))
		require.Empty(t, declared(t, i).Methods)
		require.Contains(t, fmt.Sprint(i.Unreadable()), "take one back")
		require.NoError(t, i.Declare(ctx, catalog.Declaration{Core: "core 7"}))
		require.Equal(t, []string{"/s.S/A"}, declared(t, i).Methods, "one has gone")
		require.NotContains(t, fmt.Sprint(i.Unreadable()), i.Token+".users")
	})
}

// TestACoreInAnotherLanguage writes to the bucket by itself. What it gets wrong
// is left out, and keeps nobody else from being read.
func TestACoreInAnotherLanguage(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		js := s.JetStream(t)
		for key, value := range map[string]string{
			i.Token + ".users":         `{"core":"users","methods":["/s.S/A"]}`,
			i.Token + ".mute":          `{"core":"another","methods":["/s.S/B"]}`,
			i.Token + ".bad":           `{"core":"bad","methods":["/s.S/C","no"]}`,
			i.Token + ".text":          `methods`,
			i.Token + "-another.users": `{"core":"users","methods":["/s.S/D"]}`,
		} {
			_, err := js.Publish(bustest.Within(t, 10*time.Second), "$KV.callout_declared."+key, []byte(value))
			require.NoError(t, err)
		}
		require.Equal(t, []string{"/s.S/A"}, declared(t, i).Methods)
	})
}

func TestDeclareWithoutADispatcher(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t).Connect(t, bus.Options{})
	kept := make(chan error, 2)
	for _, id := range bustest.IDs {
		bustest.Code(t, action.CodeMissing, b.Instance(id).Declare(bustest.Within(t, 10*time.Second), users("/s.S/A")))
		go func() { kept <- b.Instance(id).KeepDeclaring(bustest.Within(t, 30*time.Second), users("/s.S/A")) }()
	}
	require.NoError(t, b.EnsureInstallation(bustest.Within(t, 10*time.Second)))
	for _, id := range bustest.IDs {
		require.NoError(t, <-kept)
		defer func() { require.Equal(t, []string{"/s.S/A"}, declared(t, b.Instance(id)).Methods) }()
	}
}

// TestKeepDeclaring has NATS come back: what could not be stored is.
func TestKeepDeclaring(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	b := s.Connect(t, bus.Options{})
	pair := bustest.Pair(t, b)
	kept := make(chan error, 2)
	s.Restart(t, func() {
		require.Eventually(t, func() bool { return !b.Connected() }, time.Minute, time.Millisecond)
		for _, i := range pair {
			go func() { kept <- i.KeepDeclaring(bustest.Within(t, 30*time.Second), users("/s.S/A")) }()
		}
	})
	for range pair {
		require.NoError(t, <-kept)
	}
	for _, i := range pair {
		require.Equal(t, []string{"/s.S/A"}, declared(t, i).Methods)
		bustest.Code(t, action.CodeBadField, i.KeepDeclaring(bustest.Within(t, 10*time.Second), users("no method")))
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		require.Error(t, i.KeepDeclaring(ended, users("/s.S/B")), "who goes does not wait")
	}
}

// TestDeclarationsAreCheckedAndBounded, whoever has written them.
func TestDeclarationsAreCheckedAndBounded(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		for key, ok := range map[string]bool{
			i.Token + ".users": true, i.Token + ".other": false, i.Token + ".=zz": false, "=zz.users": false, "users": false, "": false,
		} {
			err := bus.CheckDeclaration(bus.Value{Key: key, Bytes: []byte(`{"core":"users","methods":["/s.S/A"]}`)})
			require.Equal(t, ok, err == nil, "%q: %v", key, err)
			require.Error(t, bus.CheckDeclaration(bus.Value{Key: key, Bytes: []byte("null")}), key)
		}
		ctx, kv := bustest.Within(t, time.Minute), s.Bucket(t, bus.BucketDeclared)
		require.NoError(t, bus.Together(2*catalog.MaxCores+20, func(n int) error {
			core := fmt.Sprint("core-", n)
			_, err := kv.Put(ctx, i.Token+"."+core, fmt.Appendf(nil, `{"core":%q,"functions":["f%d"]}`, core, n))
			return err
		}))
		require.Len(t, declared(t, i).Cores, catalog.MaxCores)
	})
}
