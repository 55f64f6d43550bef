package work

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/embed"
	"github.com/callout-hq/callout/pkg/bus/letters"
	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/bus/revisions"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/catalog/file"
	"github.com/callout-hq/callout/pkg/dispatch"
	"github.com/callout-hq/callout/pkg/invoke"
	"github.com/callout-hq/callout/pkg/wire"
)

// instances are the two that every test has: what one of them does must never
// be seen in the other, although their lines, targets and organizations have the
// same names.
var instances = []string{"north", "south"}

// ground is a broker with two instances, their targets, and a dispatcher for as
// long as a test needs one.
type ground struct {
	testing.TB
	server     *embed.Server
	hooks      *targets
	bus        *bus.Bus
	nc         *nats.Conn
	js         jetstream.JetStream
	dispatcher *dispatch.Dispatcher
	shards     int
}

func newGround(t testing.TB) *ground {
	t.Helper()
	return newGroundOf(t, 0)
}

// newGroundOf has a dispatcher that is told of shards.
func newGroundOf(t testing.TB, count int) *ground {
	t.Helper()
	bustest.Turn(t)
	s, err := embed.Start(embed.Options{Listen: "127.0.0.1:0", Log: zerolog.Nop()})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	g := &ground{TB: t, server: s, hooks: newTargets(t), shards: count}
	g.bus = g.connect(s.URL())
	g.nc, err = nats.Connect(s.URL())
	require.NoError(t, err)
	t.Cleanup(g.nc.Close)
	g.js, err = jetstream.New(g.nc)
	require.NoError(t, err)
	g.begin()
	return g
}

func (g *ground) connect(url string) *bus.Bus {
	g.Helper()
	b, err := bus.Connect(within(g, 5*time.Second), bus.Options{URL: url, Log: zerolog.Nop(), AckWait: time.Second, MemoryStore: true})
	require.NoError(g, err)
	g.Cleanup(b.Close)
	return b
}

// begin starts the dispatcher, end stops it: nobody looks after anything then.
func (g *ground) begin() {
	g.Helper()
	d, err := dispatch.Start(within(g, 20*time.Second), dispatch.Options{Bus: g.bus, Log: zerolog.Nop(), Listen: "127.0.0.1:0", Shards: g.shards})
	require.NoError(g, err)
	g.dispatcher = d
	g.Cleanup(func() { require.NoError(g, d.Stop(within(g, 10*time.Second))) })
}

func (g *ground) end() {
	g.Helper()
	require.NoError(g, g.dispatcher.Stop(within(g, 10*time.Second)))
}

// at is one instance of the ground.
type at struct {
	*ground
	id  string
	bus bus.Instance
}

func (g *ground) at(id string) at { return at{g, id, g.bus.Instance(id)} }

// both does something in both instances, one after the other.
func (g *ground) both(do func(in at)) {
	g.Helper()
	for _, id := range instances {
		do(g.at(id))
	}
}

// apply puts a configuration in force in both. HOOKS stands for where their
// targets are.
func (g *ground) apply(config string) {
	g.Helper()
	g.both(func(in at) { in.apply(config) })
}

func (in at) apply(config string) {
	in.Helper()
	_, err := in.dispatcher.Instance(in.id).Apply(within(in, 20*time.Second), in.parsed(config))
	require.NoError(in, err)
}

func (in at) parsed(config string) *catalog.Snapshot {
	in.Helper()
	s, problems := file.Parse("test.yaml", []byte(strings.ReplaceAll(config, "HOOKS", in.hooks.URL+"/"+in.id)))
	require.NotNil(in, s, "%v", problems)
	s.Instance = in.id
	return s
}

// rename gives a target of both instances another name.
func (g *ground) rename(from, to string) {
	g.Helper()
	g.both(func(in at) {
		_, _, err := g.dispatcher.Instance(in.id).Edit(within(g, 20*time.Second), "test", func(s *catalog.Snapshot) (*catalog.Snapshot, error) {
			t := s.Scopes[""].Targets[from]
			t.Name = to
			next, fault := s.Renamed("", from, t)
			require.Empty(g, fault)
			return next, nil
		})
		require.NoError(g, err)
	})
}

// worker starts one, on a connection of its own.
func (g *ground) worker(change ...func(*Options)) *Worker {
	g.Helper()
	return g.workerOn(g.connect(g.server.URL()), change...)
}

func (g *ground) workerOn(b *bus.Bus, change ...func(*Options)) *Worker {
	g.Helper()
	o := Options{Bus: b, Invoker: invoke.New(invoke.Options{AllowLocal: true}), Log: zerolog.Nop()}
	for _, c := range change {
		c(&o)
	}
	w, err := Start(within(g, 10*time.Second), o)
	require.NoError(g, err)
	g.Cleanup(func() {
		_ = w.Stop(within(g, 5*time.Second)) // a test that looks at it has stopped it
		o.Invoker.Close()
	})
	return w
}

// publish stores an event in both instances, of the organization acme.
func (g *ground) publish(eventType string, n int) {
	g.Helper()
	g.both(func(in at) { in.publish(eventType, n) })
}

func (in at) publish(eventType string, n int) uint64 {
	in.Helper()
	body, err := wire.EncodeEvent(action.Event{AggregateID: "u1", AggregateType: "user", ResourceOwner: "acme", Type: eventType, Sequence: uint64(n)})
	require.NoError(in, err)
	s, err := in.bus.Publish(within(in, 5*time.Second), bus.NewEvent{ID: fmt.Sprint(eventType, "-", n), Org: "acme", AggregateID: "u1", Type: eventType, Body: body})
	require.NoError(in, err)
	return s.StreamSequence
}

// raw stores what no client of ours would.
func (in at) raw(subject, body string) {
	in.Helper()
	_, err := in.js.Publish(within(in, 5*time.Second), subject, []byte(body))
	require.NoError(in, err)
}

func (in at) lines() lines.Lines             { return lines.Of(in.bus) }
func (in at) letters() letters.Letters       { return letters.Of(in.bus) }
func (in at) revisions() revisions.Revisions { return revisions.Of(in.bus) }

// line finds a line by its subscription's name, or an async one by its target.
func (in at) line(name string) lines.Line {
	in.Helper()
	all, err := in.lines().List(within(in, 5*time.Second))
	require.NoError(in, err)
	for _, l := range all {
		if l.Async && l.Target == name && !l.Redrive || !l.Async && l.Subscription() == name {
			return l
		}
	}
	require.Fail(in, "no line "+name, "%+v", all)
	return lines.Line{}
}

// record is the record of a line, as it is shown.
func (in at) record(l lines.Line) action.LineRecord {
	in.Helper()
	s, err := in.lines().Standing(within(in, 5*time.Second), l)
	require.NoError(in, err)
	return s.Record
}

// held waits until a fault of ours is to be seen in the record of a line.
func (in at) held(l lines.Line) action.LineRecord {
	in.Helper()
	in.eventually(func() bool {
		s, err := in.lines().Standing(within(in, 5*time.Second), l)
		return err == nil && s.Record.Held > 0 // there may be something unreadable in its place
	}, "no fault of ours is shown in the record of %s", l.Name)
	return in.record(l)
}

func (in at) lag(l lines.Line) uint64 {
	in.Helper()
	b, err := in.lines().Backlog(within(in, 5*time.Second), l)
	require.NoError(in, err)
	return b.Lag()
}

// drained waits until nothing waits in a line.
func (in at) drained(l lines.Line) {
	in.Helper()
	in.eventually(func() bool { return in.lag(l) == 0 }, "%s does not drain", l.Name)
}

// dead waits for so many dead letters.
func (in at) dead(n int) []letters.Letter {
	in.Helper()
	var all []letters.Letter
	in.eventually(func() bool {
		var err error
		all, err = in.letters().All(within(in, 5*time.Second))
		return err == nil && len(all) >= n
	}, "%d dead letters are missing in %s", n, in.id)
	require.Len(in, all, n)
	return all
}

// got waits for so many requests to a target of the instance.
func (in at) got(target string, n int) []arrival {
	in.Helper()
	in.eventually(func() bool { return len(in.hooks.got(in.id+"/"+target)) >= n }, "%d requests to %s of %s are missing", n, target, in.id)
	all := in.hooks.got(in.id + "/" + target)
	require.Len(in, all, n, "to %s of %s", target, in.id)
	return all
}

// answer sets what a target of both instances answers.
func (g *ground) answer(target string, status int) {
	g.both(func(in at) {
		g.hooks.answer(in.id+"/"+target, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	})
}

func (g *ground) eventually(holds func() bool, what string, args ...any) {
	g.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			require.Fail(g, fmt.Sprintf(what, args...))
		}
	}
}

// bucket gives one of the buckets, past all rules.
func (g *ground) bucket(name string) jetstream.KeyValue {
	g.Helper()
	kv, err := g.js.KeyValue(within(g, 5*time.Second), name)
	require.NoError(g, err)
	return kv
}

// wipe takes values out of a bucket so that nobody is told of it.
func (g *ground) wipe(bucket, match string) {
	g.Helper()
	s, err := g.js.Stream(within(g, 5*time.Second), "KV_"+bucket)
	require.NoError(g, err)
	require.NoError(g, s.Purge(within(g, 5*time.Second), jetstream.WithPurgeSubject("$KV."+bucket+"."+match)))
}

func within(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

type (
	lineOf  = lines.Line
	version = *revisions.Version
)

// delivery is an event as a line is handed it.
func (in at) delivery(sequence uint64, l lineOf) *lines.Delivery {
	in.Helper()
	m, found, err := in.lines().NextOf(within(in, 5*time.Second), l, sequence)
	require.NoError(in, err)
	require.True(in, found)
	require.Equal(in, sequence, m.Sequence)
	return &lines.Delivery{Line: l, Subject: m.Subject, Body: m.Body, Sequence: m.Sequence, StoredAt: m.StoredAt}
}

// purgeMarkers takes the catalog markers below a sequence out of the event
// stream, 0 = all.
func (in at) purgeMarkers(below uint64) {
	in.Helper()
	s, err := in.js.Stream(within(in, 5*time.Second), in.bus.Events)
	require.NoError(in, err)
	opts := []jetstream.StreamPurgeOpt{jetstream.WithPurgeSubject(wire.Marker(in.id))}
	if below > 0 {
		opts = append(opts, jetstream.WithPurgeSequence(below))
	}
	require.NoError(in, s.Purge(within(in, 5*time.Second), opts...))
}

// redrive sends a dead letter again.
func (in at) redrive(id string) error {
	ctx := within(in.ground, 10*time.Second)
	found, err := in.letters().Get(ctx, id)
	if err != nil {
		return err
	}
	return in.letters().Redrive(ctx, []letters.Letter{found})
}
