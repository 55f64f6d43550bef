package generated

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// project is a folder that was generated, and how its README says to use it.
type project struct {
	dir     string
	url     string
	port    string
	install []string
	run     string
}

// generate has the program write a project, and takes its commands from its README.
func generate(t *testing.T, program, lang string, arguments ...string) *project {
	t.Helper()
	p := &project{dir: filepath.Join(t.TempDir(), "hooks"), port: freePort(t)}
	p.url = "http://127.0.0.1:" + p.port
	shell(t, ".", 15*time.Minute, program, append([]string{"generate", "--lang", lang, "--kind", "server", "-o", p.dir, "--sdk", "../.."}, arguments...)...)
	blocks := strings.Split(read(t, p.dir, "README.md"), "```")
	if len(blocks) != 7 {
		t.Fatalf("its README has %d pieces", len(blocks))
	}
	p.install = strings.Split(strings.TrimSpace(strings.TrimPrefix(blocks[1], "sh\n")), "\n")
	p.run = strings.ReplaceAll(strings.TrimSpace(strings.TrimPrefix(blocks[3], "sh\n")), " 9000", " "+p.port)
	write(t, p.dir, "callout.yaml", strings.NewReplacer(":9000", ":"+p.port, "timeout: 2s", "timeout: 30s").Replace(read(t, p.dir, "callout.yaml"))) // Java takes its time on a busy machine
	return p
}

// build runs what the README says is run once.
func (p *project) build(t *testing.T) {
	t.Helper()
	for _, line := range p.install {
		shell(t, p.dir, 10*time.Minute, "sh", "-c", line)
	}
}

// start starts it, and gives what it prints.
func (p *project) start(t *testing.T) (lines <-chan string, stop func()) {
	t.Helper()
	return run(t, p.dir, p.run, "listening on "+p.url)
}

// patch replaces what has to be in a file of it.
func (p *project) patch(t *testing.T, file string, pairs ...string) {
	t.Helper()
	text := read(t, p.dir, file)
	for i := 0; i+1 < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("%s has no %q:\n%s", file, pairs[i], text)
		}
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	write(t, p.dir, file, text)
}

// shell runs a command, and fails the test with what it printed.
func shell(t *testing.T, dir string, most time.Duration, name string, arguments ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), most)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, arguments...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(arguments, " "), err, out)
	}
	return string(out)
}

// run starts a line of a shell, waits until it prints a line that begins so, and gives what it prints
// from there on.
func run(t *testing.T, dir, line, begin string) (<-chan string, func()) {
	t.Helper()
	cmd := exec.Command("sh", "-c", line)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // "go run" and a shell have a child each
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	lines := scan(out, func() { _ = cmd.Wait(); close(ended) })
	stop := func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(time.Minute):
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			t.Errorf("%s does not end", line)
			<-ended
		}
	}
	t.Cleanup(stop)
	for {
		if l := next(t, lines); strings.HasPrefix(l, begin) {
			return prepend(l, lines), stop
		}
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
