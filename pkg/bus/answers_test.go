package bus_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
)

// TestManyAskAtOnce over one subscription: each gets its own answer, also when
// somebody answers twice.
func TestManyAskAtOnce(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	b, nc := s.Connect(t, bus.Options{}), s.Plain(t)
	_, err := nc.Subscribe("ask.*", func(m *nats.Msg) {
		for range 6 { // more than may wait to be read
			_ = m.Respond(append([]byte(m.Subject+" "), m.Data...))
		}
	})
	require.NoError(t, err)
	require.NoError(t, nc.Flush())
	var all sync.WaitGroup
	ids := make(chan string, 2*8*100)
	for _, id := range bustest.IDs {
		subject := "ask." + b.Instance(id).Token
		for who := range 8 {
			all.Go(func() {
				for n := range 100 {
					text := fmt.Sprint(who, "-", n)
					asked, answer, err := b.Ask(t.Context(), &nats.Msg{Subject: subject, Data: []byte(text)}, time.Minute)
					if !assert.NoError(t, err) || !assert.Equal(t, subject+" "+text, string(answer.Data)) {
						return
					}
					ids <- asked
				}
			})
		}
	}
	all.Wait()
	close(ids)
	seen := map[string]bool{}
	for id := range ids {
		require.False(t, seen[id], "a request has a name of its own")
		seen[id] = true
	}
}

// TestAskEnds in every way that it can without an answer.
func TestAskEnds(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	p := s.Proxy(t)
	b, nc := s.Connect(t, bus.Options{URL: p.URL()}), s.Plain(t)
	arrived := make(chan struct{}, 10)
	_, err := nc.Subscribe("mute", func(*nats.Msg) { arrived <- struct{}{} })
	require.NoError(t, err)
	require.NoError(t, nc.Flush())
	ask := func(ctx context.Context, subject string, timeout time.Duration) error {
		_, answer, err := b.Ask(ctx, nats.NewMsg(subject), timeout)
		require.Nil(t, answer)
		return err
	}
	require.ErrorIs(t, ask(t.Context(), "nobody", time.Minute), nats.ErrNoResponders)
	require.ErrorIs(t, ask(t.Context(), "mute", 20*time.Millisecond), nats.ErrTimeout)
	<-arrived
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, ask(ended, "mute", time.Minute), context.Canceled)
	require.NoError(t, b.Conn().Flush())
	require.NoError(t, nc.Flush())
	require.Empty(t, arrived, "who has gone before does not ask")
	broken := make(chan error, 1)
	go func() { broken <- ask(t.Context(), "mute", time.Minute) }()
	<-arrived
	p.Cut()
	require.ErrorIs(t, <-broken, nats.ErrDisconnected)
}

// TestDirectReads hand over every answer until enough have come, and end with
// the connection that they were asked over.
func TestDirectReads(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx := bustest.Within(t, 30*time.Second)
		for _, id := range []string{"a", "b", "c"} {
			bustest.Publish(t, i, id, "u", "user.added")
		}
		batch := struct {
			Batch int    `json:"batch"`
			Next  string `json:"next_by_subj"`
			From  uint64 `json:"seq"`
		}{3, "callout.event." + i.Token + ".>", 1}
		var got []string
		require.NoError(t, i.Direct(ctx, i.Events, batch, func(m *nats.Msg) (bool, error) {
			got = append(got, string(m.Data))
			return len(got) == 3, nil
		}))
		require.Equal(t, bustest.Bodies(i, "a", "b", "c"), got)
		enough := fmt.Errorf("enough")
		require.ErrorIs(t, i.Direct(ctx, i.Events, batch, func(*nats.Msg) (bool, error) { return false, enough }), enough)
		require.Error(t, i.Direct(ctx, i.Events, func() {}, nil), "what is no question")

		p := s.Proxy(t)
		far := s.Connect(t, bus.Options{URL: p.URL()}).Instance(i.ID)
		p.Hold()
		failed := make(chan error, 1)
		go func() { failed <- far.Direct(ctx, i.Events, batch, nil) }()
		bustest.Code(t, action.CodeUnavailable, <-failed)
		p.Release()
	})
}
