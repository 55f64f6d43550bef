package conformance

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Program is a command line that is started, without a shell, with what it writes to its
// standard error going to Log. It is sent SIGTERM itself: a script before it has to `exec` it.
type Program struct {
	Command []string
	Log     io.Writer
}

// running is a program that was started.
type running struct {
	cmd   *exec.Cmd
	out   io.Closer // its standard output
	url   string
	ended chan struct{} // closed when it has ended; err is set then
	err   error
}

func (p Program) command(ctx context.Context, env map[string]string, more ...string) *exec.Cmd {
	args := append(append([]string{}, p.Command[1:]...), more...)
	cmd := exec.CommandContext(ctx, p.Command[0], args...)
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "CALLOUT_") {
			cmd.Env = append(cmd.Env, pair)
		}
	}
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Stderr, cmd.WaitDelay = p.Log, 5*time.Second
	apart(cmd)
	return cmd
}

// Verifier starts the program as a verifier. It ends with ctx, or when stop is called.
func (p Program) Verifier(ctx context.Context) (v Verifier, stop func(), err error) {
	cmd := p.command(ctx, nil)
	in, err := cmd.StdinPipe()
	if err != nil {
		return v, nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return v, nil, err
	}
	if err := cmd.Start(); err != nil {
		return v, nil, fmt.Errorf("the verifier does not start: %w", err)
	}
	return Verifier{In: in, Out: out}, func() {
		_ = in.Close()
		_ = cmd.Cancel()
		_ = cmd.Wait()
	}, nil
}

// errEnded tells that a program has ended before it listened.
var errEnded = errors.New("the program has ended before it listened: what it writes to stderr says why, and --log shows it")

const listening = "listening on "

// maxFirst bounds the first line of a target, in bytes.
const maxFirst = 4096

// target starts the program as a target and waits for its first line.
func (p Program) target(ctx context.Context, env map[string]string) (*running, error) {
	cmd := p.command(ctx, env, "0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("the target does not start: %w", err)
	}
	r := &running{cmd: cmd, out: out, ended: make(chan struct{})}
	first := make(chan string, 1)
	go func() {
		lines := bufio.NewReaderSize(out, maxFirst)
		line, _ := lines.ReadSlice('\n') // of one that is longer what is there
		first <- strings.TrimSpace(string(line))
		_, _ = io.Copy(io.Discard, lines)
		r.err = cmd.Wait()
		close(r.ended)
	}()
	select {
	case line := <-first:
		if address, ok := strings.CutPrefix(line, listening); ok {
			r.url = address
			return r, nil
		}
		if line == "" && r.endsSoon() {
			return r, errEnded
		}
		r.stop()
		return nil, fmt.Errorf("the first line of the target is %.100q, not %sURL", line, listening)
	case <-time.After(patience):
		r.stop()
		return nil, fmt.Errorf("the target has written no line %sURL for %s", listening, patience)
	}
}

// endsSoon waits a moment for the end of a program that has closed its standard output.
func (r *running) endsSoon() bool {
	select {
	case <-r.ended:
		return true
	case <-time.After(r.cmd.WaitDelay):
		return false
	}
}

// stop kills the program, if it still runs, and what it has started. What has left its group may hold its standard
// output open for as long as it likes.
func (r *running) stop() {
	_ = r.cmd.Cancel()
	if !r.endsSoon() {
		_ = r.out.Close()
		<-r.ended
	}
}

// terminate asks the program to end, which it does with 0.
func (r *running) terminate() error { return r.cmd.Process.Signal(syscall.SIGTERM) }

// exited waits for the end.
func (r *running) exited() error {
	select {
	case <-r.ended:
		if r.err != nil {
			return fmt.Errorf("upon SIGTERM it ends with 0, and ended so: %w", r.err)
		}
		return nil
	case <-time.After(longest):
		return fmt.Errorf("it has not ended %s behind SIGTERM", longest)
	}
}
