package generated

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// program is the one that was built for all tests.
var program string

func TestMain(m *testing.M) { os.Exit(built(m)) }

func built(m *testing.M) int {
	dir, err := os.MkdirTemp("", "callout-generated-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "callout")
	build := exec.Command("go", "build", "-o", program, "./cmd/callout")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// callout starts one with the configuration of a project, and gives where it is.
func callout(t *testing.T, dir string) string {
	t.Helper()
	lines, _ := run(t, dir, "exec "+program+" dev -f callout.yaml --log-level error --data '' --listen 127.0.0.1:0 --nats-listen 127.0.0.1:0", "ready ")
	var web, bus string
	if _, err := fmt.Sscanf(next(t, lines), "ready http=%s nats=%s", &web, &bus); err != nil {
		t.Fatal(err)
	}
	return web + "/v1/instances/default"
}

// post sends JSON, and gives what comes back.
func post(t *testing.T, url string, body any) (status int, answer map[string]any) {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Timeout: time.Minute}
	resp, err := client.Post(url, "application/json", bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if raw, err = io.ReadAll(resp.Body); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &answer); len(raw) > 0 && err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	return resp.StatusCode, answer
}

func scan(from io.Reader, ended func()) <-chan string {
	lines := make(chan string, 1000)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(from); s.Scan(); {
			lines <- s.Text()
		}
		ended()
	}()
	return lines
}

func prepend(line string, lines <-chan string) <-chan string {
	all := make(chan string, 1000)
	all <- line
	go func() {
		defer close(all)
		for l := range lines {
			all <- l
		}
	}()
	return all
}

func next(t *testing.T, from <-chan string) string {
	t.Helper()
	select {
	case v, ok := <-from:
		if !ok {
			t.Fatal("it has ended")
		}
		return v
	case <-time.After(2 * time.Minute):
		t.Fatal("nothing came for two minutes")
	}
	return ""
}
