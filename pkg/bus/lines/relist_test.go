package lines_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/lines"
)

// TestLinesAreListedAgain from their consumers, whatever was lost of the book, and
// without what passes.
func TestLinesAreListedAgain(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, b, kv := bustest.Within(t, time.Minute), lines.Of(i), s.Bucket(t, bus.BucketLines)
		var all []lines.Line
		for name, kind := range map[string]func(*lines.Line){
			"ordered": func(l *lines.Line) { l.Org, l.Owner, l.TargetID, l.Lane, l.Lanes = "acme", "other", "id-1", 3, 4 },
			"replay":  func(l *lines.Line) { l.Replay, l.Unordered, l.DrainTo, l.MadeAt, l.Revision = true, true, 9, 7, 8 },
			"taken":   func(l *lines.Line) { l.Job, l.AckWait, l.MaxStop = "job", 7*time.Second, time.Hour },
			"async":   func(l *lines.Line) { l.Async, l.Unordered, l.Cut, l.Condition = true, true, 0, action.Condition{} },
			"redrive": func(l *lines.Line) { l.Async, l.Redrive, l.Unordered, l.Cut = true, true, true, 0 },
		} {
			all = append(all, line(t, i, "user.*", func(l *lines.Line) { l.Name = name; kind(l) }))
		}
		before, err := b.List(ctx)
		require.NoError(t, err)
		require.Len(t, before, len(all))
		n, err := b.Relist(ctx, before)
		require.NoError(t, err)
		require.Zero(t, n)
		for _, lose := range []func(key string) error{
			func(key string) error { return kv.Purge(ctx, key) },
			func(key string) error { _, err := kv.Put(ctx, key, []byte("garbage")); return err },
		} {
			for _, l := range all[1:] {
				require.NoError(t, lose(i.Token+".line."+l.Name))
			}
			left, err := b.List(ctx)
			require.NoError(t, err)
			require.Len(t, left, 1)
			n, err := b.Relist(ctx, left)
			require.NoError(t, err)
			require.Equal(t, len(all)-1, n)
			now, err := b.List(ctx)
			require.NoError(t, err)
			for m := range before {
				if before[m].Name != all[0].Name {
					before[m].Job = ""
				}
			}
			require.ElementsMatch(t, before, now)
		}
	})
}

// TestOtherConsumersAreNoLines: nobody's are, those of another instance, and those
// that keep something else than what they are.
func TestOtherConsumersAreNoLines(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, js, b := bustest.Within(t, time.Minute), s.JetStream(t), lines.Of(i)
		l := line(t, i, "user.added", nil)
		own := settings(t, s, i.Events, l.Name)
		for name, change := range map[string]func(meta map[string]string){
			"bare":     func(meta map[string]string) { clear(meta) },
			"another":  func(meta map[string]string) { meta["callout_instance"], meta["callout_line"] = "another", "" },
			"nobodys":  func(meta map[string]string) { delete(meta, "callout_instance"); delete(meta, "callout_line") },
			"of_other": func(map[string]string) {}, // which keeps the entry of line
			"garbage":  func(meta map[string]string) { meta["callout_line"] = "garbage" },
			"lanes":    func(meta map[string]string) { meta["callout_line"] = ""; meta["callout_lane"] = "4/4" },
			"no_lane":  func(meta map[string]string) { meta["callout_line"] = ""; meta["callout_lane"] = "" },
			"elsewhere": func(meta map[string]string) {
				raw, err := json.Marshal(lines.Line{Name: "elsewhere", Instance: i.ID, Target: "hook", Lanes: 1, Async: true})
				require.NoError(t, err)
				meta["callout_line"] = string(raw)
			},
		} {
			cfg := own
			cfg.Durable, cfg.Name, cfg.Metadata = name, name, map[string]string{}
			for key, value := range own.Metadata {
				cfg.Metadata[key] = value
			}
			change(cfg.Metadata)
			_, err := js.CreateConsumer(ctx, i.Events, cfg)
			require.NoError(t, err)
		}
		n, err := b.Relist(ctx, []lines.Line{l})
		require.NoError(t, err)
		require.Zero(t, n)
		_, err = lines.Of(i.Bus.Instance("nobody")).Relist(ctx, nil)
		bustest.Code(t, action.CodeMissing, err)
	})
}

// TestLinesOfAnOlderVersion keep no entry in their consumers: what those tell
// otherwise has to do.
func TestLinesOfAnOlderVersion(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, js, b := bustest.Within(t, time.Minute), s.JetStream(t), lines.Of(i)
		older := func(stream string, kind func(*lines.Line)) {
			l := line(t, i, "user.*", kind)
			cfg := settings(t, s, stream, l.Name)
			delete(cfg.Metadata, "callout_line")
			_, err := js.UpdateConsumer(ctx, stream, cfg)
			require.NoError(t, err)
			require.NoError(t, s.Bucket(t, bus.BucketLines).Purge(ctx, i.Token+".line."+l.Name))
		}
		older(i.Events, func(l *lines.Line) {
			l.Name, l.Org, l.Owner, l.Lane, l.Lanes, l.Cut, l.Revision = "event", "acme", "other", 1, 4, 5, 6
		})
		older(i.Async, func(l *lines.Line) { l.Name, l.Async, l.Redrive, l.Unordered, l.Cut = "redrive", true, true, true, 0 })
		older(i.Async, func(l *lines.Line) { l.Name, l.Async, l.Unordered, l.Cut = "async", true, true, 0 })
		n, err := b.Relist(ctx, nil)
		require.NoError(t, err)
		require.Equal(t, 3, n)
		stream, err := js.Stream(ctx, i.Events)
		require.NoError(t, err)
		for _, want := range []lines.Line{
			{Name: "event", Org: "acme", Owner: "other", Lane: 1, Lanes: 4, Cut: 5, Revision: 6, Condition: onEvent("user.*"), MadeAt: stream.CachedInfo().Created.UnixNano()},
			{Name: "redrive", Async: true, Redrive: true, Unordered: true, Lanes: 1},
			{Name: "async", Async: true, Unordered: true, Lanes: 1},
		} {
			want.Instance, want.Target, want.AckWait, want.Format = i.ID, "hook", bus.DefaultAckWait, action.Format
			got, ok, err := b.Now(ctx, want.Name)
			require.NoError(t, err)
			require.True(t, ok)
			require.Equal(t, want, got)
			require.Empty(t, righted(t, i, got))
		}
	})
}

// TestTitlesOfConsumers say to who lists them by plain NATS what they are.
func TestTitlesOfConsumers(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		titles := map[string]func(*lines.Line){
			"user.* to hook":                          func(*lines.Line) {},
			"acme: user.* to hook":                    func(l *lines.Line) { l.Org = "acme" },
			"user.* to hook, lane 3 of 4":             func(l *lines.Line) { l.Lane, l.Lanes = 3, 4 },
			"user.* to hook, replay":                  func(l *lines.Line) { l.Replay = true },
			"async hook":                              func(l *lines.Line) { l.Async, l.Cut = true, 0 },
			"dead letters sent again":                 func(l *lines.Line) { l.Async, l.Redrive, l.Cut = true, true, 0 },
			"a: user.* to hook, replay, lane 0 of 16": func(l *lines.Line) { l.Org, l.Replay, l.Lanes = "a", true, 16 },
		}
		n := 0
		for title, kind := range titles {
			n++
			l := line(t, i, "user.*", func(l *lines.Line) { l.Name = "line" + string(rune('a'+n)); kind(l) })
			stream := i.Events
			if l.Async {
				stream = i.Async
			}
			cfg := settings(t, s, stream, l.Name)
			require.Equal(t, title, cfg.Description)
			require.Equal(t, jetstream.AckExplicitPolicy, cfg.AckPolicy)
			require.Equal(t, i.ID, cfg.Metadata["callout_instance"])
		}
	})
}

// TestRelistThatFails leaves nothing behind that waits for a reader: the check for
// goroutines at the end of the package sees it.
func TestRelistThatFails(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	i := bustest.Prepared(t, s.Connect(t, bus.Options{}), "default")
	for _, name := range []string{"a", "b", "c"} {
		line(t, i, "user.*", func(l *lines.Line) { l.Name = name })
	}
	ctx := bustest.Within(t, time.Minute)
	js, err := jetstream.New(s.Plain(t))
	require.NoError(t, err)
	require.NoError(t, js.DeleteStream(ctx, "KV_"+bus.BucketLines))
	_, err = lines.Of(i).Relist(ctx, nil)
	bustest.Code(t, action.CodeMissing, err)
}
