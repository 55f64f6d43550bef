package bus_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
)

// logged is what a bus has logged. It may be written to from any goroutine.
type logged struct {
	mu sync.Mutex
	bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(p)
}

func (l *logged) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.String(), text)
}

// loud is a connection whose log is kept.
func loud(t *testing.T, s *bustest.Server) (*bus.Bus, *logged) {
	t.Helper()
	var log logged
	b, err := bus.Connect(bustest.Within(t, 10*time.Second), bus.Options{URL: s.URL(), Log: zerolog.New(&log)})
	require.NoError(t, err)
	t.Cleanup(b.Close)
	return b, &log
}

// TestUnreadableEntriesAreToldOnce, and again when somebody has written them anew.
func TestUnreadableEntriesAreToldOnce(t *testing.T) {
	t.Parallel()
	b, log := loud(t, bustest.Start(t))
	bad := errors.New("it is garbage \xff")
	for _, id := range bustest.IDs {
		k, v := b.Bucket(bus.BucketLines), bus.Value{Key: b.Instance(id).Token + ".line.a", Revision: 7}
		before := log.count("unreadable entry")
		for range 3 {
			require.False(t, k.Judge(v, bad))
		}
		require.Equal(t, before+1, log.count("unreadable entry"))
		require.True(t, b.Bucket(bus.BucketSecrets).Judge(v, nil), "the same key of another bucket is another entry")
		list, count := b.Unreadable()
		require.Equal(t, []any{1, 1}, []any{len(list), count})
		require.Equal(t, []string{bus.BucketLines, v.Key, "it is garbage \uFFFD"}, []string{list[0].In, list[0].Key, list[0].Why})
		v.Revision = 8
		require.False(t, k.Judge(v, bad))
		require.Equal(t, before+2, log.count("unreadable entry"))
		require.True(t, k.Judge(v, nil))
		_, count = b.Unreadable()
		require.Zero(t, count)
		require.False(t, k.Judge(v, bad), "and then it is spoilt again")
		require.Equal(t, before+3, log.count("unreadable entry"))
		require.True(t, k.Judge(v, nil))
	}
}

// TestMoreUnreadableThanAreNamed are counted, each once however often it is met,
// until they are put right.
func TestMoreUnreadableThanAreNamed(t *testing.T) {
	t.Parallel()
	const more = 50
	b, log := loud(t, bustest.Start(t))
	bad := errors.New("it is garbage")
	judge := func(err error) {
		for n := range bus.MaxUnreadable + more {
			id := bustest.IDs[n%2]
			require.Equal(t, err == nil, b.Bucket(bus.BucketLines).Judge(bus.Value{Key: fmt.Sprint(b.Instance(id).Token, ".line.", n), Revision: 7}, err))
		}
	}
	for range 3 {
		judge(bad)
		list, count := b.Unreadable()
		require.Equal(t, []int{bus.MaxUnreadable, bus.MaxUnreadable + more}, []int{len(list), count})
	}
	require.Equal(t, bus.MaxUnreadable+1, log.count("unreadable entry"), "and the first of those that are only counted")
	for n := range more { // there is room for the others
		require.True(t, b.Bucket(bus.BucketLines).Judge(bus.Value{Key: fmt.Sprint(b.Instance(bustest.IDs[n%2]).Token, ".line.", n)}, nil))
	}
	_, count := b.Unreadable()
	require.Equal(t, bus.MaxUnreadable, count)
	for n := bus.MaxUnreadable; n < bus.MaxUnreadable+more; n++ {
		b.Bucket(bus.BucketLines).Judge(bus.Value{Key: fmt.Sprint(b.Instance(bustest.IDs[n%2]).Token, ".line.", n)}, bad)
	}
	list, count := b.Unreadable()
	require.Equal(t, []int{bus.MaxUnreadable, bus.MaxUnreadable}, []int{len(list), count})
	judge(nil)
	list, count = b.Unreadable()
	require.Equal(t, []int{0, 0}, []int{len(list), count}, "all is well again")
}

// TestUnreadableMessagesPass when nobody meets them any more, for nobody tells that
// they have gone.
func TestUnreadableMessagesPass(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // sleeping moves its clock, and takes no time
		b := new(bus.Bus)
		meet := func(count int) {
			for n := range count {
				require.False(t, b.JudgeMessage("CALLOUT_EVENTS_default", uint64(n), errors.New("it is garbage")))
			}
		}
		counted := func(want int) {
			_, count := b.Unreadable()
			require.Equal(t, want, count)
		}
		meet(bus.MaxUnreadable + 7)
		time.Sleep(9 * time.Minute)
		counted(bus.MaxUnreadable + 7)
		meet(3)
		time.Sleep(9 * time.Minute)
		counted(3)
		require.True(t, b.JudgeMessage("CALLOUT_EVENTS_default", 0, nil))
		counted(2)
		time.Sleep(2 * time.Minute)
		counted(0)
	})
}

func TestShownKeys(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		"a.b": "a.b", "": "", "a\xff": "a\uFFFD", x(200): x(200), x(201): x(200) + "…", x(199) + "ö": x(199) + "…", x(199) + "\xff": x(199) + "…",
	} {
		require.Equal(t, want, bus.ShownKey(key), "%q", key)
	}
}

// TestOnlyObjectsAreDecoded: anything else would be read as an object without
// members.
func TestOnlyObjectsAreDecoded(t *testing.T) {
	t.Parallel()
	for raw, ok := range map[string]bool{
		`{"name":"a"}`: true, " \t\r\n{}": true, "": false, "null": false, "[]": false, `"{}"`: false, "7": false, "{": false,
		"{\"name\":\"\xff\"}": false, `{"name":7}`: false, "\u00a0{}": false, `{} {}`: false,
	} {
		var into struct{ Name string }
		require.Equal(t, ok, bus.Decode([]byte(raw), &into) == nil, "%q", raw)
	}
}

// TestKeysThatNobodyCanAskFor are in a bucket all the same, if somebody has put
// them there: they are left out, and hide no other.
func TestKeysThatNobodyCanAskFor(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, js, own := bustest.Within(t, 30*time.Second), s.JetStream(t), s.Connect(t, bus.Options{})
		k, subject := own.Bucket(bus.BucketSecrets), "$KV.callout_secrets."
		strange := []string{i.Token + ".größe", i.Token + ".a~b", i.Token + "." + x(action.MaxSubject)}
		for _, key := range strange {
			_, err := js.Publish(ctx, subject+key, []byte("theirs"))
			require.NoError(t, err)
			_, _, err = k.Get(ctx, key)
			bustest.Code(t, action.CodeBadField, err)
			bustest.Code(t, action.CodeBadField, k.Put(ctx, key, nil))
			_, err = k.Update(ctx, key, nil, 0)
			bustest.Code(t, action.CodeBadField, err)
			bustest.Code(t, action.CodeBadField, k.Purge(ctx, key))
		}
		longest := i.Token + "." + x(action.MaxSubject-len(i.Token)-1)
		for _, key := range []string{i.Token + ".A-z/0_9=.b", longest} {
			require.NoError(t, k.Put(ctx, key, []byte("ours")))
		}
		var told bustest.Noted
		<-k.Follow(ctx, i.Token+".>", func(v bus.Value) { told.Add(v.Key) })
		require.Equal(t, []string{i.Token + ".A-z/0_9=.b", longest}, told.Get())
		keys, err := k.Keys(ctx, i.Token+".>")
		require.NoError(t, err)
		require.Len(t, keys, 2)
		require.Len(t, unreadable(own, i.Token+"."), 3)
		for _, key := range strange {
			_, err := js.PublishMsg(ctx, &nats.Msg{Subject: subject + key, Header: nats.Header{"KV-Operation": {"PURGE"}}})
			require.NoError(t, err)
		}
		require.Eventually(t, func() bool { return len(unreadable(own, i.Token+".")) == 0 }, time.Minute, time.Millisecond)
	})
}
