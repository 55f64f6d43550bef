package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/action"
)

// ref names a target or an execution on the command line: [ORG:]NAME, for an
// execution [ORG:][PHASE/]NAME, where NAME is its condition or its name. Of these only
// an event type may hold a colon: one that does needs its phase.
type ref struct {
	org   string
	known bool         // org was said
	phase action.Phase // empty is any
	name  string
}

// String is the ref as it is read back.
func (r ref) String() string {
	text := r.name
	if r.phase != "" {
		text = string(r.phase) + "/" + text
	}
	if r.org != "" {
		text = r.org + ":" + text
	}
	return text
}

// orgFlag is --org beside names that may say the organization themselves.
type orgFlag struct {
	cmd *cobra.Command
	org string
}

func (o *orgFlag) add(cmd *cobra.Command, use string) {
	o.cmd = cmd
	cmd.Flags().StringVar(&o.org, "org", "", use)
}

func (o *orgFlag) given() bool { return o.cmd != nil && o.cmd.Flags().Changed("org") }

// target reads [ORG:]NAME.
func (o *orgFlag) target(text string) (ref, error) {
	r := ref{org: o.org, known: o.given(), name: text}
	if cut := strings.LastIndexByte(text, ':'); cut >= 0 {
		org := text[:cut]
		if r.known && r.org != org {
			return r, &usageError{fmt.Errorf("%q is of the organization %q, and --org says %q", text, org, o.org)}
		}
		r.org, r.known, r.name = org, true, text[cut+1:]
	}
	if r.name == "" {
		return r, &usageError{fmt.Errorf("%q names nothing", text)}
	}
	return r, nil
}

// execution reads [ORG:][PHASE/]NAME.
func (o *orgFlag) execution(text string) (ref, error) {
	if before, match, found := cutEvent(text); found {
		r, err := o.target(before + string(action.OnEvent))
		r.phase, r.name = action.OnEvent, match
		return r, err
	}
	r, err := o.target(text)
	if phase, name, found := strings.Cut(r.name, "/"); found && slices.Contains(action.Phases, action.Phase(phase)) {
		r.phase, r.name = action.Phase(phase), name
	}
	if err == nil && r.name == "" {
		err = &usageError{fmt.Errorf("%q names nothing", text)}
	}
	return r, err
}

// cutEvent reads [ORG:]event/TYPE whose type holds a colon; before is what stands in
// front, with its colon.
func cutEvent(text string) (before, match string, found bool) {
	const mark = string(action.OnEvent) + "/"
	if match, found = strings.CutPrefix(text, mark); !found {
		if before, match, found = strings.Cut(text, ":"+mark); found {
			before += ":"
		}
	}
	return before, match, found && strings.IndexByte(match, ':') >= 0
}

// executionOf reads the name of one execution from one argument, or from two:
// PHASE NAME.
func (o *orgFlag) executionOf(args []string) (ref, error) {
	if len(args) == 1 {
		return o.execution(args[0])
	}
	if !slices.Contains(action.Phases, action.Phase(args[0])) {
		return ref{}, &usageError{fmt.Errorf("%q: request, response, function or event are known", args[0])}
	}
	r, err := o.target(args[1])
	r.phase = action.Phase(args[0])
	return r, err
}

func executionArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 1 || len(args) == 2 {
		return nil
	}
	return &usageError{fmt.Errorf("%s takes the NAME of one execution, such as event/user.added", cmd.CommandPath())}
}

// labels reads LABEL=VALUE,….
func labels(texts []string) (map[string]string, error) {
	out := map[string]string{}
	for _, text := range texts {
		name, value, found := strings.Cut(text, "=")
		if !found || name == "" {
			return nil, &usageError{errors.New("a label is chosen by NAME=VALUE, not " + fmt.Sprintf("%q", text))}
		}
		out[name] = value
	}
	return out, nil
}
