package demo

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/letters"
)

const (
	aliveCheck = 200 * time.Millisecond // is the engine still whole
	deadPoll   = 50 * time.Millisecond  // is there a dead letter
)

// errRefused ends the waiting when the client was refused and should not have
// been: nothing that is still missing will come.
var errRefused = errors.New("the client was refused")

func (s *stage) buildAndPlay(ctx context.Context) ([]proof, error) {
	if err := s.build(ctx); err != nil {
		return nil, err
	}
	return s.play(ctx)
}

// play creates the user, waits for every planned step, and checks them. It
// gives what was proven, or the first fault.
func (s *stage) play(ctx context.Context) ([]proof, error) {
	s.view.do(func(v view) { v.begin(s.intro()) })
	s.line.begin(s.view.step)
	wants := plan(s.o.Break)
	steps, fault := s.perform(ctx, wants)
	if ctx.Err() != nil {
		return nil, fmt.Errorf("interrupted: %w", ctx.Err())
	}
	if fault != nil {
		return nil, fault
	}
	return s.prove(ctx, steps)
}

// perform sets the client going and watches until all is there or nothing more
// can come.
func (s *stage) perform(ctx context.Context, wants []want) ([]Step, error) {
	stop, giveUp := context.WithCancelCause(ctx)
	var g sync.WaitGroup
	g.Go(func() { s.createUser(stop, giveUp) })
	g.Go(func() { s.watchEngine(stop, giveUp) })
	if s.o.Break == BreakHook {
		g.Go(func() { s.watchDeadLetters(stop, giveUp) })
	}
	steps := s.await(stop, wants)
	patience, cause := s.o.StepTimeout, context.Cause(stop)
	giveUp(nil)
	g.Wait()
	if cause != nil {
		patience = 0
	}
	fault := check(steps, wants, patience)
	if cause != nil && !errors.Is(cause, errRefused) {
		fault = errors.Join(fault, cause)
	}
	return steps, fault
}

// await returns when every planned step has happened, when one has not for as
// long as the step's time, or when ctx ends.
func (s *stage) await(ctx context.Context, wants []want) []Step {
	for _, w := range wants {
		limit := time.NewTimer(s.o.StepTimeout)
		for {
			steps, changed := s.line.Steps()
			if happened(steps, w.key) {
				break
			}
			select {
			case <-changed:
				continue
			case <-limit.C:
			case <-ctx.Done():
				limit.Stop()
			}
			steps, _ = s.line.Steps()
			return steps
		}
		limit.Stop()
	}
	steps, _ := s.line.Steps()
	return steps
}

func happened(steps []Step, k key) bool {
	for _, s := range steps {
		if s.Arrow == k.Arrow && s.Attempt == k.attempt {
			return true
		}
	}
	return false
}

// createUser is the client's part.
func (s *stage) createUser(ctx context.Context, giveUp context.CancelCauseFunc) {
	// The core gives up after half of a step's time, so the client hears of it
	// before anybody stops waiting.
	ctx, cancel := context.WithTimeout(ctx, s.o.StepTimeout)
	defer cancel()
	c := &client{http: s.web, url: s.coreURL, line: s.line, answered: s.answered}
	created, err := c.create(ctx, newcomer)
	switch {
	case err != nil:
		giveUp(err)
	case !created && s.o.Break != BreakMetadata:
		giveUp(errRefused)
	}
}

// watchEngine gives up when a part of the engine dies.
func (s *stage) watchEngine(ctx context.Context, giveUp context.CancelCauseFunc) {
	tick := time.NewTicker(aliveCheck)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := s.engine.broken(); err != nil {
				giveUp(err)
				return
			}
		}
	}
}

// watchDeadLetters draws the dead letter when it is there.
func (s *stage) watchDeadLetters(ctx context.Context, giveUp context.CancelCauseFunc) {
	b, err := s.connectBus(ctx)
	if err != nil {
		giveUp(err)
		return
	}
	defer b.Close()
	tick := time.NewTicker(deadPoll)
	defer tick.Stop()
	for {
		kept, err := letters.Of(b.Instance(instance)).All(ctx)
		if err == nil && len(kept) > 0 {
			d := kept[0].DeadLetter
			s.line.Add(Step{
				Arrow: deadLetter, Body: encode(d),
				Detail: fmt.Sprintf("reason %s, attempts %d, last status %d", d.Reason, d.Attempts, d.LastStatus),
			})
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// connectBus looks at the engine's NATS from outside, as an operator would.
func (s *stage) connectBus(ctx context.Context) (*bus.Bus, error) {
	return bus.Connect(ctx, bus.Options{URL: s.engine.nats, Name: "demo-check", Login: login(s.o, access.Dispatcher()), Log: s.o.Log})
}

func (s *stage) intro() intro {
	return intro{
		CoreURL: s.coreURL, NATSURL: s.engine.nats, HTTPURL: s.engine.http, LDAPURL: s.dirs.URL,
		OwnLDAP: s.o.LDAP.URL == "", Workers: s.o.Fleet, Hooks: s.o.Hooks, Break: s.o.Break, Promise: promises[s.o.Break],
	}
}
