package callout_test

import (
	"context"
	"encoding/json"
	"errors"
	"runtime"
	"testing"
	"time"

	callout "github.com/callout-hq/callout/sdk/go"
	"github.com/callout-hq/callout/sdk/go/callouttest"
)

// throwing is a type whose own reading and writing panic.
type throwing struct{}

func (*throwing) UnmarshalJSON([]byte) error  { panic("while it is read") }
func (throwing) MarshalJSON() ([]byte, error) { panic("while it is written") }

// TestPanicsOfTypes are failures of a handler: the delivery comes again, and is not under way for ever.
func TestPanicsOfTypes(t *testing.T) {
	r, _ := hooks(t, nil)
	callout.OnEvent(r, "user.added", func(context.Context, callout.Event[throwing]) error { return nil })
	callout.OnRequest(r, method, func(context.Context, callout.Call[json.RawMessage]) (any, error) { return throwing{}, nil })
	s := callouttest.Event("user.added", user{First: "Ada"})
	for range 2 { // not 409 the second time
		wants(t, s.To(r), 500, `"handler_failed"`)
	}
	wants(t, callouttest.Request(method, user{}).To(r), 500, `"handler_failed"`)
}

// TestLateAnswersDoNoHarm: what a handler gives behind its 504 is written by nobody's goroutine but its own. A panic in
// writing it is caught there: the delivery is under way until then, and no longer, and comes again.
func TestLateAnswersDoNoHarm(t *testing.T) {
	r, _ := hooks(t, nil)
	let := make(chan struct{})
	callout.OnRequest(r, method, func(context.Context, callout.Call[json.RawMessage]) (any, error) {
		<-let
		return throwing{}, nil
	})
	s := callouttest.Request(method, user{})
	s.Sequence, s.Remaining = 1, 50*time.Millisecond
	wants(t, s.To(r), 504, `"handler_timeout"`)
	s.Remaining = time.Minute
	wants(t, s.To(r), 409, `"in_progress"`)
	close(let)
	again := s.To(r)
	for deadline := time.Now().Add(time.Minute); again.Status == 409 && time.Now().Before(deadline); again = s.To(r) {
		time.Sleep(time.Millisecond)
	}
	wants(t, again, 500, `"handler_failed"`)
}

// TestAHandlerThatEndsItsGoroutine has failed, at once.
func TestAHandlerThatEndsItsGoroutine(t *testing.T) {
	r, _ := hooks(t, nil)
	callout.OnEvent(r, "user.added", func(context.Context, callout.Event[json.RawMessage]) error { runtime.Goexit(); return nil })
	s := callouttest.Event("user.added", user{First: "Ada"})
	for range 2 {
		wants(t, s.To(r), 500, `"handler_failed"`)
	}
}

// broken is a store that panics: of one of the two.
type broken struct{ seen bool }

func (b broken) Seen(context.Context, string) (bool, error) {
	if b.seen {
		panic("seen")
	}
	return false, nil
}

func (b broken) Done(context.Context, string) error { panic(errors.New("done")) }

// TestAStoreThatPanics fails, and its delivery comes again.
func TestAStoreThatPanics(t *testing.T) {
	for _, seen := range []bool{true, false} {
		r, _ := hooks(t, func(o *callout.Options) { o.Store = broken{seen} })
		callout.OnEvent(r, "user.added", func(context.Context, callout.Event[json.RawMessage]) error { return nil })
		s := callouttest.Event("user.added", user{First: "Ada"})
		for range 2 {
			wants(t, s.To(r), 503, `"unavailable"`)
		}
	}
}
