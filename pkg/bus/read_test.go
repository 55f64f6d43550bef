package bus_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/wire"
)

// TestReadBringsManyAtOnce, of one instance and one filter, with all that the
// stream says of each.
func TestReadBringsManyAtOnce(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		ctx := bustest.Within(t, 30*time.Second)
		for n := range 6 { // 2 to 7
			bustest.Publish(t, i, fmt.Sprint(n), "u", []string{"user.added", "user.removed"}[n%2])
		}
		added := "callout.event." + i.Token + ".*.*.*.*.user.added"
		for _, c := range []struct {
			filter string
			from   uint64
			most   int
			want   []uint64
		}{
			{"callout.event." + i.Token + ".>", 0, 100, []uint64{2, 3, 4, 5, 6, 7}},
			{added, 0, 100, []uint64{2, 4, 6}},
			{added, 4, 100, []uint64{4, 6}},
			{added, 5, 1, []uint64{6}},
			{added, 7, 100, nil},
			{"callout.event.another.>", 0, 100, nil},
		} {
			all, err := i.Read(ctx, i.Events, c.filter, c.from, c.most)
			require.NoError(t, err)
			var got []uint64
			for _, m := range all {
				got = append(got, m.Sequence)
				require.Equal(t, bustest.Body(i, fmt.Sprint(m.Sequence-2)), string(m.Body))
				require.WithinDuration(t, time.Now(), m.StoredAt, time.Minute)
				require.NotEmpty(t, m.Header.Get(jetstream.MsgIDHeader))
				at, err := wire.ParseStoredEvent(m.Subject)
				require.NoError(t, err)
				require.Equal(t, i.ID, at.Instance)
			}
			require.Equal(t, c.want, got, "%+v", c)
		}
	})
}

// TestReadIsBounded, by number and by size.
func TestReadIsBounded(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{MaxStream: 64 << 20}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		ctx := bustest.Within(t, time.Minute)
		subject := func(n int) string { return fmt.Sprintf("callout.dead.%s.%d", i.Token, n) }
		var msgs []*nats.Msg
		for n := range 520 {
			msgs = append(msgs, nats.NewMsg(subject(n)))
		}
		for _, err := range i.StoreEach(ctx, i.Dead, msgs, func(int) []jetstream.PublishOpt { return nil }) {
			require.NoError(t, err)
		}
		all, err := i.Read(ctx, i.Dead, "callout.dead."+i.Token+".>", 1, 10000)
		require.NoError(t, err)
		require.Len(t, all, 512)
		for n := range 10 {
			large := nats.NewMsg(subject(1000 + n))
			large.Data = make([]byte, 1<<20)
			_, err := i.Store(ctx, i.Dead, large)
			require.NoError(t, err)
		}
		all, err = i.Read(ctx, i.Dead, "callout.dead."+i.Token+".>", 521, 10000)
		require.NoError(t, err)
		require.Greater(t, len(all), 1)
		require.Less(t, len(all), 10, "8 MiB are enough")
	})
}

// TestReadFails in every way that it can: never is a part of it told as the whole.
func TestReadFails(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx := bustest.Within(t, time.Minute)
		bustest.Publish(t, i, "a", "u", "user.added")
		all := "callout.event." + i.Token + ".>"
		_, err := i.Read(ctx, i.Bus.Instance("nobody").Events, all, 1, 1)
		bustest.Code(t, action.CodeMissing, err)
		require.ErrorContains(t, err, i.Bus.Instance("nobody").Events)
		ended, cancel := context.WithCancel(ctx)
		cancel()
		_, err = i.Read(ended, i.Events, all, 1, 1)
		bustest.Code(t, action.CodeCancelled, err)

		p := s.Proxy(t)
		far := s.Connect(t, bus.Options{URL: p.URL()}).Instance(i.ID)
		whileRenewed(t, p, far, func() error { _, err := far.Read(ctx, i.Events, all, 1, 1); return err })
		far.Close()
		_, err = far.Read(ctx, i.Events, all, 1, 1)
		bustest.Code(t, action.CodeUnavailable, err)
	})
}

// whileRenewed has the connection made anew while something is asked over it: what
// was asked on the old one is forgotten, and nobody has cancelled it.
func whileRenewed(t *testing.T, p *bustest.Proxy, i bus.Instance, ask func() error) {
	t.Helper()
	p.Hold()
	sent, answered := i.Conn().Stats().OutMsgs, make(chan error, 1)
	go func() { answered <- ask() }()
	require.Eventually(t, func() bool { return i.Conn().Stats().OutMsgs > sent }, time.Minute, time.Millisecond)
	renewed := i.Renewed()
	p.Cut()
	p.Release()
	<-renewed
	bustest.Code(t, action.CodeUnavailable, <-answered)
}

// TestNobodyCancelledWhatAnotherConnectionWasAsked, of streams and of buckets.
func TestNobodyCancelledWhatAnotherConnectionWasAsked(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx := bustest.Within(t, time.Minute)
		for name, ask := range map[string]func(bus.Instance) error{
			"direct": func(i bus.Instance) error { _, err := i.SequenceAt(ctx, time.Unix(0, 0)); return err },
			"keys":   func(i bus.Instance) error { _, err := i.Bucket(bus.BucketSecrets).Keys(ctx, ">"); return err },
		} {
			p := s.Proxy(t)
			far := s.Connect(t, bus.Options{URL: p.URL()}).Instance(i.ID)
			require.NoError(t, ask(far), name) // what is opened once is not asked for again
			whileRenewed(t, p, far, func() error { return ask(far) })
		}
	})
}

// TestOneMessage is read by its sequence, as the next of a filter or the newest of a
// subject.
func TestOneMessage(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		ctx := bustest.Within(t, 30*time.Second)
		for n := range 4 { // 2 to 5
			bustest.Publish(t, i, fmt.Sprint(n), "u", []string{"user.added", "user.removed"}[n%2])
		}
		added, nobody := "callout.event."+i.Token+".*.*.*.*.user.added", i.Bus.Instance("nobody").Events
		at := func(sequence uint64) (bus.Message, bool, error) { return i.At(ctx, i.Events, sequence) }
		next := func(from uint64) (bus.Message, bool, error) { return i.Next(ctx, i.Events, added, from) }
		for sequence, want := range map[uint64][2]uint64{0: {0, 2}, 1: {1, 2}, 2: {2, 2}, 3: {3, 4}, 4: {4, 4}, 5: {5, 0}, 6: {0, 0}} {
			for n, ask := range []func(uint64) (bus.Message, bool, error){at, next} {
				m, ok, err := ask(sequence)
				require.NoError(t, err)
				require.Equal(t, []any{want[n] > 0, want[n]}, []any{ok, m.Sequence}, "%d", sequence)
				if m.Sequence > 1 {
					require.Equal(t, bustest.Body(i, fmt.Sprint(m.Sequence-2)), string(m.Body))
				}
			}
		}
		first, _, err := at(2)
		require.NoError(t, err)
		last, ok, err := i.Last(ctx, i.Events, first.Subject)
		require.NoError(t, err)
		require.Equal(t, []any{true, uint64(4)}, []any{ok, last.Sequence})
		_, ok, err = i.Last(ctx, i.Events, first.Subject+".no")
		require.NoError(t, err)
		require.False(t, ok)
		_, _, err = i.Last(ctx, nobody, first.Subject)
		bustest.Code(t, action.CodeMissing, err)
		_, _, err = i.At(ctx, nobody, 1)
		bustest.Code(t, action.CodeMissing, err)
		_, ok, err = i.Next(ctx, i.Events, "no..filter", 1)
		require.NoError(t, err)
		require.False(t, ok)
	})
}

// TestHeadersOfAPublisherAreHis: whatever he names as the server does, it is read
// where it lies, and no answer is taken for the end of something.
func TestHeadersOfAPublisherAreHis(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, js := bustest.Within(t, 30*time.Second), s.JetStream(t)
		publish := func(h nats.Header) uint64 {
			ack, err := js.PublishMsg(ctx, &nats.Msg{Subject: "callout.event." + i.Token + ".acme.u.user.added", Data: []byte(i.ID), Header: h})
			require.NoError(t, err)
			return ack.Sequence
		}
		filter, began := "callout.event."+i.Token+".>", time.Now().Add(-time.Second)
		for _, h := range []nats.Header{
			{"Status": {"404"}}, {"Status": {"204"}}, {"Status": {"100"}, "Description": {"FlowControl Request"}}, {"Status": {"503"}},
			{"Nats-Sequence": {"77"}}, {"Nats-Sequence": {"77", "no number"}}, {"Nats-Subject": {"a.b"}}, {"Nats-Time-Stamp": {"noon"}},
		} {
			sequence := publish(h)
			all, err := i.Read(ctx, i.Events, filter, sequence, 10)
			require.NoError(t, err, "%v", h)
			require.Len(t, all, 1, "%v", h)
			one, ok, err := i.Next(ctx, i.Events, filter, sequence)
			require.NoError(t, err, "%v", h)
			require.True(t, ok, "%v", h)
			for _, m := range []bus.Message{all[0], one} {
				require.Equal(t, []any{sequence, i.ID}, []any{m.Sequence, string(m.Body)}, "%v", h)
				at, err := wire.ParseStoredEvent(m.Subject)
				require.NoError(t, err, "%v", h)
				require.Equal(t, i.ID, at.Instance, "%v", h)
				require.WithinRange(t, m.StoredAt, began, time.Now().Add(time.Second), "%v", h)
			}
			at, err := i.SequenceAt(ctx, one.StoredAt)
			require.NoError(t, err)
			require.Equal(t, sequence, at, "%v", h)
		}
	})
}

// TestHeadersOfAValueAreHisToo who wrote it: its revision is where it lies.
func TestHeadersOfAValueAreHisToo(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, js, k, key := bustest.Within(t, 30*time.Second), s.JetStream(t), i.Bucket(bus.BucketSecrets), i.Token+".key"
		for _, h := range []nats.Header{{"Status": {"404"}}, {"Status": {"503"}}, {"Nats-Sequence": {"77"}}, {"Nats-Subject": {"a.b"}}, {"Nats-Time-Stamp": {"noon"}}} {
			for _, body := range []string{"theirs", ""} {
				ack, err := js.PublishMsg(ctx, &nats.Msg{Subject: "$KV.callout_secrets." + key, Data: []byte(body), Header: h})
				require.NoError(t, err)
				v, ok, err := k.Get(ctx, key)
				require.NoError(t, err, "%v", h)
				require.Equal(t, []any{true, key, body, ack.Sequence}, []any{ok, v.Key, string(v.Bytes), v.Revision}, "%v", h)
				_, err = k.Update(ctx, key, []byte("ours"), v.Revision)
				require.NoError(t, err, "%v", h)
			}
		}
	})
}
