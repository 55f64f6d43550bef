package demo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/rs/zerolog"
)

// fleet is the engine as child processes. They get a group of their own, so
// that a Ctrl-C reaches them through the demo only, and they die with it,
// however it dies.
type fleet struct {
	log        zerolog.Logger
	executable string
	stopIn     time.Duration
	children   []*child
}

// child is one process. done is closed when it has ended and its output is
// read.
type child struct {
	name  string
	cmd   *exec.Cmd // with what is to stand in its environment beside the demo's own
	ready string    // how the line begins that says that it is ready
	done  chan struct{}
	last  string // the last line it logged; read it only behind done
	err   error  // how it ended; the same
}

// start runs the executable with args and waits for its ready line, whose
// name=value pairs it returns. Settings that the demo's own environment holds
// are not handed on: a child does what its arguments say.
func (f *fleet) start(ctx context.Context, name string, args ...string) (map[string]string, error) {
	line, err := f.run(ctx, &child{name: name, cmd: exec.Command(f.executable, args...), ready: "ready "})
	return pairs(line), err
}

// run starts a child and waits for its ready line, and gives what stands behind the word.
func (f *fleet) run(ctx context.Context, c *child) (string, error) {
	c.done = make(chan struct{})
	c.cmd.SysProcAttr = diesWithParent()
	own := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "CALLOUT_") })
	c.cmd.Env = append(own, c.cmd.Env...)
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	stderr, err := c.cmd.StderrPipe()
	if err != nil {
		return "", err
	}
	if err := c.cmd.Start(); err != nil {
		return "", fmt.Errorf("%s did not start: %w", c.name, err)
	}
	f.children = append(f.children, c)
	ready := make(chan string, 1)
	go c.follow(stdout, stderr, ready, f.log.With().Str("process", c.name).Logger())
	select {
	case line := <-ready:
		return line, nil
	case <-c.done:
		return "", c.fault()
	case <-ctx.Done():
		return "", fmt.Errorf("%s was not ready in time: %w", c.name, ctx.Err())
	}
}

// follow reads what the child prints until it ends.
func (c *child) follow(stdout, stderr io.Reader, ready chan<- string, log zerolog.Logger) {
	logged := make(chan string)
	go func() {
		last := ""
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			last = lines.Text()
			log.Debug().Msg(last)
		}
		_, _ = io.Copy(io.Discard, stderr) // behind a line that is too long
		logged <- last
	}()
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if line, ok := strings.CutPrefix(lines.Text(), c.ready); ok {
			select {
			case ready <- line:
			default:
			}
		}
	}
	_, _ = io.Copy(io.Discard, stdout)
	c.last = <-logged
	c.err = c.cmd.Wait()
	close(c.done)
}

// pairs reads `http=URL nats=URL`.
func pairs(line string) map[string]string {
	out := map[string]string{}
	for _, field := range strings.Fields(line) {
		if name, value, ok := strings.Cut(field, "="); ok {
			out[name] = value
		}
	}
	return out
}

// fault says how a child ended that should not have.
func (c *child) fault() error {
	how := "exit code 0"
	if c.err != nil {
		how = c.err.Error()
	}
	return fmt.Errorf("%s ended by itself: %s: %s", c.name, how, clean(c.last))
}

// broken names the first child that has ended.
func (f *fleet) broken() error {
	for _, c := range f.children {
		select {
		case <-c.done:
			return c.fault()
		default:
		}
	}
	return nil
}

// close stops the workers, then the dispatcher that they need to end well.
func (f *fleet) close() error {
	first := min(1, len(f.children))
	return errors.Join(f.stop(f.children[first:]), f.stop(f.children[:first]))
}

// killedIn is how long who was killed may take to be gone.
const killedIn = 5 * time.Second

// stop sends SIGTERM to all, and SIGKILL to who has not ended in time, which is
// an error. What a child has started hears it too: a script that builds a program
// waits for the compiler, and ends without it.
func (f *fleet) stop(children []*child) error {
	for _, c := range children {
		c.signal(syscall.SIGTERM)
	}
	limit := time.NewTimer(f.stopIn)
	defer limit.Stop()
	var errs []error
	for _, c := range children {
		select {
		case <-c.done:
			continue
		case <-limit.C:
			limit.Reset(0) // the others have had their time too
		}
		errs = append(errs, fmt.Errorf("%s did not stop within %s and was killed", c.name, f.stopIn))
		c.signal(syscall.SIGKILL)
		select {
		case <-c.done:
		case <-time.After(killedIn): // what has left its group holds its output open
		}
	}
	return errors.Join(errs...)
}

// signal sends a signal to a child and what it has started, unless it has ended: its
// number may be another's then.
func (c *child) signal(s syscall.Signal) {
	select {
	case <-c.done:
	default:
		_ = signalGroup(c.cmd.Process, s) // it may be ending
	}
}

func writeConfig(dir string, config []byte) (string, error) {
	path := filepath.Join(dir, "demo.yaml")
	return path, os.WriteFile(path, config, 0o600)
}
