package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync/atomic"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/sign"
)

// stage holds the parties of a play and takes them down again.
type stage struct {
	o    Options
	view *inTurn
	line *Timeline

	dir      string
	dirs     *directory
	outage   outage
	answered chan struct{} // closed when the client has its answer
	verified atomic.Int64  // signed requests that the targets took
	targets  []*target
	keys     []string // of the targets, in their order
	engine   *engine
	core     *core
	coreURL  string
	web      *http.Client

	down []func() error // in the order of building
}

// later remembers how to take down what was just built.
func (s *stage) later(f func() error) { s.down = append(s.down, f) }

// strike takes everything down, last built first.
func (s *stage) strike() error {
	var errs []error
	for i := len(s.down) - 1; i >= 0; i-- {
		errs = append(errs, s.down[i]())
	}
	s.down = nil
	return errors.Join(errs...)
}

// build sets the stage: LDAP, targets, engine, core.
func (s *stage) build(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "callout-demo-")
	if err != nil {
		return err
	}
	s.dir = dir
	s.later(func() error { return os.RemoveAll(dir) })
	s.answered = make(chan struct{})
	if err := s.buildLDAP(); err != nil {
		return err
	}
	p, err := s.buildTargets(ctx)
	if err != nil {
		return err
	}
	config, err := p.yaml()
	if err != nil {
		return err
	}
	if s.engine, err = startEngine(ctx, s.o, dir, config); err != nil {
		return err
	}
	s.later(s.engine.close)
	return s.buildCore(ctx)
}

func (s *stage) buildLDAP() error {
	if s.o.LDAP.URL != "" {
		s.dirs = &directory{s.o.LDAP}
		return nil
	}
	password := sign.NewKey() // as good a password as any
	server, err := StartLDAP(password)
	if err != nil {
		return err
	}
	s.later(server.Close)
	s.dirs = &directory{LDAPOptions{URL: server.URL(), BindDN: ldapAdmin, Password: password, Base: ldapPeople}}
	if s.o.Break != BreakLDAP {
		server.Up()
		return nil
	}
	s.outage.end = func() {
		s.line.Add(Step{Arrow: ldapUp, Detail: server.URL()})
		server.Up()
	}
	return nil
}

// buildTargets starts the targets and tells where they are. With a program of hooks they
// hand on to it what they are sent, and draw what it answers.
func (s *stage) buildTargets(ctx context.Context) (places, error) {
	var p places
	metadata := func(t *target) *target { return metadataTarget(t, s.o.Break == BreakMetadata) }
	added := func(t *target) *target { return userAddedTarget(t, &s.outage, s.o.Break == BreakHook) }
	state := func(t *target) *target {
		return stateTarget(t, s.answered, s.o.StepTimeout*3/4, s.o.Break == BreakAsync)
	}
	err := errors.Join(
		s.target(AddMetadata, addMetadataHook, metadata, &p.Metadata, &p.MetadataKey),
		s.target(UserAddedHook, storeUserHook(s.dirs), added, &p.Hook, &p.HookKey),
		s.target(StateHook, logStateHook, state, &p.State, &p.StateKey),
		s.target(CompleteToken, completeTokenHook, tokenTarget, &p.Token, &p.TokenKey),
	)
	if err != nil || s.o.Hooks == "" {
		return p, err
	}
	program, err := startHooks(ctx, s.o, s.keys, s.dirs.LDAPOptions)
	if err != nil {
		return p, err
	}
	s.later(program.close)
	for _, t := range s.targets {
		t.hook = program.answer
	}
	return p, nil
}

func (s *stage) target(name Party, does hook, act func(*target) *target, url, keyFile *string) error {
	key, path, err := newKeyFile(s.dir, name)
	if err != nil {
		return err
	}
	t := act(&target{name: name, key: key, line: s.line, verified: &s.verified, hook: does})
	srv, err := serve(t)
	if err != nil {
		return fmt.Errorf("%s did not start: %w", name, err)
	}
	s.later(srv.close)
	s.targets, s.keys = append(s.targets, t), append(s.keys, key)
	*url, *keyFile = srv.url+"/", path
	return nil
}

// buildCore starts the application, which knows the engine only by its NATS
// address.
func (s *stage) buildCore(ctx context.Context) error {
	engine, err := callout.Connect(ctx, callout.Options{
		URL: s.o.CoreNATS(s.engine.nats), Instance: instance, Name: "demo-core", Login: login(s.o, access.Core(instance)), Log: s.o.Log,
	})
	if err != nil {
		return fmt.Errorf("the core does not reach NATS: %w", err)
	}
	s.later(func() error { engine.Close(); return nil })
	s.core = &core{engine: engine, store: newStore(), line: s.line, timeout: s.o.StepTimeout / 2}
	srv, err := serve(s.core.routes())
	if err != nil {
		return fmt.Errorf("the core did not start: %w", err)
	}
	s.later(srv.close)
	s.coreURL = srv.url
	s.web = &http.Client{Transport: &http.Transport{}} // no proxy from the environment
	s.later(func() error { s.web.CloseIdleConnections(); return nil })
	return nil
}
