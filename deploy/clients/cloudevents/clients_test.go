// Package cloudevents tries Callout with the CloudEvents libraries of others: what it
// delivers they read, in both modes, and what they send it takes, in three.
package cloudevents

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/event"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
)

const configuration = `
targets:
  go-binary: {type: webhook, url: "GO/binary"}
  go-structured: {type: webhook, url: "GO/structured", payload: cloudevents}
  js-binary: {type: webhook, url: "JS/binary"}
  js-structured: {type: webhook, url: "JS/structured", payload: cloudevents}
events:
  "*": {targets: [{target: go-binary}, {target: go-structured}, {target: js-binary}, {target: js-structured}]}
`

// start starts a program and gives its lines; the program ends with the test.
func start(t *testing.T, dir, name string, args ...string) <-chan string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 1000)
	go func() {
		defer close(lines)
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			lines <- scanner.Text()
		}
	}()
	t.Cleanup(func() { cancel(); _ = cmd.Wait() })
	return lines
}

func next[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case v, ok := <-from:
		if !ok {
			t.Fatal("it ended")
		}
		return v
	case <-time.After(time.Minute):
		t.Fatal("nothing came for a minute")
	}
	panic("unreachable")
}

// delivered is what a library has read of a delivery.
type delivered struct {
	by string
	event.Event
}

// goTarget reads deliveries with the library for Go.
func goTarget(t *testing.T, got chan<- delivered) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		message := cehttp.NewMessageFromHttpRequest(r)
		e, err := binding.ToEvent(r.Context(), message)
		if err == nil {
			err = e.Validate()
		}
		want := map[string]binding.Encoding{"/binary": binding.EncodingBinary, "/structured": binding.EncodingStructured}[r.URL.Path]
		if err != nil || message.ReadEncoding() != want {
			t.Errorf("%s: %v, read as %v", r.URL.Path, err, message.ReadEncoding())
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		got <- delivered{"go", *e}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// jsTarget reads deliveries with the library for JavaScript.
func jsTarget(t *testing.T, got chan<- delivered) string {
	lines := start(t, ".", "node", "client.mjs", "target")
	var begun struct{ Port int }
	if err := json.Unmarshal([]byte(next(t, lines)), &begun); err != nil {
		t.Fatal(err)
	}
	go func() {
		for line := range lines {
			var e event.Event
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Errorf("the library for JavaScript: %v: %s", err, line)
				continue
			}
			got <- delivered{"js", e}
		}
	}()
	return "http://127.0.0.1:" + strconv.Itoa(begun.Port)
}

func callout(t *testing.T, hooks, scripts string) string {
	t.Helper()
	root, dir := "../../..", t.TempDir()
	program := filepath.Join(dir, "callout")
	build := exec.Command("go", "build", "-o", program, "./cmd/callout")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	file := filepath.Join(dir, "callout.yaml")
	text := strings.NewReplacer("GO", hooks, "JS", scripts).Replace(configuration)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	lines := start(t, dir, program, "dev", "-f", file, "--data", "", "--listen", "127.0.0.1:0", "--nats-listen", "127.0.0.1:0")
	for {
		if found := regexp.MustCompile(`ready http=(\S+)`).FindStringSubmatch(next(t, lines)); found != nil {
			return found[1] + "/v1/instances/default/events"
		}
	}
}

// goSends sends an event in each mode with the library for Go.
func goSends(t *testing.T, url string) {
	t.Helper()
	made := func(id string) event.Event {
		e := event.New()
		e.SetID(id)
		e.SetSource("https://go.example/shop")
		e.SetType("com.acme:order.paid")
		e.SetSubject("go 1")
		e.SetTime(time.Date(2026, 1, 2, 3, 4, 5, 6000000, time.UTC))
		e.SetExtension("org", "acme")
		e.SetExtension("partitionkey", "p")
		if err := e.SetData("application/json", map[string]string{"from": id}); err != nil {
			t.Fatal(err)
		}
		return e
	}
	post := func(fill func(*http.Request) error) {
		r, err := http.NewRequest(http.MethodPost, url, nil)
		if err == nil {
			err = fill(r)
		}
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusAccepted {
			t.Errorf("status %d", answer.StatusCode)
		}
	}
	one := func(with func(context.Context) context.Context, id string) func(*http.Request) error {
		e := made(id)
		return func(r *http.Request) error {
			return cehttp.WriteRequest(with(context.Background()), binding.ToMessage(&e), r)
		}
	}
	post(one(binding.WithForceBinary, "go-binary"))
	post(one(binding.WithForceStructured, "go-structured"))
	batch, err := cehttp.NewHTTPRequestFromEvents(context.Background(), url, []event.Event{made("go-batch-1"), made("go-batch-2")})
	if err != nil {
		t.Fatal(err)
	}
	post(func(r *http.Request) error { *r = *batch; return nil })
}

// TestClients: each of the eight events that the libraries send is delivered to both
// libraries in both modes, with what its producer said of it.
func TestClients(t *testing.T) {
	got := make(chan delivered, 100)
	url := callout(t, goTarget(t, got), jsTarget(t, got))
	goSends(t, url)
	statuses := start(t, ".", "node", "client.mjs", "send", url)
	for range 3 {
		if status := next(t, statuses); status != "202" {
			t.Errorf("status %s", status)
		}
	}
	seen := map[string]int{}
	for range 8 * 4 {
		e := next(t, got)
		seen[e.by+" "+e.ID()]++
		producer, _, _ := strings.Cut(e.ID(), "-")
		var body struct {
			AggregateID string                `json:"aggregateID"`
			Type        string                `json:"event_type"`
			Payload     struct{ From string } `json:"event_payload"`
			CloudEvent  map[string]any        `json:"cloudevent"`
		}
		if err := e.DataAs(&body); err != nil {
			t.Fatal(err)
		}
		for name, is := range map[string][2]string{
			"source": {e.Source(), "https://" + producer + ".example/shop"}, "type": {e.Type(), map[string]string{"go": "com.acme:order.paid", "js": "orders/create"}[producer]},
			"type of the body": {body.Type, e.Type()}, "aggregate": {body.AggregateID, producer + " 1"}, "data": {body.Payload.From, e.ID()},
			"org": {e.Extensions()["org"].(string), "acme"}, "instance": {e.Extensions()["instance"].(string), "default"},
			"extension": {body.CloudEvent["partitionkey"].(string), "p"}, "version": {e.SpecVersion(), "1.0"},
		} {
			if is[0] != is[1] {
				t.Errorf("%s %s: %s is %q, not %q", e.by, e.ID(), name, is[0], is[1])
			}
		}
		if producer == "go" && !e.Time().Equal(time.Date(2026, 1, 2, 3, 4, 5, 6000000, time.UTC)) {
			t.Errorf("time %s", e.Time())
		}
	}
	for _, id := range []string{"go-binary", "go-structured", "go-batch-1", "go-batch-2", "js-binary", "js-structured", "js-batch-1", "js-batch-2"} {
		for _, by := range []string{"go", "js"} {
			if seen[by+" "+id] != 2 {
				t.Errorf("%s read %s %d times, not in both modes", by, id, seen[by+" "+id])
			}
		}
	}
}
