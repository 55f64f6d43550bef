package cli_test

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"
)

// bound is how long a test waits for what is to happen at once, on a machine
// that has other work.
const bound = time.Minute

// transcript collects what a process prints and lets tests wait for it.
type transcript struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{} // closed and replaced on every write
}

func newTranscript() *transcript { return &transcript{changed: make(chan struct{})} }

func (tr *transcript) Write(p []byte) (int, error) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	close(tr.changed)
	tr.changed = make(chan struct{})
	return tr.text.Write(p)
}

func (tr *transcript) String() string {
	text, _ := tr.read()
	return text
}

func (tr *transcript) read() (text string, changed <-chan struct{}) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.text.String(), tr.changed
}

// line waits for a whole line that begins with prefix. ok is false when done
// is closed or the time is over before.
func (tr *transcript) line(prefix string, done <-chan struct{}) (line string, ok bool) {
	limit := time.NewTimer(bound)
	defer limit.Stop()
	for {
		text, changed := tr.read()
		for whole := range strings.Lines(text) {
			if strings.HasPrefix(whole, prefix) && strings.HasSuffix(whole, "\n") {
				return strings.TrimSuffix(whole, "\n"), true
			}
		}
		select {
		case <-changed:
		case <-done:
			return "", false
		case <-limit.C:
			return "", false
		}
	}
}

// await waits for a text anywhere in the transcript.
func (tr *transcript) await(t *testing.T, part string) {
	t.Helper()
	limit := time.NewTimer(bound)
	defer limit.Stop()
	for {
		text, changed := tr.read()
		if strings.Contains(text, part) {
			return
		}
		select {
		case <-changed:
		case <-limit.C:
			t.Fatalf("%q was not said within %s", part, bound)
		}
	}
}
