package callout_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

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

type body struct {
	*strings.Reader
}

func (body) Close() error { return nil }

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
	w := &sink{h: http.Header{}}
	for b.Loop() {
		r.Body = body{strings.NewReader(string(text))}
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

// BenchmarkTarget is a target under 64 in flight, beside a bare handler that only reads the body.
func BenchmarkTarget(b *testing.B) {
	bare := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			b.Error(err)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"displayName":"Ada Lovelace"}`)) // the reader went away
	})
	for name, handler := range map[string]http.Handler{"bare": bare, "callout": benchHooks(b)} {
		b.Run(name, func(b *testing.B) {
			server := httptest.NewServer(handler)
			defer server.Close()
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
			sample := callouttest.Request("/acme.user.v1.UserService/CreateUser", map[string]any{"first": "Ada", "last": "Lovelace", "about": strings.Repeat("b", 850)})
			text, err := io.ReadAll(sample.HTTP(b.Context()).Body)
			if err != nil {
				b.Fatal(err)
			}
			headers := sample.HTTP(b.Context()).Header
			work := make(chan struct{})
			done := make(chan struct{})
			for range 64 {
				go func() {
					defer func() { done <- struct{}{} }()
					for range work {
						post(b, client, server.URL, headers, text)
					}
				}()
			}
			for b.Loop() {
				work <- struct{}{}
			}
			close(work)
			for range 64 {
				<-done
			}
		})
	}
}

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
