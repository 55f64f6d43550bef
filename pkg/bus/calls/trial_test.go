package calls_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/calls"
	"github.com/callout-hq/callout/pkg/wire"
)

// trying is a worker that tries targets until the test ends.
func trying(t *testing.T, b *bus.Bus, handle func(context.Context, calls.Trial) (calls.Tried, error)) *calls.TrialServer {
	t.Helper()
	s, err := calls.ServeTrials(b, handle)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Stop(bustest.Within(t, 20*time.Second))) })
	return s
}

func aTrial(body string) calls.Trial {
	return calls.Trial{Owner: "acme", Stored: true, Phase: action.Request, Name: "/s.S/M", Body: []byte(body),
		Target: action.Target{Name: "t", Kind: action.CallOut, URL: "https://a.example/?a=b&c", Timeout: 20 * time.Second,
			Headers: map[string]string{"X-Team": "a\nb"}, Breaker: action.Breaker{Failures: 2}}}
}

func TestTrialCarriesEverything(t *testing.T) {
	s := bustest.Start(t)
	tried := calls.Tried{Outcome: action.StepChanged, Code: "c", Message: "m\n", Status: 418, Duration: time.Second,
		RequestHeaders: []calls.HeaderLine{{Name: "A", Value: "\n1"}}, ResponseHeaders: []calls.HeaderLine{{Name: "B", Value: "2"}, {Name: "B", Value: "3"}},
		ResponseBody: []byte("\x00\n{\xff"), Object: []byte("{\n}")}
	got, left := make(chan calls.Trial, 1), make(chan time.Duration, 1)
	trying(t, s.Connect(t, bus.Options{}), func(ctx context.Context, trial calls.Trial) (calls.Tried, error) {
		deadline, _ := ctx.Deadline()
		left <- time.Until(deadline)
		got <- trial
		return tried, nil
	})
	for _, i := range doors(t, s) {
		want := aTrial("{\n\"a\":1}\n")
		answer, err := i.Try(bustest.Within(t, 20*time.Second), want)
		require.NoError(t, err)
		want.Instance = i.ID
		require.Equal(t, want, <-got)
		until := <-left
		require.LessOrEqual(t, until, 22*time.Second, "its target's and a little more")
		require.Greater(t, until, 10*time.Second)
		shown := tried
		shown.Shown = len(tried.ResponseBody)
		require.Equal(t, shown, answer)
	}
}

func TestTrialRefused(t *testing.T) {
	s := bustest.Start(t)
	pair := doors(t, s)
	for _, i := range pair {
		_, err := i.Try(bustest.Within(t, 20*time.Second), aTrial("{}"))
		bustest.Code(t, action.CodeUnavailable, err)
	}
	trying(t, s.Connect(t, bus.Options{}), func(_ context.Context, trial calls.Trial) (calls.Tried, error) {
		if string(trial.Body) == "large" {
			return calls.Tried{Outcome: action.StepChanged, Object: bytes.Repeat([]byte("x"), pair[0].MaxBody())}, nil
		}
		return calls.Tried{}, action.NewError(action.CodeBadField, action.StageInvoke, "").WithField("url").WithTarget("t")
	})
	for _, i := range pair {
		_, err := i.Try(bustest.Within(t, 20*time.Second), aTrial("{}"))
		bustest.Code(t, action.CodeBadField, err)
		var of *action.Error
		require.ErrorAs(t, err, &of)
		require.Equal(t, []string{"url", "t"}, []string{of.Field, of.Target})

		tried, err := i.Try(bustest.Within(t, 20*time.Second), aTrial("large"))
		require.NoError(t, err)
		require.Equal(t, action.StepChanged, tried.Outcome)
		require.Empty(t, tried.Object)
		require.Contains(t, tried.Message, "too large to be shown")

		_, err = i.Try(bustest.Within(t, 20*time.Second), aTrial(strings.Repeat("x", i.MaxBody())))
		bustest.Code(t, action.CodeTooLarge, err)
	}
}

// TestTrialsThatAreNone come from somebody who speaks NATS by itself.
func TestTrialsThatAreNone(t *testing.T) {
	s := bustest.Start(t)
	trying(t, s.Connect(t, bus.Options{}), func(context.Context, calls.Trial) (calls.Tried, error) { return calls.Tried{}, nil })
	nc := s.Plain(t)
	for _, id := range bustest.IDs {
		for _, body := range []string{"", "{}", "no\n", "\n"} {
			answer, err := nc.Request(wire.TestSubject(id), []byte(body), 10*time.Second)
			require.NoError(t, err)
			require.Equal(t, "400", answer.Header.Get(wire.HeaderStatus), "%q", body)
		}
	}
}

// TestTrialReportsThatAreNone: who asked is told, and reads nothing beyond what
// came.
func TestTrialReportsThatAreNone(t *testing.T) {
	s := bustest.Start(t)
	nc := s.Plain(t)
	reports := make(chan string, 1)
	_, err := nc.Subscribe(wire.AllTests, func(m *nats.Msg) { _ = m.Respond([]byte(<-reports)) })
	require.NoError(t, err)
	require.NoError(t, nc.Flush())
	for _, i := range doors(t, s) {
		for _, report := range []string{
			"x", "no\n", `{"shown":-1}` + "\n", `{"shown":3,"outcome":"ok"}` + "\nab", "{}\n", `{"outcome":"stored"}` + "\n",
			`{"outcome":"ok","status":-1}` + "\n", `{"outcome":"ok","status":1000}` + "\n", `{"outcome":"ok","duration":-1}` + "\n",
		} {
			reports <- report
			_, err := i.Try(bustest.Within(t, 10*time.Second), aTrial("{}"))
			bustest.Code(t, action.CodeUnavailable, err)
		}
		reports <- `{"shown":2,"outcome":"ok"}` + "\nabc"
		tried, err := i.Try(bustest.Within(t, 10*time.Second), aTrial("{}"))
		require.NoError(t, err)
		require.Equal(t, "ab", string(tried.ResponseBody))
		require.Nil(t, tried.Object)
	}
}

// TestTrialEnds when the one who asked goes away, when the worker stops, and
// when it has too many in hand.
func TestTrialEnds(t *testing.T) {
	s := bustest.Start(t)
	begun, ended := make(chan string, 100), make(chan string, 100)
	server := trying(t, s.Connect(t, bus.Options{}), func(ctx context.Context, trial calls.Trial) (calls.Tried, error) {
		begun <- trial.Instance
		<-ctx.Done()
		ended <- trial.Instance
		return calls.Tried{Outcome: action.StepFailed}, nil
	})
	pair := doors(t, s)
	long := aTrial("{}")
	long.Target.Timeout = time.Minute
	other := make(chan error, 1)
	go func() { _, err := pair[1].Try(bustest.Within(t, time.Minute), long); other <- err }()
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-begun; cancel() }()
	_, err := pair[0].Try(ctx, long)
	bustest.Code(t, action.CodeCancelled, err)
	select {
	case instance := <-ended:
		require.Equal(t, pair[0].ID, instance)
	case <-time.After(20 * time.Second):
		t.Fatal("the worker was not told")
	}
	require.Empty(t, other, "that of the other instance goes on")

	const most = 16
	errs := make(chan error, most)
	for range most - 1 {
		go func() { _, err := pair[0].Try(bustest.Within(t, time.Minute), long); errs <- err }()
	}
	for range most - 1 {
		<-begun
	}
	_, err = pair[0].Try(bustest.Within(t, 20*time.Second), long)
	bustest.Code(t, action.CodeBusy, err)
	require.ErrorContains(t, err, "as many targets as it can")

	require.NoError(t, server.Stop(bustest.Within(t, 20*time.Second)))
	require.NoError(t, server.Stop(bustest.Within(t, 20*time.Second)), "twice is as good as once")
	errs <- <-other
	for range most {
		err := <-errs
		bustest.Code(t, action.CodeUnavailable, err)
		require.ErrorContains(t, err, "the worker is stopping")
	}
	_, err = pair[0].Try(bustest.Within(t, 20*time.Second), long)
	bustest.Code(t, action.CodeUnavailable, err)
}
