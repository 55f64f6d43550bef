package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/embed"
	"github.com/callout-hq/callout/pkg/bus/jobs"
)

func TestMain(m *testing.M) {
	// The embedded server keeps a few workers for the whole process.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server.init.0.func1"))
}

// prepared is a broker with the buckets in it, the jobs of two instances, and a
// time within which a test is done.
func prepared(t *testing.T) (ctx context.Context, b *bus.Bus, one, other jobs.Jobs) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	s, err := embed.Start(embed.Options{Data: t.TempDir(), Listen: "127.0.0.1:0", Log: zerolog.Nop()})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	b, err = bus.Connect(ctx, bus.Options{URL: s.URL(), Log: zerolog.Nop()})
	require.NoError(t, err)
	t.Cleanup(b.Close)
	require.NoError(t, b.EnsureInstallation(ctx))
	return ctx, b, jobs.Of(b.Instance("default")), jobs.Of(b.Instance("other"))
}

func id(n int) string { return fmt.Sprintf("01M8K0Z2TMA3ZFYXFTCVW%05d", n) }

func running(n int) jobs.Job { return jobs.Job{Job: action.Job{ID: id(n), State: action.JobRunning}} }

// TestJobsAreBounded: one too many is refused, and of those that ended the
// oldest go.
func TestJobsAreBounded(t *testing.T) {
	t.Parallel()
	ctx, _, one, other := prepared(t)
	for n := range action.MaxJobs {
		_, err := one.Add(ctx, running(n))
		require.NoError(t, err)
	}
	_, err := one.Add(ctx, running(99))
	require.Equal(t, action.CodeBusy, action.CodeOf(err), "%v", err)
	_, err = other.Add(ctx, running(99))
	require.NoError(t, err, "another instance has its own")
	now := time.Now()
	for n := 100; n < 100+action.MaxEndedJobs+3; n++ {
		_, err := one.Put(ctx, jobs.Job{Job: action.Job{ID: id(n), State: action.JobDone, Ended: now}})
		require.NoError(t, err)
	}
	_, err = one.Put(ctx, jobs.Job{Job: action.Job{ID: id(999), State: action.JobDone, Ended: now.Add(-action.KeepJobs)}})
	require.NoError(t, err)
	require.NoError(t, one.Sweep(ctx, now))
	all, err := one.List(ctx)
	require.NoError(t, err)
	require.Len(t, all, action.MaxJobs+action.MaxEndedJobs-1, "the oldest of the ended, and the one of yesterday, are gone")
	require.Equal(t, id(100+action.MaxEndedJobs+2), all[0].ID, "the newest first")
	for _, none := range []string{id(100), "*", ">", ""} {
		_, err = one.Get(ctx, none)
		require.Equal(t, action.CodeNotFound, action.CodeOf(err), "%q: %v", none, err)
	}
}

// TestWhoReadAnOldJobWritesNothing: two that went on from the same cannot both
// note how far they came.
func TestWhoReadAnOldJobWritesNothing(t *testing.T) {
	t.Parallel()
	ctx, _, one, _ := prepared(t)
	_, err := one.Add(ctx, running(1))
	require.NoError(t, err)
	first, err := one.Get(ctx, id(1))
	require.NoError(t, err)
	second := first
	first.Done = 1
	first, err = one.Put(ctx, first)
	require.NoError(t, err)
	second.Done = 2
	_, err = one.Put(ctx, second)
	require.Equal(t, action.CodeConflict, action.CodeOf(err), "%v", err)
	first.Done = 3
	_, err = one.Put(ctx, first)
	require.NoError(t, err)
}

// TestJobOfANewerVersion is refused by name, and hides no other from who
// follows.
func TestJobOfANewerVersion(t *testing.T) {
	t.Parallel()
	ctx, b, one, _ := prepared(t)
	require.NoError(t, b.Bucket(bus.BucketJobs).Put(ctx, "default."+id(1), fmt.Appendf(nil, `{"id":%q,"format":%d}`, id(1), action.Format+1)))
	_, err := one.Get(ctx, id(1))
	require.Equal(t, action.CodeNewer, action.CodeOf(err), "%v", err)
	_, err = one.Put(ctx, running(2))
	require.NoError(t, err)
	following, stop := context.WithCancel(ctx)
	defer stop()
	told := make(chan string, 10)
	<-jobs.Follow(following, b, func(_ string, j *jobs.Job) { told <- j.ID })
	require.Equal(t, id(2), <-told)
}

// TestWatch tells of each change, and ends when the job is removed.
func TestWatch(t *testing.T) {
	t.Parallel()
	ctx, _, one, _ := prepared(t)
	j, err := one.Add(ctx, running(1))
	require.NoError(t, err)
	var seen []uint64
	require.NoError(t, one.Watch(ctx, j.ID, func(now jobs.Job) (bool, error) {
		if n := len(seen); n > 0 && seen[n-1] == now.Done {
			return true, nil // told once more
		}
		seen = append(seen, now.Done)
		if now.Done == 2 {
			return true, one.Forget(ctx, j.ID)
		}
		j.Done++
		j, err = one.Put(ctx, j)
		return true, err
	}))
	require.Equal(t, []uint64{0, 1, 2}, seen)
}

// TestWatchEnds in every other way: with who watches, by his word, and when there is
// nothing to watch.
func TestWatchEnds(t *testing.T) {
	t.Parallel()
	ctx, _, one, other := prepared(t)
	for _, of := range []jobs.Jobs{one, other} {
		_, err := of.Add(ctx, running(1))
		require.NoError(t, err)
		enough := errors.New("enough")
		require.ErrorIs(t, of.Watch(ctx, id(1), func(jobs.Job) (bool, error) { return true, enough }), enough)
		require.NoError(t, of.Watch(ctx, id(1), func(jobs.Job) (bool, error) { return false, nil }))
		watching, stop := context.WithCancel(ctx)
		err = of.Watch(watching, id(1), func(jobs.Job) (bool, error) { stop(); return true, nil })
		require.Equal(t, action.CodeCancelled, action.CodeOf(err), "%v", err)
		err = of.Watch(ctx, id(2), func(jobs.Job) (bool, error) { return true, nil })
		require.Equal(t, action.CodeNotFound, action.CodeOf(err), "%v", err)
		err = of.Watch(ctx, id(1), func(jobs.Job) (bool, error) {
			return true, of.Bucket(bus.BucketJobs).Put(ctx, of.Token+"."+id(1), []byte("garbage"))
		})
		require.Equal(t, action.CodeUnreadable, action.CodeOf(err), "%v", err)
	}
}

// TestJobsThatCannotBeRead hide no other, and who follows hears that they are gone.
func TestJobsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	ctx, b, one, other := prepared(t)
	for _, of := range []jobs.Jobs{one, other} {
		_, err := of.Put(ctx, running(1))
		require.NoError(t, err)
		following, stop := context.WithCancel(ctx)
		told := make(chan string, 20)
		<-jobs.Follow(following, b, func(key string, j *jobs.Job) {
			if strings.HasPrefix(key, of.Token+".") {
				told <- fmt.Sprint(key[len(of.Token)+1:], " ", j != nil)
			}
		})
		require.Equal(t, id(1)+" true", <-told)
		for n, value := range []string{"garbage", "null", `{"id":"` + id(1) + `"}`, `{"id":"` + id(5) + `","instance":"another"}`, `{"id":"*"}`} {
			require.NoError(t, b.Bucket(bus.BucketJobs).Put(ctx, of.Token+"."+id(n+2), []byte(value)))
			require.Equal(t, id(n+2)+" false", <-told, value)
			_, err := of.Get(ctx, id(n+2))
			require.Equal(t, action.CodeUnreadable, action.CodeOf(err), "%s: %v", value, err)
			require.NotContains(t, err.(*action.Error).Message, id(n+2), "where it lies is the operator's") //nolint:errorlint // nothing else is returned
		}
		all, err := of.List(ctx)
		require.NoError(t, err)
		require.Len(t, all, 1)
		require.NoError(t, of.Sweep(ctx, time.Now()), "what runs stays")
		require.NoError(t, of.Forget(ctx, id(1)))
		require.Equal(t, id(1)+" false", <-told)
		stop()
	}
}
