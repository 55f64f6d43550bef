package demo

import (
	"encoding/json"
	"sync"
	"time"
)

// maxSteps bounds what the timeline keeps. The longest play has fewer than
// fifty steps; what comes after the bound is still drawn, but not kept.
const maxSteps = 1000

// Step is one arrow that happened.
type Step struct {
	Arrow
	At      time.Duration   // since the play began, monotonic
	Attempt int             // 1, 2, … where an attempt is counted; else 0
	Status  int             // HTTP status where there is one; else 0
	Detail  string          // what was sent or answered, short, for the eye
	Body    json.RawMessage // what was sent or answered, for the check
}

// Timeline records steps in the order in which they happen. It is safe for
// concurrent use; show is called under its lock, so steps are drawn in the
// order in which they are kept.
type Timeline struct {
	start time.Time
	show  func(Step)

	mu      sync.Mutex
	steps   []Step
	changed chan struct{}
}

// NewTimeline starts the clock. show may be nil.
func NewTimeline(show func(Step)) *Timeline {
	if show == nil {
		show = func(Step) {}
	}
	return &Timeline{start: time.Now(), show: show, changed: make(chan struct{})}
}

// begin starts the clock anew and shows what happens from now on.
func (t *Timeline) begin(show func(Step)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.start, t.show = time.Now(), show
}

// Add records s as happening now.
func (t *Timeline) Add(s Step) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.At = time.Since(t.start)
	if len(t.steps) < maxSteps {
		t.steps = append(t.steps, s)
	}
	t.show(s)
	close(t.changed)
	t.changed = make(chan struct{})
}

// Steps gives what was recorded so far, and a channel that is closed when
// there is more.
func (t *Timeline) Steps() ([]Step, <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]Step(nil), t.steps...), t.changed
}
