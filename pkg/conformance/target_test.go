package conformance_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/conformance"
)

// built are the programs of the SDK for Go, which is a module of its own.
func built(t *testing.T, name string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", file, "./conformance/"+name)
	cmd.Dir = "../../sdk/go"
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return file
}

// TestTheTargetOfGoPasses every case, started by the runner.
func TestTheTargetOfGoPasses(t *testing.T) {
	t.Parallel()
	cases, err := conformance.Cases()
	require.NoError(t, err)
	failed, count := []string{}, 0
	to := conformance.Target{Program: conformance.Program{Command: []string{built(t, "target")}}}
	require.NoError(t, conformance.CheckTarget(t.Context(), to, cases, func(r conformance.Result) {
		count++
		if r.Result != conformance.Passed {
			failed = append(failed, r.Case+": "+r.Result+": "+r.Why)
		}
	}))
	require.Empty(t, failed)
	require.Equal(t, len(cases), count)
}

// TestTheVerifierOfGoPasses every vector, over stdio.
func TestTheVerifierOfGoPasses(t *testing.T) {
	t.Parallel()
	vectors, err := conformance.Vectors()
	require.NoError(t, err)
	verifier, stop, err := conformance.Program{Command: []string{built(t, "verifier")}}.Verifier(t.Context())
	require.NoError(t, err)
	defer stop()
	count := 0
	require.NoError(t, conformance.CheckVerifier(t.Context(), verifier, vectors, func(r conformance.Result) {
		count++
		require.Equal(t, conformance.Passed, r.Result, r.Case+": "+r.Why)
	}))
	require.Equal(t, len(vectors), count)
}

// listening starts a target with the keys of the kit and gives its address.
func listening(t *testing.T) string {
	t.Helper()
	k, err := conformance.ReadKeys()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), built(t, "target"), "0")
	cmd.Env = append(os.Environ(), "CALLOUT_KEYS="+k.First+","+k.Second+","+k.Public)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	return strings.TrimSpace(strings.TrimPrefix(line, "listening on "))
}

// A fault stands before a target and does to a request what a receiver may not. It tells whether it
// has answered.
type fault func(w http.ResponseWriter, r *http.Request) bool

// dedupBeforeSuccess takes an id for done when it has seen it.
func dedupBeforeSuccess() fault {
	var mu sync.Mutex
	seen := map[string]bool{}
	return func(w http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		id := r.Header.Get("webhook-id")
		known := seen[id]
		seen[id] = true
		if known && id != "" {
			w.Header().Set("Callout-Duplicate", "true")
			w.WriteHeader(http.StatusNoContent)
		}
		return known && id != ""
	}
}

// reserialised parses the body and writes it again before it is checked.
func reserialised(_ http.ResponseWriter, r *http.Request) bool {
	raw, err := io.ReadAll(r.Body)
	var parsed any
	if err == nil && json.Unmarshal(raw, &parsed) == nil {
		raw, _ = json.Marshal(parsed) // it has been JSON
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(raw)), int64(len(raw))
	return false
}

// TestBrokenTargetsFail: each fault shows, in the cases that are about it.
func TestBrokenTargetsFail(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		broken fault
		rules  string // of the cases that are asked
		want   string
	}{
		"dedup before success":      {dedupBeforeSuccess(), "7", "7.2 an event that failed comes again"},
		"a body that is re-written": {reserialised, "2", "2.1 a body with its own spaces and escapes"},
		"none":                      {func(http.ResponseWriter, *http.Request) bool { return false }, "2", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at, err := url.Parse(listening(t))
			require.NoError(t, err)
			proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(at) }}
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !c.broken(w, r) {
					proxy.ServeHTTP(w, r)
				}
			}))
			defer server.Close()
			failed := against(t, server.URL, c.rules)
			if c.want == "" {
				require.Empty(t, failed)
				return
			}
			require.Contains(t, failed, c.want)
		})
	}
}

// against are the cases of a rule that a target at a URL fails.
func against(t *testing.T, address, rule string) (failed []string) {
	t.Helper()
	all, err := conformance.Cases()
	require.NoError(t, err)
	var some []conformance.Case
	for _, c := range all {
		if strings.HasPrefix(c.Rule, rule+".") {
			some = append(some, c)
		}
	}
	require.NoError(t, conformance.CheckTarget(t.Context(), conformance.Target{URL: address}, some, func(r conformance.Result) {
		if r.Result == conformance.Failed {
			failed = append(failed, r.Case)
		}
	}))
	return failed
}
