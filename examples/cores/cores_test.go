// Package cores runs the cores of this folder, each against a Callout of its own.
package cores

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const configuration = `
targets:
  name: {type: call, url: "URL", interrupt_on_error: true}
  audit: {type: webhook, url: "URL"}
requests:
  /acme.user.v1.UserService/CreateUser: {targets: [{target: name}]}
events:
  user.added: {targets: [{target: audit}]}
`

const printed = `created: Ada Lovelace
stored: u1
refused: 422 a user needs a given name
`

// cores are the commands that run them, by their folder.
var cores = []struct{ dir, command string }{
	{"python", ".venv/bin/python http_core.py"},
	{"python", ".venv/bin/python nats_core.py"},
	{"typescript", "node dist/http-core.js"},
	{"typescript", "node dist/nats-core.js"},
	{"java", "mvn -q -B exec:java -Dexec.mainClass=HttpCore"},
	{"java", "mvn -q -B exec:java -Dexec.mainClass=NatsCore"},
}

func TestCores(t *testing.T) {
	program := filepath.Join(t.TempDir(), "callout")
	build := exec.Command("go", "build", "-o", program, "./cmd/callout")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, core := range cores {
		t.Run(core.dir+"/"+core.command, func(t *testing.T) {
			events := make(chan string, 10)
			web, bus := start(t, program, target(t, events))
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
			defer cancel()
			words := strings.Fields(core.command)
			cmd := exec.CommandContext(ctx, words[0], words[1:]...)
			cmd.Dir, cmd.Stderr = core.dir, os.Stderr
			cmd.Env = append(os.Environ(), "CALLOUT_SERVER="+web, "CALLOUT_NATS="+bus)
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%v, and it printed:\n%s", err, out)
			}
			// Maven of Debian says "reset the colours" before and behind all it runs.
			if got := strings.ReplaceAll(string(out), "\x1b[0m", ""); got != printed {
				t.Errorf("it printed:\n%s\ninstead of:\n%s", got, printed)
			}
			if got, want := next(t, events), "u1 user.added Ada Lovelace"; got != want {
				t.Errorf("the target was sent %q instead of %q", got, want)
			}
		})
	}
}

// TestCoresAreShort holds what the page says of them.
func TestCoresAreShort(t *testing.T) {
	files, _ := filepath.Glob("*/*_core.py")
	more, _ := filepath.Glob("*/src/*-core.ts")
	most, _ := filepath.Glob("*/src/main/java/*Core.java")
	files = append(append(files, more...), most...)
	if len(files) != len(cores) {
		t.Fatalf("there are %d cores: %v", len(files), files)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(raw), "\n"); n > 30 {
			t.Errorf("%s has %d lines", file, n)
		}
	}
}

// target completes names, refuses who has none, and tells of events.
func target(t *testing.T, events chan<- string) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			AggregateID string                       `json:"aggregateID"`
			Type        string                       `json:"event_type"`
			Payload     struct{ DisplayName string } `json:"event_payload"`
			Request     struct{ GivenName, FamilyName string }
		}
		raw, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(raw, &in); err != nil {
			t.Errorf("%v: %s", err, raw)
		}
		w.Header().Set("Content-Type", "application/json")
		switch {
		case in.Type != "":
			events <- strings.Join([]string{in.AggregateID, in.Type, in.Payload.DisplayName}, " ")
			w.WriteHeader(http.StatusNoContent)
		case in.Request.GivenName == "":
			fmt.Fprint(w, `{"forwardedStatusCode":422,"forwardedErrorMessage":"a user needs a given name"}`)
		default:
			fmt.Fprintf(w, `{"displayName":%q}`, in.Request.GivenName+" "+in.Request.FamilyName)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// start starts Callout, and gives where it is by HTTP and by NATS.
func start(t *testing.T, program, target string) (web, bus string) {
	dir := t.TempDir()
	file := filepath.Join(dir, "callout.yaml")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(configuration, "URL", target)), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, "dev", "-f", file, "--log-level", "error", "--data", "", "--listen", "127.0.0.1:0", "--nats-listen", "127.0.0.1:0")
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); _ = cmd.Wait() })
	ready := make(chan string, 1)
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if strings.HasPrefix(lines.Text(), "ready ") {
				ready <- lines.Text()
			}
		}
	}()
	if _, err := fmt.Sscanf(next(t, ready), "ready http=%s nats=%s", &web, &bus); err != nil {
		t.Fatal(err)
	}
	return web, bus
}

func next(t *testing.T, from <-chan string) string {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(time.Minute):
		t.Fatal("nothing came for a minute")
	}
	return ""
}
