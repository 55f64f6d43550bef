package cli

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"github.com/callout-hq/callout/pkg/action"
)

// askEvery is how often it is asked what there is, by who watches.
const askEvery = time.Second

// watchFlag is --watch of a get.
type watchFlag struct{ on bool }

func (w *watchFlag) add(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&w.on, "watch", "w", false, "show each again when it stands differently, until Ctrl-C")
}

// check refuses what cannot be watched, and has programs get a line for each
// change: a list that never ends is no object.
func (w *watchFlag) check(server *serverFlags) error {
	if !w.on {
		return nil
	}
	switch server.output {
	case asYAML:
		return &usageError{errors.New("-o yaml goes without --watch")}
	case asJSON:
		server.output = asLines
	}
	return nil
}

// watching shows a list, and then what changes in it, until ctx ends. A server
// that goes away is told of, and waited for.
func watching[T any](ctx context.Context, l *lister[T], fetch func(context.Context) ([]T, error)) error {
	known := map[string]T{}
	return l.retrying(ctx, func(there func()) error {
		all, err := fetch(ctx)
		if err != nil {
			return err
		}
		there()
		seen := make(map[string]bool, len(all))
		var changed []T
		for _, one := range all {
			name := l.name(one)
			seen[name] = true
			if before, ok := known[name]; !ok || !same(before, one) {
				changed = append(changed, one)
			}
			known[name] = one
		}
		for name := range known {
			if !seen[name] {
				delete(known, name)
				l.note("gone: " + printable(name))
			}
		}
		return l.page(changed)
	})
}

// retrying does something again and again until ctx ends; it says there when the
// server answers. When that goes away which was there once, retrying says so, tries
// on, and says when it is back.
func (p *Program) retrying(ctx context.Context, do func(there func()) error) error {
	begun, away := false, false
	there := func() {
		if away {
			p.note("the dispatcher answers again")
		}
		begun, away = true, false
	}
	for {
		err := do(there)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
		case !begun || !passes(err):
			return err
		case !away:
			away = true
			p.note(fmt.Sprintf("%v; asking again until it does", err))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(askEvery):
		}
	}
}

// list shows a list that comes at once, or watches it.
func list[T any](ctx context.Context, w watchFlag, l *lister[T], fetch func(context.Context) ([]T, error)) error {
	if w.on {
		return watching(ctx, l, fetch)
	}
	all, err := fetch(ctx)
	if err != nil {
		return err
	}
	return l.all(all)
}

// same tells whether two objects of a list stand the same.
func same(a, b any) bool {
	one, ok := a.(proto.Message)
	other, also := b.(proto.Message)
	return ok && also && proto.Equal(one, other) || reflect.DeepEqual(a, b)
}

// passes tells whether an error is of a server that is away, or not all there, for
// now.
func passes(err error) bool {
	var away *serverUnreachable
	var by *refusedBy
	if errors.As(err, &by) {
		return by.code == action.CodeUnavailable || by.code == action.CodeMissing || by.code == action.CodeDeadline
	}
	return errors.As(err, &away)
}
