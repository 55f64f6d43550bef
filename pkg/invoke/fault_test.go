package invoke

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

// exhausted is set, in the process that has no descriptor left, to what it is
// to call.
const exhausted = "CALLOUT_TEST_WITHOUT_DESCRIPTORS"

// A worker whose table of descriptors is full cannot call anybody. It says that
// the fault is its own, to its breaker as well; and calls again when there is
// room. It is a process of its own, since the table is shared.
func TestWithoutDescriptors(t *testing.T) {
	if url := os.Getenv(exhausted); url != "" {
		callWithoutDescriptors(t, url)
		return
	}
	address := rawServer(t, lean)
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	for name, c := range map[string]struct{ host, resolver string }{
		"address":           {"127.0.0.1", "go"},
		"name":              {"target.test", "go"},
		"name, by the libc": {"target.test", "cgo"},
	} {
		t.Run(name, func(t *testing.T) {
			child := exec.Command(os.Args[0], "-test.run=^TestWithoutDescriptors$", "-test.v")
			child.Env = append(os.Environ(), exhausted+"=http://"+net.JoinHostPort(c.host, port), "GODEBUG=netdns="+c.resolver)
			out, err := child.CombinedOutput()
			require.NoError(t, err, "%s", out)
			require.Contains(t, string(out), "--- PASS: TestWithoutDescriptors")
		})
	}
}

func callWithoutDescriptors(t *testing.T, url string) {
	i := newInvoker(t)
	call := callTo(url, func(c *Call) {
		c.Body, c.Target.Breaker = oneKiB, action.Breaker{Failures: 1, Open: time.Hour}
		c.Target.Timeout = 20 * time.Second
	})
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 64, Max: 64}))
	var held []*os.File
	for {
		f, err := os.Open(os.DevNull)
		if errors.Is(err, syscall.EMFILE) {
			break
		}
		require.NoError(t, err)
		held = append(held, f)
	}
	for range 3 {
		a := i.Do(t.Context(), call)
		require.Equal(t, action.CodeOurFault, action.CodeOf(a.Err), "%v", a.Err)
		require.False(t, a.Sent)
		require.True(t, a.Err.Code.IsOurs())
	}
	for _, f := range held {
		require.NoError(t, f.Close())
	}
	if strings.Contains(url, "127.0.0.1") { // a name would be asked for outside
		require.Nil(t, i.Do(t.Context(), call).Err)
	}
}

// What the system says of this machine is a fault of ours, in whatever it is
// wrapped; what it says of the target is not.
func TestFaultsOfOurs(t *testing.T) {
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	for _, errno := range faults {
		for _, err := range []error{
			dial(os.NewSyscallError("socket", errno)), fmt.Errorf("broken: %w", errno),
			&net.DNSError{Err: dial(os.NewSyscallError("socket", errno)).Error(), Name: "a.example", IsTemporary: true},
		} {
			e := classify(t.Context(), t.Context(), &exchange{}, err)
			require.Equal(t, action.CodeOurFault, e.Code, "%v", err)
		}
	}
	require.Equal(t, action.CodeOurFault, classify(t.Context(), t.Context(), &exchange{}, x509.SystemRootsError{Err: syscall.EMFILE}).Code)
	for _, errno := range []syscall.Errno{syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EHOSTUNREACH, syscall.ETIMEDOUT} {
		require.NotEqual(t, action.CodeOurFault, classify(t.Context(), t.Context(), &exchange{}, dial(errno)).Code, "%v", errno)
	}
	require.Equal(t, action.CodeDNS, classify(t.Context(), t.Context(), &exchange{}, &net.DNSError{Err: "no such host", Name: "too many open files"}).Code)
}

// A machine without certificate authorities cannot judge its targets.
func TestUnreadableCertificateAuthorities(t *testing.T) {
	const child = "CALLOUT_TEST_WITHOUT_AUTHORITIES"
	if url := os.Getenv(child); url != "" {
		a := newInvoker(t).Do(t.Context(), callTo(url))
		require.Equal(t, action.CodeOurFault, action.CodeOf(a.Err), "%v", a.Err)
		require.False(t, a.Sent)
		return
	}
	ca := newAuthority(t)
	address := rawServer(t, overTLS(ca.config(), lean))
	loop := t.TempDir() + "/loop"
	require.NoError(t, os.Symlink(loop, loop)) // it is there and nobody can read it
	run := exec.Command(os.Args[0], "-test.run=^TestUnreadableCertificateAuthorities$")
	run.Env = append(os.Environ(), child+"=https://"+address, "SSL_CERT_FILE="+loop, "SSL_CERT_DIR="+loop)
	out, err := run.CombinedOutput()
	require.NoError(t, err, "%s", out)
}
