package cli_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fault is something that can happen to a history. It fails if it did not
// strike.
type fault struct {
	name   string
	strike func(*history, *testing.T)
}

var faults = []fault{
	{"worker killed", (*history).killWorker},
	{"dispatcher killed", (*history).killDispatcher},
	{"broker killed", (*history).killBroker},
	{"edits", func(h *history, t *testing.T) { h.editing(t, func() {}) }},
	{"all at once", func(h *history, t *testing.T) {
		h.editing(t, func() {
			h.killWorker(t)
			h.killDispatcher(t)
			h.killBroker(t)
		})
	}},
}

func (h *history) killWorker(t *testing.T) {
	t.Helper()
	i := h.random.IntN(len(h.workers))
	h.kill(t, h.workers[i])
	h.workers = append(h.workers[:i], h.workers[i+1:]...)
	h.hire(t)
}

func (h *history) killDispatcher(t *testing.T) {
	t.Helper()
	h.kill(t, h.dispatcher)
	h.startDispatcher(t)
}

// killBroker kills the broker, and starts it again on the same directory.
func (h *history) killBroker(t *testing.T) {
	t.Helper()
	h.mu.Lock()
	h.brokerAway = append(h.brokerAway, time.Now())
	h.mu.Unlock()
	h.kill(t, h.broker)
	h.startBroker(t)
}

func (h *history) kill(t *testing.T, p *process) {
	t.Helper()
	code, _ := p.stop(t, kill)
	require.Equal(t, -1, code, "the fault struck")
	kind := p.name
	if p == h.broker {
		kind = "broker"
	}
	h.kills[kind]++
}

// editPace is how often somebody edits, and editsAtLeast how often in all when
// nothing takes longer.
const (
	editPace     = 250 * time.Millisecond // a file is read when it is left alone
	editsAtLeast = 4
)

// editing edits again and again while do runs, and sees to it that an edit came
// into force.
func (h *history) editing(t *testing.T, do func()) {
	t.Helper()
	before, err := h.marker(t)
	require.NoError(t, err)
	stop, edited := make(chan struct{}), make(chan error, 1)
	go func() { edited <- h.edit(stop) }()
	do()
	close(stop)
	require.NoError(t, <-edited)
	require.Eventually(t, func() bool {
		now, err := h.marker(t)
		return err == nil && now > before
	}, bound, 10*time.Millisecond, "the fault struck: an edit came into force")
}

// edit edits until told to stop.
func (h *history) edit(stop <-chan struct{}) error {
	pace := time.NewTicker(editPace)
	defer pace.Stop()
	for n := 0; ; n++ {
		<-pace.C
		if err := swap(h.file, fill(h.tg, h.configured())); err != nil {
			return err
		}
		select {
		case <-stop:
			if n >= editsAtLeast {
				return nil
			}
		default:
		}
	}
}

// marker is the sequence of the newest revision's marker. The broker may be
// away.
func (h *history) marker(t *testing.T) (uint64, error) {
	events, err := h.js.Stream(t.Context(), "CALLOUT_EVENTS_default")
	if err != nil {
		return 0, err
	}
	last, err := events.GetLastMsgForSubject(t.Context(), "callout.catalog.default")
	if err != nil {
		return 0, err
	}
	return last.Sequence, nil
}

// checkFaults fails if one of the faults never struck.
func (h *history) checkFaults(t *testing.T, rounds int) {
	t.Helper()
	var wrong []error
	for _, kind := range []string{"worker", "dispatcher", "broker"} {
		if h.kills[kind] < 2*rounds {
			wrong = append(wrong, errors.New(kind+" was not killed as often as it should have been"))
		}
	}
	require.NoError(t, errors.Join(wrong...))
	require.GreaterOrEqual(t, h.edits.Load(), int64(2*rounds*editsAtLeast), "edits")
	require.Positive(t, h.refused.Load(), "requests that a target refused")
	require.Positive(t, h.unanswered.Load(), "requests that a target did not answer")
}
