package cli

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

var updateScreens = flag.Bool("update-screens", false, "write the screens of testdata/screens anew")

// screen is a program that prints as on a terminal of 80 columns.
func screen() (*Program, *strings.Builder) {
	var out strings.Builder
	return &Program{Out: &out, Err: &out, Getenv: func(string) string { return "" }, columns: usualWidth}, &out
}

// golden holds a screen against the one that is kept, and its width.
func golden(t *testing.T, name, got string) {
	t.Helper()
	for line := range strings.Lines(got) {
		require.LessOrEqual(t, utf8.RuneCountInString(line)-1, usualWidth, line)
	}
	path := filepath.Join("testdata", "screens", name)
	if *updateScreens {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func before(d time.Duration) *timestamppb.Timestamp { return timestamppb.New(time.Now().Add(-d)) }

// someLines has a line in every state, of two instances' names alike.
func someLines() []*calloutv1.Subscription {
	return []*calloutv1.Subscription{
		{Name: "*/archive", State: "running", Waiting: 12, InWork: 1, ToScan: true, Lanes: 1, Oldest: before(119500 * time.Millisecond), LastSuccess: before(time.Second), Line: "archive-1"},
		{Name: "acme:user.added/crm", Lane: 3, Lanes: 16, State: "retrying", FailingSince: before(5 * time.Minute), Waiting: 2, InWork: 1, Redelivered: 1,
			Oldest: before(47 * time.Hour), LastSuccess: before(3 * time.Hour), Attempts: 4, LastStatus: 503, LastError: "status", LastFailed: before(50500 * time.Millisecond), Line: "crm-3"},
		{Name: "user.*/audit", Lanes: 1, State: "stopped", StoppedSince: before(49 * time.Hour), InWork: 1, Redelivered: 1, ToScan: true,
			Oldest: before(50 * time.Hour), Attempts: 9, LastError: "timeout", Reason: "exhausted", Line: "audit-1"},
		{Name: "user.added/crm", Lanes: 1, State: "paused", StoppedSince: before(2 * time.Minute), LastSuccess: before(100 * 24 * time.Hour), Reason: "moving house", Line: "crm-1"},
		{Name: "user.removed/crm", Lanes: 1, State: "draining", Waiting: 1, Line: "crm-9"},
	}
}

func TestScreenOfSubscriptions(t *testing.T) {
	t.Parallel()
	for name, wide := range map[string]bool{"subscriptions": false, "subscriptions-wide": true} {
		p, out := screen()
		tb := p.subscriptionTable(wide)
		for _, s := range someLines() {
			subscriptionRow(tb, s, time.Now(), wide)
		}
		require.NoError(t, tb.flush())
		if wide {
			require.Contains(t, out.String(), "  crm-3\n")
			require.Contains(t, out.String(), "REDELIVERED")
			continue
		}
		golden(t, name, out.String())
	}
}

func TestScreenOfDeadLetters(t *testing.T) {
	t.Parallel()
	p, out := screen()
	require.NoError(t, p.deadLister(asTable).all([]*calloutv1.DeadLetter{
		{DeliveryId: "dlv_3dd3ff47a634b12653ad690113c7b288", Target: "audit", EventType: "user.human.added", Reason: "exhausted", Attempts: 16, LastStatus: 503, DeadAt: before(3 * time.Hour)},
		{DeliveryId: "dlv_3dd3ff47a634b12653ad690113c7b289", Target: "audit", EventType: "user.added", Reason: "skipped", DeadAt: before(90500 * time.Millisecond)},
	}))
	golden(t, "dead", out.String())
	out.Reset()
	require.NoError(t, p.deadLister(asTable).all(nil))
	require.Equal(t, "no dead letters\n", out.String())
}

func TestIdleRedriveIsLeftOut(t *testing.T) {
	t.Parallel()
	require.True(t, idleRedrive(&calloutv1.Subscription{Name: "redrive", State: "running"}))
	for _, s := range []*calloutv1.Subscription{
		{Name: "redrive", State: "running", Waiting: 1}, {Name: "redrive", State: "running", InWork: 1}, {Name: "redrive", State: "retrying"}, {Name: "user.added/redrive", State: "running"},
	} {
		require.False(t, idleRedrive(s), "%v", s)
	}
}

func TestScreenOfStatus(t *testing.T) {
	t.Parallel()
	p, out := screen()
	process := func(id, host string, led ...*calloutv1.Led) *calloutv1.Process {
		return &calloutv1.Process{Id: id, Host: host, Version: "v0.4.0", StartTime: before(26 * time.Hour), LastSeen: before(3500 * time.Millisecond), Led: led}
	}
	busy := process("mfrggzdf", "worker-a-7d9f8c6b5-x2x9p")
	busy.Calls, busy.Deliveries = 12, 3
	s := &calloutv1.GetStatusResponse{
		Nats:        &calloutv1.Nats{Connected: true, Version: "2.15.2", Storage: 3 << 30, StorageLimit: 10 << 30, Memory: 4711, Streams: 15, Consumers: 9},
		NotReady:    "something that the engine keeps in NATS is missing: of instance \"default\": CALLOUT_DEAD_default",
		Warnings:    []string{"the file callout.yaml is not in force", "unreadable, and left out: x of callout_lines"},
		Dispatchers: []*calloutv1.Process{process("gezdgnbv", "dispatcher-0", &calloutv1.Led{Instance: "default", LastTime: before(2500 * time.Millisecond)}), process("ifbegrcf", "dispatcher-1")},
		Workers:     []*calloutv1.Process{busy, process("onswg4tf", "worker-b")}, DispatcherCount: 2, WorkerCount: 5,
	}
	require.NoError(t, p.tellFleet(s, []*calloutv1.Instance{
		{Instance: "default", Revision: 12, Lines: 7, Behind: 2, Failing: 1, Paused: 1, Waiting: 1204, DeadLetters: 3, Leader: "gezdgnbv"},
		{Instance: "twin", Revision: 1, Lines: 7},
	}))
	lines := strings.Split(out.String(), "\n")
	require.Equal(t, "ready      no: "+s.GetNotReady(), lines[0], "a fact is not cut")
	golden(t, "status", strings.Join(lines[1:], "\n"))
}
