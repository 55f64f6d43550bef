package transport

import (
	"bytes"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// ledger is what a server has processed.
type ledger struct {
	mu      sync.Mutex
	times   map[string]int // by the delivery id
	again   int            // that were no first attempts
	refused atomic.Int64
}

func (l *ledger) processed(id, attempt string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.times == nil {
		l.times = map[string]int{}
	}
	l.times[id]++
	if attempt != "1" {
		l.again++
	}
}

// read reads what a server writes of its work.
func (l *ledger) read(line string) {
	words := strings.Fields(line)
	switch {
	case len(words) == 1 && words[0] == "refused":
		l.refused.Add(1)
	case len(words) == 3 && words[0] == "processed":
		l.processed(words[1], words[2])
	}
}

// closing is a server that closes connections which nothing came on for some time, without
// having said so.
func closing(idle time.Duration) func(*testing.T, *ledger) (string, string) {
	return func(t *testing.T, l *ledger) (string, string) {
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				return
			}
			l.processed(r.Header.Get("Callout-Delivery-Id"), r.Header.Get("Callout-Attempt"))
			_, _ = io.WriteString(w, "{}")
		}))
		server.Config.IdleTimeout, server.Config.ErrorLog = idle, log.New(io.Discard, "", 0)
		server.Start()
		t.Cleanup(server.Close)
		return server.Listener.Addr().String(), ""
	}
}

// gunicorn is one of two processes with threads, that keeps a connection for a second.
func gunicorn(t *testing.T, l *ledger) (string, string) {
	program := os.Getenv("GUNICORN")
	if program == "" {
		program = "gunicorn"
	}
	file := filepath.Join(t.TempDir(), "processed")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	probe, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := probe.Addr().String() // it takes no 0
	_ = probe.Close()
	cmd := exec.Command(program, "--bind", address, "--workers", "2", "--threads", "16", "--keep-alive", "1", "--log-level", "warning", "hook:application")
	cmd.Env = append(os.Environ(), "PROCESSED="+file, "PYTHONDONTWRITEBYTECODE=1")
	start(t, cmd)
	for n := 0; ; n++ {
		conn, err := net.Dial("tcp4", address)
		if err == nil {
			_ = conn.Close()
			break
		}
		if n > 600 {
			t.Fatal("gunicorn does not listen for a minute:", err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	done := make(chan struct{})
	var reads sync.WaitGroup
	reads.Go(func() { follow(t, file, l, done) })
	t.Cleanup(func() { close(done); reads.Wait() })
	return address, ""
}

// follow reads a file as it grows.
func follow(t *testing.T, file string, l *ledger, done <-chan struct{}) {
	f, err := os.Open(file)
	if err != nil {
		t.Error(err)
		return
	}
	defer f.Close()
	var rest []byte
	for {
		more, err := io.ReadAll(f)
		if err != nil {
			t.Error(err)
			return
		}
		rest = append(rest, more...)
		for line, left, ok := bytes.Cut(rest, []byte("\n")); ok; line, left, ok = bytes.Cut(rest, []byte("\n")) {
			l.read("processed " + string(line))
			rest = left
		}
		select {
		case <-done:
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// node is a server over HTTP/2 that refuses every third stream, says goodbye after each
// answer, or does both.
func node(mode string) func(*testing.T, *ledger) (string, string) {
	return func(t *testing.T, l *ledger) (string, string) {
		cert, key := certificate(t)
		lines := start(t, exec.Command("node", "hook.mjs", mode, cert, key))
		_, address, ok := strings.Cut(next(t, lines), " ")
		if !ok {
			t.Fatal("the server says no address")
		}
		go func() {
			for line := range lines {
				l.read(line)
			}
		}()
		return address, cert
	}
}
