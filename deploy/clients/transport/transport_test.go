// Package transport tries calls and deliveries against servers that end connections: each
// is processed once, and none fails.
package transport

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var duration = flag.Duration("for", 20*time.Second, "how long requests arrive")

// instances have the same targets, conditions and events by name, and servers of their
// own: what went to another's would be missing at its own, and be too much there.
var instances = []string{"default", "second"}

// scenario is a server of an instance, and what arrives there: as many targets are called,
// and get events, each at random moments.
type scenario struct {
	instance string

	name    string
	serve   func(*testing.T, *ledger) (address, certificate string)
	targets int
	mean    time.Duration // between two arrivals of a target

	ledger ledger
	far    *far
	calls  atomic.Int64
	events atomic.Int64
	failed atomic.Int64
}

func scenarios(instance string) []*scenario {
	all := []*scenario{
		{name: "gunicorn", serve: gunicorn, targets: 12, mean: time.Second},
		{name: "closes-50ms", serve: closing(50 * time.Millisecond), targets: 2, mean: 60 * time.Millisecond},
		{name: "closes-1s", serve: closing(time.Second), targets: 12, mean: time.Second},
		{name: "refuse", serve: node("refuse"), targets: 2, mean: 100 * time.Millisecond},
		{name: "goaway", serve: node("goaway"), targets: 2, mean: 100 * time.Millisecond},
		{name: "both", serve: node("both"), targets: 2, mean: 100 * time.Millisecond},
	}
	for _, s := range all {
		s.instance = instance
	}
	return all
}

// configuration has two targets of each number: one that is called, one that gets events.
func configuration(t *testing.T, all []*scenario) string {
	var targets, requests, events strings.Builder
	for _, s := range all {
		address, cert := s.serve(t, &s.ledger)
		s.far = putFar(t, address)
		scheme, tls := "http", ""
		if cert != "" {
			scheme, tls = "https", "    tls:\n      ca: |\n  "+strings.ReplaceAll(indented(cert), "\n", "\n  ")+"\n"
		}
		for n := range s.targets {
			for kind, type_ := range map[string]string{"call": "call", "event": "webhook"} {
				fmt.Fprintf(&targets, "  %s-%s-%d:\n    type: %s\n    url: %s://%s/\n    interrupt_on_error: true\n%s", s.name, kind, n, type_, scheme, s.far.Addr(), tls)
			}
			fmt.Fprintf(&requests, "  %s: {targets: [{target: %s-call-%d}]}\n", s.method(n), s.name, n)
			fmt.Fprintf(&events, "  %s: {targets: [{target: %s-event-%d}]}\n", s.event(n), s.name, n)
		}
	}
	return "targets:\n" + targets.String() + "requests:\n" + requests.String() + "events:\n" + events.String()
}

func (s *scenario) method(n int) string {
	return fmt.Sprintf("/transport.v1.Service/%s_%d", strings.ReplaceAll(s.name, "-", "_"), n)
}
func (s *scenario) event(n int) string { return fmt.Sprintf("%s.n%d", s.name, n) }

// arrive lets requests arrive, with gaps as between independent callers (Poisson), and
// waits for none before the next.
func (s *scenario) arrive(until time.Time, do func()) {
	var open sync.WaitGroup
	for {
		time.Sleep(time.Duration(rand.ExpFloat64() * float64(s.mean)))
		if time.Now().After(until) {
			break
		}
		open.Go(do)
	}
	open.Wait()
}

func (s *scenario) run(t *testing.T, url string) {
	until := time.Now().Add(*duration)
	var open sync.WaitGroup
	for n := range s.targets {
		open.Go(func() {
			s.arrive(until, func() {
				s.calls.Add(1)
				s.tell(t, post(url+"/calls/request", map[string]any{"fullMethod": s.method(n), "request": map[string]int{"n": n}}))
			})
		})
		open.Go(func() {
			s.arrive(until, func() {
				s.events.Add(1)
				s.tell(t, post(url+"/events", map[string]any{"aggregateID": "a", "event_type": s.event(n), "event_payload": map[string]int{"n": n}}))
			})
		})
	}
	open.Wait()
}

// tell counts what failed, and shows the first.
func (s *scenario) tell(t *testing.T, fault error) {
	if fault != nil && s.failed.Add(1) == 1 {
		t.Errorf("%s of %s: the first that failed: %v", s.name, s.instance, fault)
	}
}

func post(url string, body any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	answer, err := http.Post(url, "application/json", bytes.NewReader(raw))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	var said struct {
		Outcome  string
		Warnings []any
		Events   []any
	}
	if err := json.Unmarshal(text, &said); err != nil || answer.StatusCode/100 != 2 ||
		len(said.Warnings) > 0 || said.Outcome != "continue" && len(said.Events) != 1 {
		return fmt.Errorf("status %d: %s", answer.StatusCode, text)
	}
	return nil
}

// apply puts a configuration in force in an instance, which is made by that.
func apply(t *testing.T, url, instance, config string) {
	t.Helper()
	raw, err := json.Marshal(map[string]string{"instance": instance, "configuration": config})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.Post(url+"/callout.v1.ActionService/Apply", "application/json", bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if text, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("status %d: %s, %v", answer.StatusCode, text, err)
	}
}

// TestEachIsProcessedOnce counts at the targets of two instances: nothing fails, nothing is
// missing, nothing comes twice, and no delivery took a second attempt.
func TestEachIsProcessedOnce(t *testing.T) {
	first, second := scenarios(instances[0]), scenarios(instances[1])
	url := callout(t, configuration(t, first))
	apply(t, url, instances[1], configuration(t, second))
	all := append(first, second...)
	var open sync.WaitGroup
	for _, s := range all {
		open.Go(func() { s.run(t, url+"/v1/instances/"+s.instance) })
	}
	open.Wait()
	t.Logf("%-8s %-12s %6s %6s %6s %6s %6s %6s %11s %6s %6s", "", "", "calls", "events", "failed", "missed", "twice", "again", "connections", "late", "refused")
	for _, s := range all {
		s.judge(t)
	}
}

func (s *scenario) judge(t *testing.T) {
	l, want := &s.ledger, int(s.calls.Load()+s.events.Load())
	count := func() (ids, twice int) {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, times := range l.times {
			if times > 1 {
				twice++
			}
		}
		return len(l.times), twice
	}
	ids, twice := count()
	for end := time.Now().Add(time.Minute); ids < want-int(s.failed.Load()) && time.Now().Before(end); ids, twice = count() {
		time.Sleep(100 * time.Millisecond) // events are delivered after they are stored
	}
	t.Logf("%-8s %-12s %6d %6d %6d %6d %6d %6d %11d %6d %6d", s.instance, s.name, s.calls.Load(), s.events.Load(), s.failed.Load(), want-ids, twice, l.again,
		s.far.made.Load(), s.far.late.Load(), l.refused.Load())
	if s.failed.Load() > 0 || ids != want || twice > 0 || l.again > 0 {
		t.Errorf("%s of %s: %d of %d failed, %d came, %d of them twice, %d by a later attempt", s.name, s.instance, s.failed.Load(), want, ids, twice, l.again)
	}
	// What nobody met was not tried.
	met := map[string]int64{"gunicorn": s.far.late.Load(), "closes-50ms": s.far.late.Load(), "closes-1s": s.far.late.Load(),
		"refuse": l.refused.Load(), "goaway": s.far.made.Load() - int64(want/10), "both": l.refused.Load()}[s.name]
	if met <= 0 {
		t.Errorf("%s of %s: no request met what this server does", s.name, s.instance)
	}
}
