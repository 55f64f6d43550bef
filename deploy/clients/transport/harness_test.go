package transport

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// start starts a program and gives its lines; the program ends with the test.
func start(t *testing.T, cmd *exec.Cmd) <-chan string {
	t.Helper()
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := cmd.StdinPipe() // ends with us, whatever becomes of us
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 1000)
	go func() {
		defer close(lines)
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			lines <- scanner.Text()
		}
	}()
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Process.Signal(syscall.SIGTERM)
		for range lines { //nolint:revive // until its output has ended
		}
		_ = cmd.Wait()
	})
	return lines
}

// next gives the next line.
func next(t *testing.T, lines <-chan string) string {
	t.Helper()
	select {
	case line, ok := <-lines:
		if !ok {
			t.Fatal("it ended")
		}
		return line
	case <-time.After(time.Minute):
		t.Fatal("nothing came for a minute")
	}
	panic("unreachable")
}

// callout starts a callout dev with a configuration, and gives its URL.
func callout(t *testing.T, config string) string {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "callout")
	build := exec.Command("go", "build", "-o", program, "./cmd/callout")
	build.Dir = "../../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	file := filepath.Join(dir, "callout.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "dev", "-f", file, "--data", "", "--listen", "127.0.0.1:0", "--nats-listen", "127.0.0.1:0", "--log-level", "error")
	lines := start(t, cmd)
	for {
		if found := regexp.MustCompile(`ready http=(\S+)`).FindStringSubmatch(next(t, lines)); found != nil {
			go func() {
				for range lines { //nolint:revive // nothing else is wanted of it
				}
			}()
			return found[1]
		}
	}
}

// certificate makes one for 127.0.0.1 that nobody else has signed, and gives its files.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "hook"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	for name, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: raw}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func indented(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		panic(err) // it was written just now
	}
	return "      " + strings.ReplaceAll(strings.TrimSpace(string(text)), "\n", "\n      ")
}
