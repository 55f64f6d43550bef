package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/callout-hq/callout/pkg/demo/asked"
)

// DefaultStepTimeout is how long the demo waits for one step.
const DefaultStepTimeout = 8 * time.Second

// maxFleet bounds the workers of a fleet on one machine.
const maxFleet = 32

type (
	// Options say what to play and how to show it.
	Options = asked.Options
	// LDAPOptions name the LDAP server that UserAddedHook writes to.
	LDAPOptions = asked.LDAPOptions
	// UsageError is an option that cannot be.
	UsageError = asked.UsageError
	// StepError names the step of the sequence that did not happen as it must.
	StepError = asked.StepError
)

// complete checks o and fills in what is not said.
func complete(o Options) (Options, error) {
	err := errors.Join(checkBreak(o.Break), checkLDAP(o.LDAP))
	if o.Break == BreakLDAP && o.LDAP.URL != "" {
		err = errors.Join(err, errors.New("breaking ldap takes the embedded LDAP server down; it will not touch yours"))
	}
	var missing error
	o.Hooks, missing = hooksProgram(o.Hooks)
	err = errors.Join(err, missing)
	if o.Fleet < 0 || o.Fleet > maxFleet {
		err = errors.Join(err, fmt.Errorf("a fleet has 1 to %d workers", maxFleet))
	}
	if err != nil {
		return o, &UsageError{Err: err}
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
	o, err = complete(o)
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
		return s.stay(ctx)
	}
	return err
}
