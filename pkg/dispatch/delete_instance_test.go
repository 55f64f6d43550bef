package dispatch_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/calls"
	"github.com/callout-hq/callout/pkg/bus/jobs"
	"github.com/callout-hq/callout/pkg/bus/revisions"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/dispatch"
	"github.com/callout-hq/callout/pkg/wire"
)

// everythingOf lists what an instance has in NATS: streams, consumers, and keys of
// every bucket. Whose turn it is lapses by itself, and is left out.
func (f *fleet) everythingOf(t *testing.T, id string) (all []string) {
	t.Helper()
	ctx, token := within(t, 30*time.Second), wire.Token(id)
	streams := f.js.ListStreams(ctx)
	for info := range streams.Info() {
		name := info.Config.Name
		if bucket, is := strings.CutPrefix(name, "KV_"); is {
			for _, key := range f.keysOf(t, bucket) {
				if (key == token || strings.HasPrefix(key, token+".")) && bucket != bus.BucketLeads {
					all = append(all, bucket+" "+key)
				}
			}
			continue
		}
		i := f.bus().Instance(id)
		if !slices.Contains([]string{i.Events, i.Dead, i.Async, i.Attempts}, name) {
			continue
		}
		all = append(all, name)
		s, err := f.js.Stream(ctx, name)
		if err != nil { // it has just gone
			continue
		}
		for consumer := range s.ConsumerNames(ctx).Name() {
			all = append(all, name+"/"+consumer)
		}
	}
	require.NoError(t, streams.Err())
	slices.Sort(all)
	return all
}

// busy makes an instance with all that one can have: organizations, events that
// wait for a paused target, a line that fails, async deliveries and redrives that
// wait, dead letters, a job, what cores have declared, and keys of what has left.
func (of tenant) busy(t *testing.T, d *running, r *receiver) *whole {
	t.Helper()
	r.answer(pathOf(of.id, "y"), http.StatusServiceUnavailable)
	r.answer(pathOf(of.id, "later"), http.StatusServiceUnavailable)
	w := of.whole(t, d, r)
	of.change(t, d, func(current *catalog.Snapshot) *catalog.Snapshot {
		next, sc := current.Draft("")
		later := hook("later", r.url(of.id, "later"))
		later.Kind = action.Async
		sc.Targets["later"] = later
		sc.Sections[action.Function] = append(slices.Clone(sc.Sections[action.Function]), execution("g", "later"))
		return next
	})
	i := d.Instance(of.id)
	w.p.publish(t, of.id, "acme", "user.added", "u", "v")
	require.NoError(t, i.Declare(within(t, 20*time.Second), catalog.Declaration{Core: "core", Functions: []string{"f", "g"}}))
	_, err := i.Begin(within(t, 20*time.Second), jobs.Job{Job: action.Job{Kind: action.JobSkip}, Subscription: "user.*/y", Lane: dispatch.AllLanes, Most: 1})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		_, err := calls.Of(of.bus().Instance(of.id)).Call(within(t, 5*time.Second), calls.CallRequest{Phase: action.Function, Name: "g", Body: []byte(`{}`), Timeout: 3 * time.Second})
		return err == nil && len(r.got(pathOf(of.id, "later"))) > 0 && len(r.got(pathOf(of.id, "y"))) > 0
	}, time.Minute, 50*time.Millisecond)
	return w
}

// follows has a core follow the conditions of an instance, and tells how many it
// knows.
func follows(t *testing.T, f *fleet, id string) (count func() int) {
	t.Helper()
	var known atomic.Int64
	ctx, end := context.WithCancel(context.Background())
	t.Cleanup(end)
	<-revisions.Of(f.bus().Instance(id)).FollowConditions(ctx, func(c catalog.Conditions) {
		n := 0
		for _, of := range c.Orgs {
			n += len(of)
		}
		known.Store(int64(n))
	})
	return func() int { return int(known.Load()) }
}

// flows publishes for an instance until end, which tells how many events it stored.
func (f *fleet) flows(t *testing.T, id string) (end func() []published) {
	t.Helper()
	p, stop := f.publisher(), make(chan struct{})
	var ended sync.WaitGroup
	var err error
	ended.Go(func() {
		for err == nil {
			err = p.store(context.Background(), id, "acme", "user.gone", "w")
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
	return func() []published {
		close(stop)
		ended.Wait()
		require.NoError(t, err)
		return p.events
	}
}

// TestADeletedInstanceLeavesNothing, in NATS and in every process, while another one
// of the same names has all it had and goes on. Made again it begins with nothing.
func TestADeletedInstanceLeavesNothing(t *testing.T) {
	t.Parallel()
	f, r := newFleet(t), newReceiver(t)
	d, second := f.dispatcher(), f.dispatcher()
	f.worker(f.bus())
	gone, stays := tenant{f, instances[0]}, tenant{f, instances[1]} // the id of one begins with that of the other
	w, beside := gone.busy(t, d, r), stays.busy(t, d, r)
	r.answer(pathOf(stays.id, "y"), 0)
	r.answer(pathOf(stays.id, "later"), 0)
	core := follows(t, f, gone.id)
	require.Eventually(t, func() bool { return core() == 2 }, 20*time.Second, 10*time.Millisecond, "functions of the core")
	had := f.everythingOf(t, gone.id)
	for _, part := range []string{"CALLOUT_EVENTS_", "CALLOUT_DEAD_", "CALLOUT_ASYNC_", "CALLOUT_ATTEMPTS_", bus.BucketCatalog, bus.BucketConditions,
		bus.BucketSecrets, bus.BucketLines, bus.BucketJobs, bus.BucketDeclared} {
		require.True(t, slices.ContainsFunc(had, func(one string) bool { return strings.HasPrefix(one, part) }), "%s: or the test shows nothing: %v", part, had)
	}
	usage, err := second.Instance(gone.id).Usage(within(t, 20*time.Second))
	require.NoError(t, err)
	require.Equal(t, []int{5, 5}, []int{usage.Targets, usage.Executions})
	require.EqualValues(t, 4, usage.Events)
	require.Positive(t, usage.EventBytes*usage.DeadLetters*usage.Async*usage.Waiting*usage.AttemptBytes*uint64(usage.Lines), "%+v", usage)
	require.WithinDuration(t, time.Now(), usage.Made, time.Minute)

	flowing := f.flows(t, stays.id)
	was, err := d.Instance(gone.id).Delete(within(t, 30*time.Second))
	require.NoError(t, err)
	require.Equal(t, usage.Events, was.Events)
	for name, one := range map[string]*running{"who deleted it": d, "another one": second} {
		code(t, action.CodeUnknownInstance, one.Instance(gone.id).Skip(within(t, 5*time.Second), "user.*/y", dispatch.AllLanes))
		require.NotContains(t, one.InstanceIDs(), gone.id, name)
	}
	require.Empty(t, f.everythingOf(t, gone.id))
	require.Zero(t, core(), "the core knows of none")
	before := len(r.got(""))
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		require.Empty(t, f.everythingOf(t, gone.id), "nobody heals it")
	}
	require.Greater(t, len(r.got("")), before, "the other one is delivered")
	_, err = calls.Of(f.bus().Instance(gone.id)).Call(within(t, 5*time.Second), calls.CallRequest{Phase: action.Function, Name: "g", Body: []byte(`{}`), Timeout: 3 * time.Second})
	code(t, action.CodeUnknownInstance, err)
	for _, one := range []*running{d, second} {
		lineCount, pauses, doors := one.Sizes()
		require.Equal(t, []int{6, 1, 1}, []int{lineCount, pauses, doors}, "what is left is the other one's")
		require.Equal(t, http.StatusOK, one.ready(t).status)
		require.NotContains(t, one.log.String(), `"instance":"`+gone.id+`","missing"`)
	}
	gone.again(t, d, second, r, w)
	require.Eventually(t, func() bool { return core() == 1 }, 20*time.Second, 10*time.Millisecond, "the core goes by what is configured now")
	events := append(beside.p.events, flowing()...)
	f.reached(t, r, events, 3) // two wait for the paused target, and one was skipped
}

// again makes the instance once more, by the other dispatcher, and sees it work from
// nothing: nothing that was stored before arrives.
func (of tenant) again(t *testing.T, d, second *running, r *receiver, w *whole) {
	t.Helper()
	r.answer(pathOf(of.id, "y"), 0)
	old := len(r.got(pathOf(of.id, "y")))
	revision, err := second.Instance(of.id).Create(within(t, 20*time.Second))
	require.NoError(t, err)
	require.EqualValues(t, 1, revision)
	_, err = second.Instance(of.id).Create(within(t, 20*time.Second))
	code(t, action.CodeAlreadyExists, err)
	usage, err := second.Instance(of.id).Usage(within(t, 20*time.Second))
	require.NoError(t, err)
	require.Equal(t, []uint64{1, 0, 0, 0, 0}, []uint64{usage.Revision, usage.Events, usage.DeadLetters, usage.Async, usage.Attempts})
	require.Eventually(t, func() bool { return slices.Contains(d.InstanceIDs(), of.id) }, 20*time.Second, 10*time.Millisecond)
	of.made(t, d, baseOf(r, of.id))
	key, err := d.Instance(of.id).SigningKey(within(t, 20*time.Second), "", "x")
	require.NoError(t, err)
	require.NotEqual(t, w.key, key)
	_, paused := d.Instance(of.id).Paused("", "z")
	require.False(t, paused)
	p := of.publisher()
	p.publish(t, of.id, "", "user.added", "new")
	of.reach(t, r, map[string]int{pathOf(of.id, "y"): old + 1})
	for _, a := range r.got(pathOf(of.id, "y"))[old:] {
		require.Equal(t, of.id+"//new", a.aggregate, "nothing of before arrives")
	}
	of.settled(t, of.id)
}

// reached waits until all events but a few have reached their targets.
func (f *fleet) reached(t *testing.T, r *receiver, all []published, but int) {
	t.Helper()
	owed, got := f.dues(t, r, all), map[due]bool{}
	require.Eventually(t, func() bool {
		for _, a := range r.got("") {
			if d := (due{a.path, a.aggregate, a.n}); owed[d] != "" {
				got[d] = true
			}
		}
		return len(got) >= len(owed)-but
	}, time.Minute, 20*time.Millisecond)
}

// TestADispatcherDiesWhileItDeletes, behind each of its writes in turn, and nobody
// else is there: whoever starts then goes on, and in the end there is nothing.
// Another instance has all that it had.
func TestADispatcherDiesWhileItDeletes(t *testing.T) {
	t.Parallel()
	stride := strides(t)
	longest := make(chan int, 64)
	t.Run("each", func(t *testing.T) {
		for n := 1; n < 34; n += stride {
			t.Run(fmt.Sprint(n), func(t *testing.T) {
				t.Parallel()
				f, r := newFleet(t), newReceiver(t)
				of, stays := tenant{f, instances[0]}, tenant{f, instances[1]}
				first := f.patient()
				of.whole(t, first, r)
				beside := stays.whole(t, first, r)
				require.NoError(t, first.Stop(within(t, 20*time.Second)))
				steps, died := of.diesDeleting(t, n)
				require.Equal(t, died, len(steps) == n, "%v", steps)
				longest <- len(steps)
				t.Logf("%t: %s", died, strings.Join(steps, ", "))
				survivor := f.patient()
				require.NotContains(t, survivor.InstanceIDs(), of.id)
				require.Eventually(t, func() bool { return len(f.everythingOf(t, of.id)) == 0 }, time.Minute, 100*time.Millisecond)
				beside.stands(t, "the other one")
				_, err := survivor.Instance(of.id).Create(within(t, 30*time.Second))
				require.NoError(t, err)
			})
		}
	})
	close(longest)
	most := 0
	for n := range longest {
		most = max(most, n)
	}
	require.GreaterOrEqual(t, most, 25, "or not every step was met")
}

// diesDeleting has a dispatcher of its own delete the instance, and die behind a
// number of writes.
func (of tenant) diesDeleting(t *testing.T, writes int) (steps []string, died bool) {
	t.Helper()
	c := newCable(t, of.url)
	b := of.busAt(c.url, bus.Options{})
	d := of.dispatcherWith(b, dispatch.Options{})
	ctx, cancel := context.WithCancel(within(t, 30*time.Second))
	defer cancel()
	c.killBehind(of.id, writes)
	ended := make(chan error, 1)
	go func() {
		_, err := d.Instance(of.id).Delete(ctx)
		ended <- err
	}()
	select {
	case <-c.severed:
		died = true
		cancel()
		<-ended
	case err := <-ended:
		require.NoError(t, err)
	}
	c.kill()
	b.Close()
	require.NoError(t, d.Stop(within(t, 20*time.Second)))
	return c.written(), died
}

// TestInstancesAreMadeOnPurpose: an edit makes none, unless the dispatcher was told
// to; who runs it does.
func TestInstancesAreMadeOnPurpose(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	strict, err := dispatch.Start(within(t, 20*time.Second), dispatch.Options{Bus: f.bus(), Log: zerolog.Nop(), Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = strict.Stop(within(t, 10*time.Second)) })
	both(t, f, func(t *testing.T, of tenant) {
		i := strict.Instance(of.id)
		add := func(current *catalog.Snapshot) (*catalog.Snapshot, error) {
			return current.WithTarget("", hook("x", "https://a.example")), nil
		}
		_, _, err := i.Edit(within(t, 20*time.Second), "apply", add)
		code(t, action.CodeUnknownInstance, err)
		_, _, err = i.DryRun(within(t, 20*time.Second), add)
		code(t, action.CodeUnknownInstance, err)
		require.Empty(t, f.everythingOf(t, of.id))
		_, _, doors := strict.Sizes()
		require.LessOrEqual(t, doors, 1, "nobody remembers what was asked for")
		_, err = i.Create(within(t, 20*time.Second))
		require.NoError(t, err)
		_, after, err := i.Edit(within(t, 20*time.Second), "apply", add)
		require.NoError(t, err)
		require.EqualValues(t, 2, after)
	})
	made := f.dispatcher()
	_, _, err = made.Instance("by the way").Edit(within(t, 20*time.Second), "apply", func(current *catalog.Snapshot) (*catalog.Snapshot, error) { return current, nil })
	require.NoError(t, err)
}

// TestAFollowedInstanceStays: what a running dispatcher follows a file for is not
// deleted.
func TestAFollowedInstanceStays(t *testing.T) {
	t.Parallel()
	f, r := newFleet(t), newReceiver(t)
	d, second := f.dispatcher(), f.dispatcher()
	both(t, f, func(t *testing.T, of tenant) {
		of.made(t, d, baseOf(r, of.id))
		following, end := context.WithCancel(t.Context())
		keep, err := f.bus().Instance(of.id).KeepFollowed(following, "callout.yaml")
		require.NoError(t, err)
		kept := make(chan struct{})
		go func() { defer close(kept); keep() }()
		require.Eventually(t, func() bool { _, err := second.Instance(of.id).Catalog(within(t, 20*time.Second), 0); return err == nil },
			time.Minute, time.Millisecond, "it has heard of it")
		_, err = second.Instance(of.id).Delete(within(t, 20*time.Second))
		code(t, action.CodeFileOwned, err)
		end()
		<-kept
		_, err = second.Instance(of.id).Delete(within(t, 30*time.Second))
		require.NoError(t, err)
		_, err = second.Instance(of.id).Delete(within(t, 30*time.Second))
		code(t, action.CodeUnknownInstance, err)
	})
}
