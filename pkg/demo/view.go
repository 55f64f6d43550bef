package demo

import (
	"io"
	"os"
	"sync"
	"time"
)

// intro is what a viewer is told before the play begins.
type intro struct {
	CoreURL string `json:"core"`
	NATSURL string `json:"nats"`
	HTTPURL string `json:"http"`
	LDAPURL string `json:"ldap"`
	OwnLDAP bool   `json:"embedded_ldap"`
	Workers int    `json:"workers"`         // processes; 0 = all in this process
	Hooks   string `json:"hooks,omitempty"` // the program whose hooks they are
	Break   string `json:"break,omitempty"`
	Promise string `json:"promise,omitempty"`
}

// proof is one thing that was checked and held.
type proof struct {
	Name   string `json:"check"`
	Detail string `json:"detail,omitempty"`
}

// view shows a play. Its methods are called one at a time.
type view interface {
	begin(intro)
	step(Step)
	proven([]proof)
	stay([]suggestion)
	end(err error, took time.Duration)
}

// inTurn lets many goroutines use one view.
type inTurn struct {
	mu sync.Mutex
	view
	over bool // the end was shown: what still happens while all is taken down is not
}

func (t *inTurn) step(s Step) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.over {
		t.view.step(s)
	}
}

// finish shows the end, and nothing behind it unless more is to come.
func (t *inTurn) finish(err error, took time.Duration, more bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end(err, took)
	t.over = !more
}

func (t *inTurn) do(f func(view)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f(t.view)
}

// newView picks how to show the play: columns on a terminal that is wide enough,
// lines anywhere else, JSON when it is asked for.
func newView(o Options) *inTurn {
	paint := ink(o.Terminal && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb")
	switch {
	case o.JSON:
		return &inTurn{view: &jsonView{out: o.Out}}
	case o.Terminal && o.Width >= minColumnsWidth:
		return &inTurn{view: &columnsView{words{o.Out, paint, o.Width}, newGrid(o.Width)}}
	}
	return &inTurn{view: &plainView{words{o.Out, paint, 0}}}
}

// write sends text out. A reader that went away does not change what the demo
// finds out, so its error is dropped.
func write(out io.Writer, text string) { _, _ = io.WriteString(out, text) }
