package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/rs/zerolog"
)

// DefaultStepTimeout is how long the demo waits for one step.
const DefaultStepTimeout = 8 * time.Second

// maxFleet bounds the workers of a fleet on one machine.
const maxFleet = 32

// Options say what to play and how to show it. The zero value with an Out
// plays everything in this process and prints lines.
type Options struct {
	Out      io.Writer
	Width    int  // columns of the terminal
	Terminal bool // Out is a terminal: lanes and colours
	JSON     bool // one object a line instead
	Hold     bool // keep running afterwards, until the context ends
	Break    string
	LDAP     LDAPOptions
	Fleet    int // workers as processes, 1 to 32; 0 = all in this process
	// Executable has the commands dispatcher and worker; empty = this program.
	Executable string
	Log        zerolog.Logger
	// CoreNATS gives the address at which the core reaches NATS, from the one
	// at which it listens; nil = the same.
	CoreNATS    func(url string) string
	StepTimeout time.Duration // for one step; 0 = DefaultStepTimeout
}

// UsageError is an option that cannot be.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *UsageError) Unwrap() error { return e.Err }

// complete checks o and fills in what is not said.
func (o Options) complete() (Options, error) {
	err := errors.Join(checkBreak(o.Break), o.LDAP.check())
	if o.Break == BreakLDAP && o.LDAP.URL != "" {
		err = errors.Join(err, errors.New("breaking ldap takes the embedded LDAP server down; it will not touch yours"))
	}
	if o.Fleet < 0 || o.Fleet > maxFleet {
		err = errors.Join(err, fmt.Errorf("a fleet has 1 to %d workers", maxFleet))
	}
	if err != nil {
		return o, &UsageError{err}
	}
	if o.Executable == "" && o.Fleet > 0 {
		if o.Executable, err = os.Executable(); err != nil {
			return o, err
		}
	}
	if o.StepTimeout == 0 {
		o.StepTimeout = DefaultStepTimeout
	}
	if o.CoreNATS == nil {
		o.CoreNATS = func(url string) string { return url }
	}
	if o.Out == nil {
		o.Out = io.Discard
	}
	return o, nil
}

// Run plays the sequence. It returns nil only if every step happened in its
// place, or, under a break, if the engine did about it what it promises. A step
// that did not happen is a *StepError that names it; a wrong option is a
// *UsageError. What Run started is gone when it returns, and so are its files.
func Run(ctx context.Context, o Options) (err error) {
	o, err = o.complete()
	if err != nil {
		return err
	}
	began := time.Now()
	v := newView(o)
	s := &stage{o: o, view: v, line: NewTimeline(nil)}
	defer func() { err = errors.Join(err, s.strike()) }()
	proofs, err := s.buildAndPlay(ctx)
	if err == nil {
		v.do(func(v view) { v.proven(proofs) })
	}
	v.finish(err, time.Since(began), err == nil && o.Hold)
	if err == nil && o.Hold {
		return s.hold(ctx)
	}
	return err
}
