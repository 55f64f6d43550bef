// Package zitadelgo_test runs ZITADEL's own client in Go against callout dev.
package zitadelgo_test

import (
	"bufio"
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/zitadel/zitadel-go/v3/pkg/client"
	"github.com/zitadel/zitadel-go/v3/pkg/zitadel"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// bound is how long anything may take.
const bound = time.Minute

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

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	t.Cleanup(cancel)
	return ctx
}

// start runs callout dev in memory and gives its address.
func start(t *testing.T, flags ...string) *url.URL {
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
		at, err := url.Parse(strings.Fields(rest)[0])
		require.NoError(t, err)
		return at
	case <-time.After(bound):
		require.FailNow(t, "callout dev is not ready")
		return nil
	}
}

// connect gives ZITADEL's client for an instance, over h2c unless the address is of
// TLS.
func connect(t *testing.T, at *url.URL, instance, token string) *client.Client {
	t.Helper()
	var port uint16
	_, err := fmt.Sscan(at.Port(), &port)
	require.NoError(t, err)
	options := []zitadel.Option{zitadel.WithInsecure(at.Port())}
	if at.Scheme == "https" {
		options = []zitadel.Option{zitadel.WithPort(port), zitadel.WithInsecureSkipVerifyTLS()}
	}
	options = append(options, zitadel.WithTransportHeader("callout-instance", instance))
	c, err := client.New(within(t), zitadel.New(at.Hostname(), options...), client.WithAuth(client.PAT(token)))
	require.NoError(t, err)
	return c
}

// refused tells that a call failed with a code, and gives what was said.
func refused(t *testing.T, code codes.Code, err error) string {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, code.String(), status.Code(err).String(), "%v", err)
	return status.Convert(err).Message()
}
