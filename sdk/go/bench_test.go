package callout_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	callout "github.com/callout-hq/callout/sdk/go"
	"github.com/callout-hq/callout/sdk/go/callouttest"
)

// sink is a ResponseWriter that keeps nothing.
type sink struct {
	h      http.Header
	status int
}

func (s *sink) Header() http.Header         { return s.h }
func (s *sink) Write(p []byte) (int, error) { return len(p), nil }
func (s *sink) WriteHeader(status int)      { s.status = status }

type body struct{ bytes.Reader }

func (*body) Close() error { return nil }

// BenchmarkOneKiB is verify, decode and dispatch of a request of 1 KiB, and the answer.
func BenchmarkOneKiB(b *testing.B) {
	hooks := benchHooks(b)
	sample := callouttest.Request("/acme.user.v1.UserService/CreateUser", map[string]any{"first": "Ada", "last": "Lovelace", "about": strings.Repeat("b", 850)})
	r := sample.HTTP(context.Background())
	text, err := io.ReadAll(r.Body)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	w, in := &sink{h: http.Header{}}, &body{}
	r.Body = in
	for b.Loop() {
		in.Reset(text)
		clear(w.h)
		hooks.ServeHTTP(w, r)
		if w.status != http.StatusOK {
			b.Fatal(w.status)
		}
	}
}

func benchHooks(tb testing.TB) *callout.Receiver {
	tb.Helper()
	hooks, err := callout.New(callout.Options{Keys: []string{callouttest.Key}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		tb.Fatal(err)
	}
	callout.OnRequest(hooks, "/acme.user.v1.UserService/CreateUser", func(_ context.Context, c callout.Call[user]) (any, error) {
		return displayed{c.Request.First + " " + c.Request.Last}, nil
	})
	return hooks
}

type user struct{ First, Last, Email string }

type displayed struct {
	DisplayName string `json:"displayName"`
}

// BenchmarkTarget is a target under 64 in flight, and in turns with it a bare handler that only reads the body: the
// median of the turns, and of their ratios, "of-bare" in throughput.
func BenchmarkTarget(b *testing.B) {
	bare := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			b.Error(err)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"displayName":"Ada Lovelace"}`)) // the reader went away
	}))
	defer bare.Close()
	target := httptest.NewServer(benchHooks(b))
	defer target.Close()
	sample := callouttest.Request("/acme.user.v1.UserService/CreateUser", map[string]any{"first": "Ada", "last": "Lovelace", "about": strings.Repeat("b", 850)})
	headers := sample.HTTP(b.Context()).Header
	text, err := io.ReadAll(sample.HTTP(b.Context()).Body)
	if err != nil {
		b.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	turn := func(url string) time.Duration {
		began := time.Now()
		var all sync.WaitGroup
		for range 64 {
			all.Go(func() {
				for range perTurn / 64 {
					post(b, client, url, headers, text)
				}
			})
		}
		all.Wait()
		return time.Since(began) / perTurn
	}
	var took [3][]float64
	for b.Loop() {
		bare, ours := float64(turn(bare.URL)), float64(turn(target.URL))
		took[0], took[1], took[2] = append(took[0], bare), append(took[1], ours), append(took[2], bare/ours)
	}
	for i, unit := range []string{"bare-ns", "callout-ns", "of-bare"} {
		slices.Sort(took[i])
		b.ReportMetric(took[i][len(took[i])/2], unit)
	}
	b.ReportMetric(0, "ns/op")
}

const perTurn = 1024 // requests

func post(b *testing.B, client *http.Client, url string, h http.Header, text []byte) {
	r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, url, strings.NewReader(string(text)))
	if err != nil {
		b.Error(err)
		return
	}
	r.Header = h
	resp, err := client.Do(r)
	if err != nil {
		b.Error(err)
		return
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
		b.Error(resp.StatusCode, err)
	}
}
