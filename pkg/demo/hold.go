package demo

import (
	"context"
	"errors"
	"strings"

	"github.com/callout-hq/callout/pkg/bus"
)

// trial is a command for the viewer to try.
type trial struct {
	Why     string `json:"why"`
	Command string `json:"command"`
}

// hold shows three commands and keeps all parts running until ctx ends, or, as
// an error, until the engine is not whole any more. What the viewer sets going
// is drawn like the play itself.
func (s *stage) hold(ctx context.Context) error {
	s.core.guests.Store(true)
	trials := s.trials()
	s.view.do(func(v view) { v.hold(trials) })
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	s.watchEngine(ctx, giveUp)
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) && !errors.Is(cause, context.DeadlineExceeded) {
		return cause
	}
	return nil
}

func (s *stage) trials() []trial {
	grace := encode(User{Username: "grace", GivenName: "Grace", FamilyName: "Hopper", Email: "grace@example.com"})
	steps, _ := s.line.Steps()
	base := s.dirs.Base
	if _, found, ok := strings.Cut(last(steps)(storeUser).Detail, ","); base == "" && ok {
		base = found // of the DN that the user has
	}
	who := "-b " + quote(base) + " "
	if s.o.LDAP.BindDN != "" {
		who = "-D " + quote(s.o.LDAP.BindDN) + " -W " + who
	}
	return []trial{
		{"create another user, and watch it below", "curl -sS " + s.coreURL + "/users -d " + quote(string(grace))},
		{"the user in LDAP", "ldapsearch -x -H " + s.dirs.URL + " " + who + quote("(uid="+newcomer.Username+")")},
		{"the stream's consumers, one for every line", "nats --server " + s.engine.nats + " consumer report " + bus.EventStream(instance)},
	}
}

// quote makes s one word of a POSIX shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
