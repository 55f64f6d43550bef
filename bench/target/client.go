package target

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/callout-hq/callout/bench/process"
)

// Target is a receiver that runs in a process of its own.
type Target struct {
	URL     string
	process *process.Process
	round   int
}

// Start starts this program as a receiver, which logs into a directory.
func Start(ctx context.Context, logs string) (*Target, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p, err := process.Start(ctx, process.Options{Name: "target", Path: self, Args: []string{"target"}, Ready: "ready ", Logs: logs})
	if err != nil {
		return nil, err
	}
	return &Target{URL: p.Field("url"), process: p}, nil
}

// Stop ends it.
func (t *Target) Stop() { t.process.Kill() }

// Round is that of the events which are counted now.
func (t *Target) Round() int { return t.round }

// Expect forgets what has come, and counts a new round. It is not safe for concurrent use.
func (t *Target) Expect(ctx context.Context, e Expect) error {
	t.round++
	e.Round = t.round
	raw, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return t.ask(ctx, http.MethodPost, "/control/expect", raw, nil)
}

// Mark has the report tell which keys go on from now.
func (t *Target) Mark(ctx context.Context) error {
	return t.ask(ctx, http.MethodPost, "/control/mark", nil, nil)
}

// Report tells what has come.
func (t *Target) Report(ctx context.Context) (Report, error) {
	var r Report
	return r, t.ask(ctx, http.MethodGet, "/control/report", nil, &r)
}

// Await waits until so many events have come, or nothing has for idle; 0 events are any number.
func (t *Target) Await(ctx context.Context, events int, idle time.Duration) (Report, error) {
	var r Report
	query := url.Values{"events": {strconv.Itoa(events)}, "idle": {idle.String()}}
	return r, t.ask(ctx, http.MethodGet, "/control/report?"+query.Encode(), nil, &r)
}

func (t *Target) ask(ctx context.Context, method, path string, body []byte, answer any) error {
	request, err := http.NewRequestWithContext(ctx, method, t.URL+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the target answers %s", response.Status)
	}
	if answer == nil {
		return nil
	}
	return json.NewDecoder(response.Body).Decode(answer)
}
