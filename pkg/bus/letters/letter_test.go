package letters_test

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
	"github.com/callout-hq/callout/pkg/bus/letters"
	"github.com/callout-hq/callout/pkg/wire"
)

// aLetter is one of an instance, whose body says of which.
func aLetter(i bus.Instance, id string) action.DeadLetter {
	return action.DeadLetter{DeliveryID: id, Instance: i.ID, Target: "hook", Phase: action.OnEvent, Attempts: 3,
		Reason: action.CodeExhausted, LastError: "zwei\nZeilen", Body: []byte(bustest.Body(i, id))}
}

// all lists the letters of an instance.
func all(t *testing.T, i bus.Instance) []letters.Letter {
	t.Helper()
	list, err := letters.Of(i).All(bustest.Within(t, 20*time.Second))
	require.NoError(t, err)
	return list
}

// redrives reads what is to be sent again.
func redrives(t *testing.T, s *bustest.Server, i bus.Instance) (list []*nats.Msg) {
	t.Helper()
	ctx := bustest.Within(t, 20*time.Second)
	stream, err := s.JetStream(t).Stream(ctx, i.Async)
	require.NoError(t, err)
	for n := range stream.CachedInfo().State.LastSeq {
		if raw, err := stream.GetMsg(ctx, n+1); err == nil {
			list = append(list, &nats.Msg{Subject: raw.Subject, Header: raw.Header, Data: raw.Data})
		}
	}
	return list
}

func TestDeadLetterIsKeptOnce(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		ctx := bustest.Within(t, 30*time.Second)
		require.Empty(t, shown(all(t, i)))
		letter := aLetter(i, "dlv_1")
		letter.Body = []byte("not {json")
		require.NoError(t, letters.Of(i).Keep(ctx, letter, 0))
		second := letter
		second.Attempts, second.Body = 99, []byte("another")
		require.NoError(t, letters.Of(i).Keep(ctx, second, 0), "a repeat is no error")
		require.Equal(t, []letters.Letter{{DeadLetter: letter, Place: 1}}, shown(all(t, i)))
		last, err := letters.Of(i).LastPlace(ctx)
		require.NoError(t, err)
		require.EqualValues(t, 1, last, "it took no place")
	})
}

// TestDeadLettersOfTwoInstances has two letters of one delivery id: one is taken
// out, the other stays.
func TestDeadLettersOfTwoInstances(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	pair := bustest.Pair(t, s.Connect(t, bus.Options{}))
	ctx := bustest.Within(t, 30*time.Second)
	for _, i := range pair {
		require.NoError(t, letters.Of(i).Keep(ctx, aLetter(i, "dlv_1"), 0))
	}
	require.NoError(t, discard(ctx, letters.Of(pair[0]), "dlv_1"))
	require.Empty(t, all(t, pair[0]))
	require.Equal(t, []letters.Letter{{DeadLetter: aLetter(pair[1], "dlv_1"), Place: 1}}, shown(all(t, pair[1])))
	require.NoError(t, redrive(ctx, letters.Of(pair[1]), "dlv_1"))
	require.Empty(t, redrives(t, s, pair[0]))
	require.Len(t, redrives(t, s, pair[1]), 1)
}

// TestDeadLetterThatDiedAgain takes the place of the one that was sent.
func TestDeadLetterThatDiedAgain(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		ctx := bustest.Within(t, 30*time.Second)
		first := aLetter(i, "dlv_1")
		require.NoError(t, letters.Of(i).Keep(ctx, first, 0))
		again := first
		again.Attempts = 6
		require.NoError(t, letters.Of(i).Keep(ctx, again, 1))
		require.Equal(t, []letters.Letter{{DeadLetter: again, Place: 2}}, shown(all(t, i)))
		require.NoError(t, letters.Of(i).Keep(ctx, again, 1), "and once more, after a crash")
		require.Len(t, all(t, i), 1)
	})
}

func TestDeadLettersHavePlaces(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		ctx, l := bustest.Within(t, 30*time.Second), letters.Of(i)
		last, err := l.LastPlace(ctx)
		require.NoError(t, err)
		require.Zero(t, last)
		for _, id := range []string{"a", "b", "c"} {
			require.NoError(t, l.Keep(ctx, aLetter(i, id), 0))
		}
		require.NoError(t, discard(ctx, l, "b"))
		again := aLetter(i, "b")
		again.Body = []byte("again")
		require.NoError(t, l.Keep(ctx, again, 0))

		read := func(from uint64, most int) (ids []string, places []uint64) {
			require.NoError(t, l.Each(ctx, from, func(l letters.Letter) bool {
				ids, places = append(ids, l.DeliveryID), append(places, l.Place)
				return len(ids) < most
			}))
			return ids, places
		}
		ids, places := read(0, 10)
		require.Equal(t, []string{"a", "c", "b"}, ids)
		require.Equal(t, []uint64{1, 3, 4}, places)
		ids, _ = read(2, 1)
		require.Equal(t, []string{"c"}, ids)
		ids, _ = read(5, 10)
		require.Empty(t, ids)
		last, err = l.LastPlace(ctx)
		require.NoError(t, err)
		require.EqualValues(t, 4, last)

		one, err := l.Get(ctx, "b")
		require.NoError(t, err)
		require.Equal(t, []any{uint64(4), "again"}, []any{one.Place, string(one.Body)})
		for _, err := range []error{discard(ctx, l, "d"), redrive(ctx, l, "d")} {
			bustest.Code(t, action.CodeNotFound, err)
		}
		_, err = l.Get(ctx, "d")
		bustest.Code(t, action.CodeNotFound, err)
		require.NoError(t, l.Forget(ctx, 2), "what is gone is gone")
		require.NoError(t, l.Forget(ctx, 1000))
	})
}

// TestUnreadableDeadLetter was put there by somebody else. It is left out, and
// hides no other.
func TestUnreadableDeadLetter(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, js := bustest.Within(t, 30*time.Second), s.JetStream(t)
		require.NoError(t, letters.Of(i).Keep(ctx, aLetter(i, "a"), 0))
		for id, facts := range map[string]string{"none": "", "text": "facts", "apart": `{}`} {
			m := nats.NewMsg(wire.DeadSubject(i.ID, id))
			m.Header.Set("Callout-Dead-Letter", facts)
			if id == "apart" {
				m.Header.Set("Callout-Dead-Body", "one")
			}
			_, err := js.PublishMsg(ctx, m)
			require.NoError(t, err)
		}
		require.NoError(t, letters.Of(i).Keep(ctx, aLetter(i, "b"), 0))
		require.Equal(t, []letters.Letter{{DeadLetter: aLetter(i, "a"), Place: 1}, {DeadLetter: aLetter(i, "b"), Place: 5}}, shown(all(t, i)))
		for _, id := range []string{"none", "text", "apart"} {
			_, err := letters.Of(i).Get(ctx, id)
			require.Error(t, err)
			require.NoError(t, discard(ctx, letters.Of(i), id), "it can be taken out all the same")
			bustest.Code(t, action.CodeNotFound, discard(ctx, letters.Of(i), id))
		}
		require.Equal(t, 2, messages(t, i))
	})
}

// TestRedriven: a letter goes into the line that sends such again, with all that
// it was, once, and comes out of the letters.
func TestRedriven(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, l := bustest.Within(t, 30*time.Second), letters.Of(i)
		require.NoError(t, l.Keep(ctx, aLetter(i, "a"), 0))
		require.NoError(t, l.Keep(ctx, aLetter(i, "b"), 0))
		require.NoError(t, redrive(ctx, l, "b"))
		bustest.Code(t, action.CodeNotFound, redrive(ctx, l, "b"))
		require.Len(t, all(t, i), 1)
		sent := redrives(t, s, i)
		require.Len(t, sent, 1)
		require.Equal(t, wire.RedriveSubject(i.ID, "b"), sent[0].Subject)
		got, err := l.ReadRedriven(ctx, sent[0])
		require.NoError(t, err)
		require.Equal(t, letters.Letter{DeadLetter: aLetter(i, "b"), Place: 2}, got)
		sent[0].Header.Del("Callout-Dead-Place")
		_, err = l.ReadRedriven(ctx, sent[0])
		require.Error(t, err)
	})
}

// TestRedriveInterrupted: who sent a letter died before taking it out. Doing it
// again sends it once.
func TestRedriveInterrupted(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, l, js := bustest.Within(t, 30*time.Second), letters.Of(i), s.JetStream(t)
		require.NoError(t, l.Keep(ctx, aLetter(i, "a"), 0))
		stream, err := js.Stream(ctx, i.Dead)
		require.NoError(t, err)
		raw, err := stream.GetMsg(ctx, 1)
		require.NoError(t, err)
		m := nats.NewMsg(wire.RedriveSubject(i.ID, "a"))
		m.Data = raw.Data
		m.Header.Set("Callout-Dead-Letter", raw.Header.Get("Callout-Dead-Letter"))
		m.Header.Set("Callout-Dead-Place", "1")
		_, err = js.PublishMsg(ctx, m, jetstream.WithMsgID("a/1")) // as it is sent
		require.NoError(t, err)
		require.NoError(t, redrive(ctx, l, "a"))
		require.Len(t, redrives(t, s, i), 1)
		require.Empty(t, shown(all(t, i)))
	})
}

func TestLettersOfNobody(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t).Connect(t, bus.Options{})
	for _, id := range bustest.IDs {
		ctx, i := bustest.Within(t, 30*time.Second), b.Instance(id)
		l := letters.Of(i)
		for n, err := range []error{
			l.Keep(ctx, aLetter(i, "a"), 0), l.Keep(ctx, aLetter(i, "a"), 7), redrive(ctx, l, "a"), discard(ctx, l, "a"), l.Forget(ctx, 1),
			l.Each(ctx, 0, func(letters.Letter) bool { return true }), second(l.LastPlace(ctx)), second(l.All(ctx)), second(l.Get(ctx, "a")),
		} {
			bustest.Code(t, action.CodeMissing, err)
			require.ErrorContains(t, err, i.Dead, fmt.Sprint(n))
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.Error(t, second(letters.Of(b.Instance("x")).All(ended)))
}

func second[T any](_ T, err error) error { return err }

// redrive and discard do so to one letter.
func redrive(ctx context.Context, l letters.Letters, id string) error {
	found, err := l.Get(ctx, id)
	if err != nil {
		return err
	}
	return l.Redrive(ctx, []letters.Letter{found})
}

func discard(ctx context.Context, l letters.Letters, id string) error {
	found, err := l.Get(ctx, id)
	if found.Place == 0 {
		return err
	}
	return l.Discard(ctx, []letters.Letter{found})
}

// shown is what of letters others see.
func shown(all []letters.Letter) []letters.Letter {
	var out []letters.Letter
	for _, l := range all {
		out = append(out, letters.Letter{DeadLetter: l.DeadLetter, Place: l.Place})
	}
	return out
}

// TestALetterLiesWhereItLies, whatever its publisher's headers say: another one is
// not taken out for it.
func TestALetterLiesWhereItLies(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, js, l := bustest.Within(t, 30*time.Second), s.JetStream(t), letters.Of(i)
		for _, id := range []string{"dlv_1", "dlv_2"} {
			require.NoError(t, l.Keep(ctx, aLetter(i, id), 0))
		}
		raw, ok, err := i.Last(ctx, i.Dead, wire.DeadSubject(i.ID, "dlv_2"))
		require.NoError(t, err)
		require.True(t, ok)
		require.NoError(t, l.Forget(ctx, raw.Sequence))
		h := nats.Header{"Nats-Sequence": {"1"}, "Nats-Subject": {"a.b"}, "Status": {"404"}}
		for _, key := range []string{"Callout-Dead-Letter", "Callout-Format"} {
			h[key] = raw.Header[key]
		}
		_, err = js.PublishMsg(ctx, &nats.Msg{Subject: raw.Subject, Data: raw.Body, Header: h})
		require.NoError(t, err)
		letter, err := l.Get(ctx, "dlv_2")
		require.NoError(t, err)
		require.EqualValues(t, 3, letter.Place)
		require.Len(t, all(t, i), 2)
		require.NoError(t, l.ForgetOf(ctx, 1, "dlv_2"))
		require.Len(t, all(t, i), 2, "another lies there")
		require.NoError(t, l.ForgetOf(ctx, letter.Place, "dlv_2"))
		left := all(t, i)
		require.Len(t, left, 1)
		require.Equal(t, "dlv_1", left[0].DeliveryID)
	})
}
