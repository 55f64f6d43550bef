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

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/demo"
)

// Exit codes.
const (
	exitDone        = 0
	exitFailed      = 1 // failed, or flawed
	exitUsage       = 2
	exitUnreachable = 3
)

// Program is one run of a command line. Tests run it as it is.
type Program struct {
	Args   []string
	Out    io.Writer
	Err    io.Writer
	Getenv func(string) string

	entered map[string]bool // the flags that a context has set
}

// Main runs a command of this process until it ends or a signal ends it, and
// returns the exit code. A second signal ends the process at once.
func Main(name, version string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	p := &Program{Args: os.Args[1:], Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv}
	return p.Run(ctx, name, version)
}

// Run runs the named program: callout, dispatcher or worker.
func (p *Program) Run(ctx context.Context, name, version string) int {
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
	root.SetArgs(p.Args)
	root.SetOut(p.Out)
	root.SetErr(p.Err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
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

// errTold is an error that has been told already.
var errTold = errors.New("told already")

func (p *Program) exit(cmd *cobra.Command, err error) int {
	var usage *usageError
	var demoUsage *demo.UsageError
	var unreachable *bus.Unreachable
	var away *serverUnreachable
	var step *demo.StepError
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
	p.tell(err.Error())
	return exitFailed
}

func (p *Program) tell(message string) {
	_, _ = fmt.Fprintln(p.Err, "callout: "+message) // there is nobody else to tell
}

// note tells something about the input, as it is.
func (p *Program) note(line string) {
	_, _ = fmt.Fprintln(p.Err, line) // there is nobody else to tell
}

func (p *Program) say(format string, args ...any) error {
	_, err := fmt.Fprintf(p.Out, format, args...)
	return err
}
