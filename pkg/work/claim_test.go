package work

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/wire"
)

// TestTheCatalogOfItsTimeSaysWhoGetsAnEvent: an edit does not change what waits.
func TestTheCatalogOfItsTimeSaysWhoGetsAnEvent(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	const targets = "targets: {old: {type: webhook, url: HOOKS/old}, new: {type: webhook, url: HOOKS/new}}\n"
	g.apply(targets + "events: {user.added: {targets: [{target: old}]}}")
	g.publish("user.added", 1)
	g.apply(targets + "events: {user.added: {targets: [{target: new}]}}")
	g.publish("user.added", 2)
	g.worker()
	g.both(func(in at) {
		require.Equal(t, 1, in.got("old", 1)[0].n(t))
		require.Equal(t, 2, in.got("new", 1)[0].n(t))
	})
}

// TestTheBestMatchGetsAnEvent: the lines of the others see it, and let it go.
func TestTheBestMatchGetsAnEvent(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(`
targets: {all: {type: webhook, url: HOOKS/all}, group: {type: webhook, url: HOOKS/group}, exact: {type: webhook, url: HOOKS/exact}}
events: {'*': {targets: [{target: all}]}, 'user.*': {targets: [{target: group}]}, user.added: {targets: [{target: exact}]}}
orgs: {acme: {events: {'*': {targets: [{target: all}]}}, targets: {all: {type: webhook, url: HOOKS/acme}}}}`)
	g.worker()
	for n, eventType := range []string{"user.added", "user.changed", "grant.added"} {
		g.publish(eventType, n+1)
	}
	g.both(func(in at) {
		require.Equal(t, 1, in.got("exact", 1)[0].n(t))
		require.Equal(t, 2, in.got("group", 1)[0].n(t))
		require.Equal(t, 3, in.got("all", 1)[0].n(t))
		in.got("acme", 3)
		in.drained(in.line("*/all"))
		in.got("all", 1)
	})
}

// TestAChangedNumberOfLanesSendsNothingTwice: lines of both numbers see what
// waits.
func TestAChangedNumberOfLanesSendsNothingTwice(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	const config = "targets: {hook: {type: webhook, url: HOOKS/hook, lanes: 1}}\nevents: {user.added: {targets: [{target: hook}]}}"
	g.apply(config)
	g.publish("user.added", 1)
	g.apply("targets: {hook: {type: webhook, url: HOOKS/hook, lanes: 4}}\nevents: {user.added: {targets: [{target: hook}]}}")
	g.publish("user.added", 2)
	g.worker()
	g.both(func(in at) {
		all := in.got("hook", 2)
		require.Equal(t, []int{1, 2}, []int{all[0].n(t), all[1].n(t)}, "of one aggregate, in order")
	})
}

// TestWhoseIsIt asks for the claim to an event that a line is handed.
func TestWhoseIsIt(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply("targets: {hook: {type: webhook, url: HOOKS/hook}}\nevents: {user.added: {targets: [{target: hook}]}, 'user.*': {targets: [{target: hook}]}}")
	g.end()
	w := g.worker()
	g.both(func(in at) {
		sequence := in.publish("user.added", 1)
		for name, c := range map[string]struct {
			change func(*lineOf)
			ours   bool
		}{
			"the best match":                         {func(*lineOf) {}, true},
			"a less exact one":                       {func(l *lineOf) { l.Condition.Match = "user.*" }, false},
			"before its cut":                         {func(l *lineOf) { l.Cut = sequence + 1 }, false},
			"at its cut":                             {func(l *lineOf) { l.Cut = sequence }, true},
			"at its end":                             {func(l *lineOf) { l.DrainTo = sequence }, false},
			"before its end":                         {func(l *lineOf) { l.DrainTo = sequence + 1 }, true},
			"another number of lanes":                {func(l *lineOf) { l.Lanes = 4 }, false},
			"a replay, whatever its number of lanes": {func(l *lineOf) { l.Lanes, l.Replay = 4, true }, true},
			"another target":                         {func(l *lineOf) { l.Target = "other" }, false},
			"an organization's target":               {func(l *lineOf) { l.Owner = "acme" }, false},
			"another organization's execution":       {func(l *lineOf) { l.Org = "other" }, false},
		} {
			t.Run(in.id+"/"+name, func(t *testing.T) {
				d := in.delivery(sequence, in.line("user.added/hook"))
				d.Line.Name += "-" + name // what one case knows of its line is not the next one's
				d.Line.Revision = 100     // so that the book is not asked
				c.change(&d.Line)
				claimed, err := w.claim(within(t, 5*time.Second), d)
				require.NoError(t, err)
				require.Equal(t, c.ours, claimed != nil)
			})
		}
		d := in.delivery(sequence, in.line("user.added/hook"))
		d.Line.Revision, d.Line.Name = 0, "unknown-to-the-book"
		_, err := w.claim(within(t, 5*time.Second), d)
		require.ErrorIs(t, err, errNoEntry, "whose it is will be known when its entry is back")
	})
}

// TestPoisonBecomesADeadLetter publishes what cannot be read.
func TestPoisonBecomesADeadLetter(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply("targets: {hook: {type: webhook, url: HOOKS/hook}, later: {type: async, url: HOOKS/later}}\nevents: {'user.*': {targets: [{target: hook}]}}\nfunctions: {f: {targets: [{target: later}]}}")
	g.worker()
	g.both(func(in at) {
		in.raw("callout.event."+in.id+".acme.u1.user.added", "no json")
		in.raw("callout.event."+in.id+".acme.u1.user.added", `{"aggregateID":"u1","event_type":"user.changed"}`)
		in.raw("callout.event."+in.id+".bad=org.u1.user.added", `{"aggregateID":"u1","event_type":"user.added"}`)
		in.raw(wire.AsyncSubject(in.id, "", "later"), `{"no":"delivery id"}`)
		in.raw(wire.RedriveSubject(in.id, "nothing"), `{"no":"letter"}`)
		in.publish("user.added", 1)
	})
	g.both(func(in at) {
		ids := map[string]bool{}
		for _, l := range in.dead(5) {
			require.Equal(t, []any{action.CodeMalformed, 0, in.id}, []any{l.Reason, l.Attempts, l.Instance}, "%+v", l)
			require.NotEmpty(t, l.Body)
			ids[l.DeliveryID] = true
		}
		require.Len(t, ids, 5)
		in.got("hook", 1)
		in.got("later", 0)
		in.drained(in.line("later"))
	})
}

// TestTheNewestFormOfATargetIsCalled whatever it was when the event was stored.
func TestTheNewestFormOfATargetIsCalled(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"hook", "renamed"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGround(t)
			const events = "\nevents: {user.added: {targets: [{target: hook}]}}"
			g.apply("targets: {hook: {type: webhook, url: HOOKS/first}}" + events)
			g.publish("user.added", 1)
			g.apply("targets: {hook: {type: webhook, url: HOOKS/second}}" + events)
			if name != "hook" {
				g.rename("hook", name)
			}
			g.worker()
			g.both(func(in at) {
				require.Equal(t, name, in.got("second", 1)[0].header.Get("Callout-Target"))
				in.got("first", 0)
			})
		})
	}
}

// TestATargetThatLeftIsCalledAsItWasLast: not as it was when the event was
// stored.
func TestATargetThatLeftIsCalledAsItWasLast(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	const events = "\nevents: {user.added: {targets: [{target: hook}]}}"
	g.apply("targets: {hook: {type: webhook, url: HOOKS/first}}" + events)
	g.publish("user.added", 1)
	g.apply("targets: {hook: {type: webhook, url: HOOKS/last}}" + events)
	keys := map[string]string{}
	g.both(func(in at) { keys[in.id], _, _ = in.bus.Secret(within(t, 5*time.Second), "", "hook") })
	g.apply("targets: {}")
	// Another one has its name by now, and a key of its own.
	g.apply("targets: {hook: {type: webhook, url: HOOKS/another}}" + events)
	g.worker()
	g.both(func(in at) {
		signedWith(t, in.got("last", 1)[0], keys[in.id])
		in.got("first", 0)
		in.got("another", 0)
	})
	require.NotEqual(t, keys["north"], keys["south"])
}

// TestBetweenMarkerAndRoot: an edit is under way, and an event is stored under
// it. Its target is called as the edit says.
func TestBetweenMarkerAndRoot(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	const events = "\nevents: {user.added: {targets: [{target: hook}]}}"
	g.apply("targets: {hook: {type: webhook, url: HOOKS/first}}" + events)
	g.worker()
	g.end()
	g.both(func(in at) {
		v, base := in.marked("targets: {hook: {type: webhook, url: HOOKS/second}}" + events)
		in.publish("user.added", 1)
		in.got("second", 1)
		require.NoError(t, in.revisions().SetRoot(within(t, 5*time.Second), v, base))
		in.publish("user.added", 2)
		in.got("second", 2)
		in.got("first", 0)
	})
}

// TestWhoseRuleEndsADelivery: the newest execution that has it, or else the one
// that it was stored under.
func TestWhoseRuleEndsADelivery(t *testing.T) {
	t.Parallel()
	const stop, letter = "{on_exhausted: stop, targets: [{target: hook}]}", "{targets: [{target: hook}]}"
	for name, c := range map[string]struct {
		then, now string
		want      action.OnExhausted
	}{
		"the newest stops":              {"user.added: " + letter, "user.added: " + stop, action.ExhaustedStop},
		"the newest stops no more":      {"user.added: " + stop, "user.added: " + letter, ""},
		"none has it, that of then":     {"user.added: " + stop, "user.changed: " + letter, action.ExhaustedStop},
		"another match is another rule": {"user.added: " + letter, "'user.*': " + stop, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGround(t)
			const targets = "targets: {hook: {type: webhook, url: HOOKS/hook}}\nevents: {"
			g.apply(targets + c.then + "}")
			of := map[string]lineOf{}
			at0 := map[string]uint64{}
			g.both(func(in at) { of[in.id] = in.line("user.added/hook"); at0[in.id] = in.publish("user.added", 1) })
			g.apply(targets + c.now + "}")
			w := g.worker(func(*Options) {
				g.both(func(in at) { require.NoError(t, in.lines().Stop(within(t, 5*time.Second), of[in.id])) })
			})
			g.both(func(in at) {
				claimed, err := w.claim(within(t, 5*time.Second), in.delivery(at0[in.id], of[in.id]))
				require.NoError(t, err)
				require.NotNil(t, claimed)
				require.Equal(t, c.want, claimed.onExhausted())
			})
		})
	}
}

// TestARedrivenLetterOfWhatIsKeptNoMore: neither its revision nor its target is
// there any more. It ends, once.
func TestARedrivenLetterOfWhatIsKeptNoMore(t *testing.T) {
	t.Parallel()
	for name, forget := range map[string]func(in at){
		"its revision is not kept": func(in at) {
			require.NoError(t, in.bucket(bus.BucketCatalog).Purge(within(t, 5*time.Second), in.id+".rev.1"))
		},
		"its marker is not kept": func(in at) { in.purgeMarkers(0) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGround(t)
			g.answer("hook", 400)
			g.apply("targets: {hook: {type: webhook, url: HOOKS/hook}}\nevents: {user.added: {targets: [{target: hook}]}}")
			first := g.worker()
			g.publish("user.added", 1)
			g.both(func(in at) { in.dead(1) })
			require.NoError(t, first.Stop(within(t, 5*time.Second)))
			g.apply("targets: {other: {type: webhook, url: HOOKS/other}}")
			g.end()
			g.both(forget)
			w := g.worker()
			g.both(func(in at) {
				before := in.dead(1)[0]
				require.Equal(t, action.CodeStatus, before.Reason)
				require.NoError(t, in.redrive(before.DeliveryID))
				g.eventually(func() bool {
					now, err := in.letters().Get(within(t, 5*time.Second), before.DeliveryID)
					return err == nil && now.Reason == action.CodeNoTarget
				}, "it is no dead letter")
				require.Equal(t, before.EventType, in.dead(1)[0].EventType, "it stays the letter it was")
				redrive := lineOf{Name: "redrive", Instance: in.id, Async: true, Redrive: true}
				in.drained(redrive)
				in.got("hook", 1)
			})
			require.Zero(t, w.Panics())
		})
	}
}

// TestAnEventWhoseMarkerIsGone belongs to the oldest revision that is kept.
func TestAnEventWhoseMarkerIsGone(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	const targets = "targets: {old: {type: webhook, url: HOOKS/old}, new: {type: webhook, url: HOOKS/new}}\n"
	g.apply(targets + "events: {user.added: {targets: [{target: old}]}}")
	g.publish("user.added", 1)
	g.apply(targets + "events: {user.added: {targets: [{target: old}]}, user.changed: {targets: [{target: new}]}}")
	g.end()
	g.both(func(in at) {
		latest, _, err := in.revisions().Latest(within(t, 5*time.Second))
		require.NoError(t, err)
		in.purgeMarkers(latest.Cut)
		require.NoError(t, in.bucket(bus.BucketCatalog).Purge(within(t, 5*time.Second), in.id+".rev.1"))
	})
	g.worker()
	g.both(func(in at) {
		require.Equal(t, 1, in.got("old", 1)[0].n(t))
		in.drained(in.line("user.added/old"))
		in.dead(0)
	})
}

// TestARedrivenLetterFindsItsTarget under its name, and under another.
func TestARedrivenLetterFindsItsTarget(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.answer("hook", 400)
	g.apply("targets: {hook: {type: webhook, url: HOOKS/hook}}\nevents: {user.added: {targets: [{target: hook}]}}")
	g.worker()
	g.publish("user.added", 1)
	g.both(func(in at) { in.dead(1) })
	g.rename("hook", "renamed")
	g.answer("hook", 200)
	g.both(func(in at) {
		id := in.dead(1)[0].DeliveryID
		require.NoError(t, in.redrive(id))
		again := in.got("hook", 2)[1]
		require.Equal(t, []string{"renamed", id}, []string{again.header.Get("Callout-Target"), again.header.Get("Idempotency-Key")})
		in.drained(lineOf{Name: "redrive", Instance: in.id, Async: true, Redrive: true})
		in.dead(0)
	})
}

// marked makes an edit up to its marker: nobody has been told of it.
func (in at) marked(config string) (v, base version) {
	in.Helper()
	ctx := within(in, 10*time.Second)
	root, _, err := in.revisions().Current(ctx)
	require.NoError(in, err)
	base, err = in.revisions().Version(ctx, root.Revision, nil)
	require.NoError(in, err)
	stamped := catalog.Stamp(base.Matcher.Snapshot(), in.parsed(config), catalog.Stamping{Now: time.Now().UTC(), NewID: func() string { return newID(time.Now()) }})
	m, err := base.Matcher.Next(stamped.Snapshot, stamped.Delta())
	require.NoError(in, err)
	v, err = in.revisions().Add(ctx, base, stamped, action.Revision{Source: "test"})
	require.NoError(in, err)
	v.Matcher = m
	return v, base
}

// TestABacklogBehindAnEditAsksOnce which catalog its events were stored under, not
// for each of them.
func TestABacklogBehindAnEditAsksOnce(t *testing.T) {
	t.Parallel()
	const backlog = 200
	g := newGround(t)
	g.apply(hookOnAdded)
	for n := range backlog {
		g.publish("user.added", n+1)
	}
	g.apply(hookOnAdded + "\nfunctions: {f: {targets: [{target: hook}]}}")
	for n := range backlog {
		g.publish("user.added", backlog+n+1)
	}
	g.apply(hookOnAdded)
	g.end()
	asked := g.asked("")
	g.worker()
	g.both(func(in at) { in.got("hook", 2*backlog) })
	require.NoError(t, g.nc.Flush())
	require.Less(t, asked(), int64(backlog), "for %d deliveries", 4*backlog)
}
