package bus_test

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
)

// serveTests runs until the test ends, unless it is stopped before.
func serveTests(t *testing.T, b *bus.Bus, handle func(context.Context, bus.Test) (bus.Tested, error)) (stop func(context.Context) error) {
	t.Helper()
	s, err := b.ServeTests(handle)
	require.NoError(t, err)
	var once sync.Once
	stop = func(ctx context.Context) (err error) {
		once.Do(func() { err = s.Stop(ctx) })
		return err
	}
	t.Cleanup(func() { require.NoError(t, stop(within(t, 5*time.Second))) })
	return stop
}

func aTest(body string) bus.Test {
	return bus.Test{Instance: "an \"instance\"", Owner: "acme", Stored: true, Phase: action.Request, Name: "/s.S/M", Body: []byte(body),
		Target: action.Target{Name: "t", Kind: action.CallOut, URL: "https://a.example/?a=b&c", Timeout: 5 * time.Second,
			Headers: map[string]string{"X-Team": "a\nb"}, Breaker: action.Breaker{Failures: 2}}}
}

func TestTestCarriesEverything(t *testing.T) {
	s, b := start(t, bus.Options{})
	tested := bus.Tested{Outcome: action.StepChanged, Code: "c", Message: "m\n", Status: 418, Duration: time.Second,
		RequestHeaders: []bus.HeaderLine{{Name: "A", Value: "\n1"}}, ResponseHeaders: []bus.HeaderLine{{Name: "B", Value: "2"}, {Name: "B", Value: "3"}},
		ResponseBody: []byte("\x00\n{\xff"), Object: []byte("{\n}")}
	got := make(chan bus.Test, 1)
	serveTests(t, connect(t, s, bus.Options{}), func(ctx context.Context, test bus.Test) (bus.Tested, error) {
		deadline, ok := ctx.Deadline()
		if until := time.Until(deadline); !ok || until < 5*time.Second || until > 7*time.Second {
			t.Errorf("a test has %s", until)
		}
		got <- test
		return tested, nil
	})
	want := aTest("{\n\"a\":1}\n")
	answer, err := b.Test(within(t, 5*time.Second), want)
	require.NoError(t, err)
	require.Equal(t, want, <-got)
	tested.Shown = len(tested.ResponseBody)
	require.Equal(t, tested, answer)
}

func TestTestRefused(t *testing.T) {
	s, b := start(t, bus.Options{})
	_, err := b.Test(within(t, 5*time.Second), aTest("{}"))
	code(t, action.CodeUnavailable, err)

	serveTests(t, connect(t, s, bus.Options{}), func(_ context.Context, test bus.Test) (bus.Tested, error) {
		if string(test.Body) == "large" {
			return bus.Tested{Outcome: action.StepChanged, Object: bytes.Repeat([]byte("x"), b.MaxBody())}, nil
		}
		return bus.Tested{}, action.NewError(action.CodeBadField, action.StageInvoke, "").WithField("url").WithTarget("t")
	})
	_, err = b.Test(within(t, 5*time.Second), aTest("{}"))
	code(t, action.CodeBadField, err)
	var of *action.Error
	require.ErrorAs(t, err, &of)
	require.Equal(t, []string{"url", "t"}, []string{of.Field, of.Target})

	tested, err := b.Test(within(t, 5*time.Second), aTest("large"))
	require.NoError(t, err)
	require.Equal(t, action.StepChanged, tested.Outcome)
	require.Empty(t, tested.Object)
	require.Contains(t, tested.Message, "too large to be shown")

	_, err = b.Test(within(t, 5*time.Second), aTest(strings.Repeat("x", b.MaxBody())))
	code(t, action.CodeTooLarge, err)
}

// TestTestEnds when the one who asked goes away, when the worker stops, and when
// it has too many in hand.
func TestTestEnds(t *testing.T) {
	s, b := start(t, bus.Options{})
	begun, ended := make(chan struct{}, 100), make(chan struct{}, 100)
	stop := serveTests(t, connect(t, s, bus.Options{}), func(ctx context.Context, _ bus.Test) (bus.Tested, error) {
		begun <- struct{}{}
		<-ctx.Done()
		ended <- struct{}{}
		return bus.Tested{Outcome: action.StepFailed}, nil
	})
	long := aTest("{}")
	long.Target.Timeout = time.Minute
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-begun; cancel() }()
	_, err := b.Test(ctx, long)
	code(t, action.CodeCancelled, err)
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("the worker was not told")
	}

	const most = 16
	errs := make(chan error, most)
	for range most {
		go func() { _, err := b.Test(within(t, 10*time.Second), aTest("{}")); errs <- err }()
	}
	for range most {
		<-begun
	}
	_, err = b.Test(within(t, 5*time.Second), aTest("{}"))
	code(t, action.CodeUnavailable, err)
	require.ErrorContains(t, err, "as many targets as it can")

	require.NoError(t, stop(within(t, 5*time.Second)))
	for range most {
		err := <-errs
		code(t, action.CodeUnavailable, err)
		require.ErrorContains(t, err, "the worker is stopping")
	}
	_, err = b.Test(within(t, 5*time.Second), aTest("{}"))
	code(t, action.CodeUnavailable, err)
}
