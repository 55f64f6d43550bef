// Package verifiers_test has published verifiers of others look at what a callout dev
// sends: signatures while keys are rotated, JWTs, and JWEs.
package verifiers_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// bound is how long anything may take.
const bound = time.Minute

// instances are two that every test has, with keys of their own.
var instances = []string{"default", "other"}

// program is the callout that is tried.
var program string

func TestMain(m *testing.M) {
	code, err := withProgram(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// withProgram builds callout and runs the tests with it.
func withProgram(run func() int) (int, error) {
	dir, err := os.MkdirTemp("", "callout")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	program = filepath.Join(dir, "callout")
	build := exec.Command("go", "build", "-o", program, "./cmd/callout")
	build.Dir = "../../.."
	if out, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build callout: %w\n%s", err, out)
	}
	return run(), nil
}

// callout is one instance of a callout dev that runs.
type callout struct {
	url, instance string
}

// start runs callout dev in memory, with both instances.
func start(t *testing.T, flags ...string) string {
	t.Helper()
	cmd := exec.Command(program, append([]string{"dev", "--data", "", "--listen", "127.0.0.1:0", "--nats-listen", "127.0.0.1:0", "--log-level", "warn"}, flags...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	})
	line := make(chan string, 1)
	go func() {
		text, _ := bufio.NewReader(out).ReadString('\n')
		line <- text
	}()
	select {
	case text := <-line:
		_, rest, found := strings.Cut(text, "http=")
		require.True(t, found, "callout dev said %q", text)
		url := strings.Fields(rest)[0]
		for _, instance := range instances[1:] {
			callout{url: url, instance: "default"}.do(t, "", "create", "instance", instance)
		}
		return url
	case <-time.After(bound):
		require.FailNow(t, "callout dev is not ready")
		return ""
	}
}

// do runs a command about the instance, with in as its standard input, and gives what it
// prints.
func (c callout) do(t *testing.T, in string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	args = append(args, "--server", c.url)
	if c.instance != "default" {
		args = append(args, "--instance", c.instance)
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdin = strings.NewReader(in)
	var failed bytes.Buffer
	cmd.Stderr = &failed
	out, err := cmd.Output()
	require.NoError(t, err, "callout %v: %s%s", args, out, &failed)
	return string(out)
}

// post sends a call or an event of a core, and tells what is answered.
func (c callout) post(ctx context.Context, path, body string) (status int, answer string, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+"/v1/instances/"+c.instance+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	r.Header.Set("Content-Type", "application/json")
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer got.Body.Close()
	raw, err := io.ReadAll(got.Body)
	return got.StatusCode, string(raw), err
}

// jwks is where the instance publishes its keys: the default one at the root.
func (c callout) jwks() string {
	if c.instance == "default" {
		return c.url + "/.well-known/jwks.json"
	}
	return c.url + "/v1/instances/" + c.instance + "/.well-known/jwks.json"
}
