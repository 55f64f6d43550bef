package target

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestBody(t *testing.T) {
	e := Event{Round: 2, Key: 17, N: 3, At: 1764540000000000001}
	body := Body(e, "bench.l17", 1024)
	if len(body) != 1024 {
		t.Fatalf("%d bytes", len(body))
	}
	for name, body := range map[string][]byte{
		"as it is":                body,
		"with a database's space": bytes.Replace(body, []byte(`"bench":"`), []byte(`"bench": "`), 1),
		"alone":                   Body(e, "bench.l17", 0),
	} {
		if got, ok := ReadEvent(body); !ok || got != e {
			t.Errorf("%s: %+v %v of %.100s", name, got, ok, body)
		}
	}
	for _, body := range []string{"", `{"bench":`, `{"bench":"1 2 3"}`, `{"bench":"1 a 2 3"}`, `{"event_payload":{}}`} {
		if got, ok := ReadEvent([]byte(body)); ok {
			t.Errorf("%+v of %s", got, body)
		}
	}
}

// began starts a target in this process.
func began(t *testing.T) *Target {
	t.Helper()
	s := &server{tally: newTally(Expect{})}
	h := httptest.NewServer(s.handler())
	t.Cleanup(h.Close)
	return &Target{URL: h.URL}
}

func TestTarget(t *testing.T) {
	ctx, target := t.Context(), began(t)
	if err := target.Expect(ctx, Expect{Keys: 1, PerKey: 3}); err != nil {
		t.Fatal(err)
	}
	for path, status := range map[string]int{OK: 200, Slow: 200, Fail: 500} {
		n := map[string]int{OK: 0, Slow: 1, Fail: 2}[path]
		response, err := http.Post(target.URL+path+"/", "application/json", bytes.NewReader(Body(Event{Round: target.Round(), N: n}, "bench.one", 100)))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != status {
			t.Errorf("%s answers %s", path, response.Status)
		}
	}
	r, err := target.Await(ctx, 3, time.Minute)
	if err != nil || r.Events != 3 || r.Lost != 0 {
		t.Fatalf("%+v %v", r, err)
	}
	if r, err = target.Await(ctx, 4, time.Millisecond); err != nil || r.Events != 3 {
		t.Fatalf("it does not wait for ever: %+v %v", r, err)
	}
}

func TestHang(t *testing.T) {
	target := began(t)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target.URL+Hang+"/", bytes.NewReader(nil))
	if err != nil {
		t.Fatal(err)
	}
	if response, err := http.DefaultClient.Do(request); err == nil {
		_, _ = io.Copy(io.Discard, response.Body)
		response.Body.Close()
		t.Fatal("it answers ", response.Status)
	}
	r, err := target.Await(t.Context(), 0, time.Millisecond)
	if err != nil || r.Others != 1 {
		t.Fatalf("%+v %v", r, err)
	}
}
