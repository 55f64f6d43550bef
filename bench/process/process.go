// Package process starts programs, and tells what they cost: processor time and memory, of each with its children. It
// reads /proc, so it is for Linux.
package process

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Options say what is started.
type Options struct {
	Name  string   // in errors, and of the file with what it writes to stderr
	Path  string   // of the program
	Args  []string // without its name
	Env   []string // beside that of this process
	Ready string   // what the line on stdout begins with by which it says that it is up; "" = it is up at once
	Logs  string   // the directory for its stderr
	// Within is how long it may take until it is ready, and to stop before it is killed; 0 = a minute.
	Within time.Duration
	As     *syscall.Credential // who it runs as; nil = as this process
}

// Process is a program that runs. Its methods may be used from several goroutines.
type Process struct {
	options Options
	cmd     *exec.Cmd
	line    string
	started time.Duration
	ended   chan struct{}
}

// Start starts a program and waits until it is ready. It ends with this process, whatever becomes of that.
func Start(ctx context.Context, o Options) (*Process, error) {
	if o.Within == 0 {
		o.Within = time.Minute
	}
	p := &Process{options: o, ended: make(chan struct{})}
	p.cmd = exec.Command(o.Path, o.Args...)
	p.cmd.Env = append(os.Environ(), o.Env...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true, Credential: o.As}
	log, err := os.OpenFile(filepath.Join(o.Logs, o.Name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	p.cmd.Stderr = log
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	began := time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("%s does not start: %w", o.Name, err), log.Close())
	}
	ready := make(chan string, 1)
	go p.follow(bufio.NewScanner(out), ready)
	go func() {
		_ = p.cmd.Wait() // what it ended with is in its state
		_ = log.Close()
		close(p.ended)
	}()
	if o.Ready == "" {
		return p, nil
	}
	select {
	case p.line = <-ready:
		p.started = time.Since(began)
		return p, nil
	case <-p.ended:
		err = fmt.Errorf("%s ended before it was ready: %s; see %s", o.Name, p.cmd.ProcessState, log.Name())
	case <-time.After(o.Within):
		err = fmt.Errorf("%s is not ready after %s; see %s", o.Name, o.Within, log.Name())
	case <-ctx.Done():
		err = ctx.Err()
	}
	p.Kill()
	return nil, err
}

// follow reads what the program prints, so that it never waits for us, until it ends.
func (p *Process) follow(lines *bufio.Scanner, ready chan<- string) {
	lines.Buffer(nil, 1<<20)
	said := false
	for lines.Scan() {
		if !said && p.options.Ready != "" && strings.HasPrefix(lines.Text(), p.options.Ready) {
			said = true
			ready <- lines.Text()
		}
	}
}

// Field gives what stands behind name= in the line by which the program said that it is up.
func (p *Process) Field(name string) string {
	for _, word := range strings.Fields(p.line) {
		if value, found := strings.CutPrefix(word, name+"="); found {
			return value
		}
	}
	return ""
}

// TookToStart is the time from its start until it said that it is up.
func (p *Process) TookToStart() time.Duration { return p.started }

// Alive tells whether it runs.
func (p *Process) Alive() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// Stop asks it to end, and gives how long that took. Who does not end in time is killed, which is an error.
func (p *Process) Stop() (time.Duration, error) {
	began := time.Now()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
		return time.Since(began), nil
	case <-time.After(p.options.Within):
		p.Kill()
		return time.Since(began), fmt.Errorf("%s had to be killed: it did not end within %s", p.options.Name, p.options.Within)
	}
}

// Kill ends it and its children by SIGKILL, and waits until it is gone.
func (p *Process) Kill() {
	if p.Alive() { // else its id may be somebody else's by now
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	}
	<-p.ended
}
