package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/demo/asked"
	"github.com/callout-hq/callout/pkg/dispatch"
)

// Exit codes.
const (
	exitDone        = 0
	exitFailed      = 1 // failed, or flawed
	exitUsage       = 2
	exitNoPlan      = 2 // whether there are differences cannot be told
	exitUnreachable = 3
)

// Program is one run of a command line. Tests run it as it is.
type Program struct {
	Args   []string
	Out    io.Writer
	Err    io.Writer
	Getenv func(string) string
	Demo   Demo // of callout

	version string          // of the program
	entered map[string]bool // the flags that a context has set
	columns int             // of a terminal; 0 = as many as Out has, if it is one
}

// Main runs a command of this process until it ends or a signal ends it, and
// returns the exit code. A second signal ends the process at once. Only callout
// needs a demo.
func Main(name, version string, demo Demo) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	p := &Program{Args: os.Args[1:], Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv, Demo: demo}
	return p.Run(ctx, name, version)
}

// Run runs the named program: callout, dispatcher or worker.
func (p *Program) Run(ctx context.Context, name, version string) int {
	p.version = version
	var root *cobra.Command
	switch name {
	case "dispatcher":
		root = p.dispatcherCommand()
	case "worker":
		root = p.workerCommand()
	default:
		root = p.calloutCommand()
	}
	root.Version = version
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetArgs(nounsApart(root, p.Args))
	root.SetOut(p.Out)
	root.SetErr(p.Err)
	root.SetFlagErrorFunc(wrongFlags)
	p.environment(root)
	cmd, err := root.ExecuteContextC(ctx)
	return p.exit(cmd, err)
}

// environment lets every flag be set by a variable CALLOUT_FLAG_NAME; the flag
// itself wins. What neither sets a context may set.
func (p *Program) environment(root *cobra.Command) {
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return p.settle(cmd) }
}

// withoutVariables is the annotation of a command whose flags are set on the
// command line alone.
const withoutVariables = "without variables"

// settle sets the flags of a command that its command line does not set.
func (p *Program) settle(cmd *cobra.Command) error {
	if cmd.Annotations[withoutVariables] != "" {
		return nil
	}
	var wrong error
	cmd.Flags().VisitAll(func(f *flagType) {
		name := "CALLOUT_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value := p.Getenv(name)
		if f.Changed || value == "" || f.Name == "help" || f.Name == "version" || wrong != nil {
			return
		}
		if err := cmd.Flags().Set(f.Name, value); err != nil {
			wrong = &usageError{fmt.Errorf("%s: %w", name, err)}
		}
	})
	if wrong != nil {
		return wrong
	}
	return p.enter(cmd)
}

// usageError is a command line that cannot be meant.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// noPlan is why nobody can tell what would change: it has an exit code of its own,
// since 1 says that something would.
type noPlan struct{ err error }

func (e *noPlan) Error() string { return e.err.Error() }
func (e *noPlan) Unwrap() error { return e.err }

// errTold is an error that has been told already.
var errTold = errors.New("told already")

func (p *Program) exit(cmd *cobra.Command, err error) int {
	var usage *usageError
	var demoUsage *asked.UsageError
	var unreachable *bus.Unreachable
	var away *serverUnreachable
	var step *asked.StepError
	var plan *noPlan
	var bad *dispatch.BadFile
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errTold), errors.As(err, &step):
		return exitFailed // the demo has shown which step
	case errors.As(err, &usage), errors.As(err, &demoUsage), strings.HasPrefix(err.Error(), "unknown command"):
		p.tell(fmt.Sprintf("%v\nSee \"%s --help\".", err, cmd.CommandPath()))
		return exitUsage
	case errors.As(err, &unreachable):
		p.tell(unreachable.Error())
		return exitUnreachable
	case errors.As(err, &away):
		p.tell(away.Error())
		return exitUnreachable
	}
	if errors.As(err, &bad) { // in the form of check
		for _, problem := range bad.Problems {
			p.note(problem.String())
		}
		err = fmt.Errorf("the configuration is refused: %s", count(errorsIn(bad.Problems), "error"))
	}
	p.tell(err.Error())
	if errors.As(err, &plan) {
		return exitNoPlan
	}
	return exitFailed
}

// tell prints an error. Whatever it repeats, there is no password in it.
func (p *Program) tell(message string) {
	_, _ = fmt.Fprintln(p.Err, "callout: "+action.ShownText(message)) // there is nobody else to tell
}

// note tells something about the input, as it is.
func (p *Program) note(line string) {
	_, _ = fmt.Fprintln(p.Err, action.EscapeBidi(line)) // there is nobody else to tell
}

// say prints a result, text or JSON.
func (p *Program) say(format string, args ...any) error {
	_, err := io.WriteString(p.Out, action.EscapeBidi(fmt.Sprintf(format, args...)))
	return err
}
