package cli_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// process is one of the programs, running as a child.
type process struct {
	name  string
	cmd   *exec.Cmd
	out   *transcript
	log   *transcript
	done  chan struct{}     // closed when it has ended and its output is read
	ready map[string]string // the pairs of its ready line: http, nats
}

// command is a program with a clean environment: none of the variables that
// would set its flags, but those given.
func command(ctx context.Context, program string, env []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "CALLOUT_") {
			cmd.Env = append(cmd.Env, pair)
		}
	}
	cmd.Env = append(append(cmd.Env, env...), programVariable+"="+program)
	cmd.SysProcAttr = diesWithTest()
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// start runs a program until the test ends, and waits for its ready line.
func start(t *testing.T, program string, env []string, args ...string) *process {
	t.Helper()
	p := newProcess(program, env, args...)
	p.launch(t)
	return p
}

func newProcess(program string, env []string, args ...string) *process {
	p := &process{
		name: program, cmd: command(context.Background(), program, env, args...),
		out: newTranscript(), log: newTranscript(), done: make(chan struct{}), ready: map[string]string{},
	}
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.log
	return p
}

// launch starts what newProcess made, and waits for its ready line.
func (p *process) launch(t *testing.T) {
	t.Helper()
	require.NoError(t, p.start(t))
	line, ok := p.out.line("ready ", p.done)
	require.True(t, ok, "%s was not ready; it printed %q", p.name, p.out)
	for field := range strings.FieldsSeq(line) {
		if name, value, pair := strings.Cut(field, "="); pair {
			p.ready[name] = value
		}
	}
}

// start starts what newProcess made, until the test ends.
func (p *process) start(t *testing.T) error {
	if err := p.cmd.Start(); err != nil {
		return err
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // the state of the process tells how it ended
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it may have ended already
		<-p.done
		if t.Failed() {
			t.Logf("%s %s said:\n%s", p.name, strings.Join(p.cmd.Args[1:], " "), tail(p.log.String()))
		}
	})
	return nil
}

// tail keeps the log of a failed test readable.
func tail(text string) string {
	const most = 4 << 10
	if len(text) > most {
		return "…" + text[len(text)-most:]
	}
	return text
}

// stop sends a signal and returns the exit code and how long it took to end.
func (p *process) stop(t *testing.T, s syscall.Signal) (code int, took time.Duration) {
	t.Helper()
	began := time.Now()
	require.NoError(t, p.cmd.Process.Signal(s))
	select {
	case <-p.done:
	case <-time.After(bound):
		t.Fatalf("%s did not end within %s of %s", p.name, bound, s)
	}
	return p.cmd.ProcessState.ExitCode(), time.Since(began)
}

// result is how a program ended that was run to its end.
type result struct {
	code     int
	out, err string
}

// run runs a program to its end.
func run(t *testing.T, program string, args ...string) result {
	t.Helper()
	return runWith(t, program, runOptions{}, args...)
}

type runOptions struct {
	env   []string
	dir   string
	stdin string
}

func runWith(t *testing.T, program string, o runOptions, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := command(ctx, program, o.env, args...)
	var out, log bytes.Buffer
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = o.dir, strings.NewReader(o.stdin), &out, &log
	err := cmd.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	require.NoError(t, ctx.Err(), "%s %v did not end: %s", program, args, log.String())
	return result{code: cmd.ProcessState.ExitCode(), out: out.String(), err: log.String()}
}
