package demo

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// suggestion is a command for the viewer to try.
type suggestion struct {
	Why     string `json:"why"`
	Command string `json:"command"`
}

// stay shows commands to try and keeps all parts running until ctx ends, or, as
// an error, until the engine is not whole any more. What the viewer sets going
// is drawn like the play itself.
func (s *stage) stay(ctx context.Context) error {
	s.core.guests.Store(true)
	suggestions := s.suggestions()
	s.view.do(func(v view) { v.stay(suggestions) })
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	s.watchEngine(ctx, giveUp)
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) && !errors.Is(cause, context.DeadlineExceeded) {
		return cause
	}
	return nil
}

func (s *stage) suggestions() []suggestion {
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
	callout, at := thisProgram(), " --server "+s.engine.http
	all := []suggestion{
		{"create another user, and watch it below", "curl -sS " + s.coreURL + "/users -d " + quote(string(grace))},
		{"the user in LDAP", "ldapsearch -x -H " + s.dirs.URL + " " + who + quote("(uid="+newcomer.Username+")")},
		{"how every line stands", callout + " get subscriptions" + at},
		{"what is stored, the newest first", callout + " get events" + at},
		{"who is there", callout + " status" + at},
	}
	return slices.DeleteFunc(all, func(s suggestion) bool { // what is not installed cannot be tried
		tool, _, _ := strings.Cut(s.Command, " ")
		_, err := exec.LookPath(tool)
		return err != nil && (tool == "curl" || tool == "ldapsearch")
	})
}

// thisProgram is how a shell runs this program, in the folder where it was
// started.
func thisProgram() string {
	path, err := os.Executable()
	if err != nil {
		return "callout"
	}
	if found, err := exec.LookPath("callout"); err == nil && sameFile(found, path) {
		return "callout"
	}
	const source = "cmd/callout"
	if _, err := os.Stat(filepath.Join(source, "main.go")); err == nil && strings.Contains(path, "go-build") { // by go run, which removes it
		return "go run ./" + source
	}
	return quote(path)
}

func sameFile(a, b string) bool {
	one, err := os.Stat(a)
	other, failed := os.Stat(b)
	return err == nil && failed == nil && os.SameFile(one, other)
}

// quote makes s one word of a POSIX shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
