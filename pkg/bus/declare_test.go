package bus_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/embed"
	"github.com/callout-hq/callout/pkg/catalog"
)

func users(methods ...string) catalog.Declaration {
	return catalog.Declaration{Core: "users", Methods: methods}
}

func declared(t *testing.T, b *bus.Bus) *catalog.Declared {
	t.Helper()
	d, err := b.Declared(within(t, 5*time.Second), instance)
	require.NoError(t, err)
	return d
}

func TestDeclare(t *testing.T) {
	_, b := prepared(t, bus.Options{})
	ctx := within(t, 5*time.Second)
	require.Empty(t, declared(t, b).Cores)
	began := time.Now().Add(-time.Second)
	require.NoError(t, b.Declare(ctx, instance, users("/s.S/A", "/s.S/B")))
	require.NoError(t, b.Declare(ctx, instance, catalog.Declaration{Core: "a b.c*/", EventTypes: []string{"user.added"}}))
	require.NoError(t, b.Declare(ctx, "other", users("/s.S/Other")), "an instance that is not there")

	d := declared(t, b)
	require.Equal(t, []string{"/s.S/A", "/s.S/B"}, d.Methods)
	require.Equal(t, []string{"user.added"}, d.EventTypes)
	require.Len(t, d.Cores, 2)
	require.WithinRange(t, d.Cores[1].Declared, began, time.Now().Add(time.Second))

	require.NoError(t, b.Declare(ctx, instance, users("/s.S/C")))
	require.Equal(t, []string{"/s.S/C"}, declared(t, b).Methods, "the later one counts")
	require.NoError(t, b.Declare(ctx, instance, users()))
	require.NoError(t, b.Declare(ctx, instance, users()), "taking back twice is fine")
	require.Len(t, declared(t, b).Cores, 1)
	code(t, action.CodeBadField, b.Declare(ctx, instance, users("no method")))
	code(t, action.CodeBadField, b.Declare(ctx, "", users("/s.S/A")))
}

func TestOneCoreTooMany(t *testing.T) {
	_, b := prepared(t, bus.Options{})
	ctx := within(t, 10*time.Second)
	for i := range catalog.MaxCores {
		require.NoError(t, b.Declare(ctx, instance, catalog.Declaration{Core: fmt.Sprint("core ", i), Functions: []string{"f"}}))
	}
	code(t, action.CodeTooLarge, b.Declare(ctx, instance, users("/s.S/A")))
	require.NoError(t, b.Declare(ctx, instance, catalog.Declaration{Core: "core 7", Functions: []string{"g"}}), "one that is there already")
	require.NoError(t, b.Declare(ctx, "other", users("/s.S/A")), "another instance")
	require.NoError(t, b.Declare(ctx, instance, catalog.Declaration{Core: "core 7"}))
	require.NoError(t, b.Declare(ctx, instance, users("/s.S/A")), "one has gone")
}

// TestACoreInAnotherLanguage writes to the bucket by itself. What it gets wrong
// is left out, and keeps nobody else from being read.
func TestACoreInAnotherLanguage(t *testing.T) {
	s, b := prepared(t, bus.Options{})
	nc, err := nats.Connect(s.URL())
	require.NoError(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	for key, value := range map[string]string{
		"default.users": `{"core":"users","methods":["/s.S/A"]}`,
		"default.mute":  `{"core":"another","methods":["/s.S/B"]}`,
		"default.bad":   `{"core":"bad","methods":["/s.S/C","no"]}`,
		"default.text":  `methods`,
		"def.users":     `{"core":"users","methods":["/s.S/D"]}`,
	} {
		_, err := js.Publish(within(t, 5*time.Second), "$KV.callout_declared."+key, []byte(value))
		require.NoError(t, err)
	}
	require.Equal(t, []string{"/s.S/A"}, declared(t, b).Methods)
}

func TestDeclareWithoutADispatcher(t *testing.T) {
	_, b := start(t, bus.Options{})
	code(t, action.CodeUnavailable, b.Declare(within(t, 5*time.Second), instance, users("/s.S/A")))
	kept := make(chan error, 1)
	go func() { kept <- b.KeepDeclaring(within(t, 20*time.Second), instance, users("/s.S/A")) }()
	require.NoError(t, b.EnsureInstallation(within(t, 5*time.Second)))
	require.NoError(t, <-kept)
	require.Equal(t, []string{"/s.S/A"}, declared(t, b).Methods)
}

// TestKeepDeclaring has NATS come back: what could not be stored is.
func TestKeepDeclaring(t *testing.T) {
	o := embed.Options{Data: t.TempDir(), Listen: "127.0.0.1:0", Log: zerolog.Nop()}
	s, err := embed.Start(o)
	require.NoError(t, err)
	b := connect(t, s, bus.Options{})
	require.NoError(t, b.EnsureInstallation(within(t, 5*time.Second)))
	o.Listen = s.Addr().String()
	s.Close()
	require.Eventually(t, func() bool { return !b.Connected() }, 5*time.Second, time.Millisecond)
	kept := make(chan error, 1)
	go func() { kept <- b.KeepDeclaring(within(t, 20*time.Second), instance, users("/s.S/A")) }()
	again, err := embed.Start(o)
	require.NoError(t, err)
	defer again.Close()
	require.NoError(t, <-kept)

	code(t, action.CodeBadField, b.KeepDeclaring(within(t, 5*time.Second), instance, users("no method")))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.Error(t, b.KeepDeclaring(ended, instance, users("/s.S/B")), "who goes does not wait")
}
