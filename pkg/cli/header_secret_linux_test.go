package cli_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// The values of headers that nothing shows. Each is put where its user puts it.
const (
	ofVariable = "Bearer of-variable-5b1d"
	ofFile     = "of-file-9c22"
	ofSecret   = "of-secret-e07a"
	ofOrg      = "of-organization-31ff"
)

var ofAll = []string{ofVariable, ofFile, ofSecret, ofOrg}

// shownBy is what every user of the machine sees of a process, and its own user.
func shownBy(t *testing.T, pid int) (arguments, environment string) {
	t.Helper()
	var read [2]string
	for n, name := range []string{"cmdline", "environ"} {
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
		require.NoError(t, err)
		require.NotEmpty(t, raw)
		read[n] = string(raw)
	}
	return read[0], read[1]
}

// seenHeaders notes what targets are sent.
type seenHeaders struct {
	*httptest.Server
	mu   sync.Mutex
	last map[string]http.Header
}

func seeHeaders(t *testing.T) *seenHeaders {
	t.Helper()
	s := &seenHeaders{last: map[string]http.Header{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.last[r.URL.Path] = r.Header.Clone()
		s.mu.Unlock()
		_, _ = io.WriteString(w, `{"echo":"`+r.Header.Get("Authorization")+r.Header.Get("X-Key")+r.Header.Get("X-Shared")+`"}`)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *seenHeaders) of(path string) http.Header {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last[path]
}

// TestSecretHeadersOfProcesses: a fleet of processes, and commands that set, list, apply,
// show and test. The values arrive at the target, and stand in no argument, environment,
// output and log, but in the variable of the one process that it was given to.
func TestSecretHeadersOfProcesses(t *testing.T) {
	t.Parallel()
	private, public := sealKeys(t)
	tg, dir := seeHeaders(t), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "key"), []byte(ofFile+"\n"), 0o600))
	d := newProcess("dispatcher", []string{"HOOK_TOKEN=" + ofVariable}, "--embedded-nats", "--data", "", "--nats-listen", "127.0.0.1:0", "--listen", "127.0.0.1:0",
		"--seal-to", public, "--headers-dir", dir, "--header-env", "HOOK_", "--log-level", "debug", "--make-instances")
	d.launch(t)
	w := newProcess("worker", nil, "--nats", d.ready["nats"], "--allow-local", "--open-with", private, "--log-level", "debug")
	w.launch(t)
	var said strings.Builder
	callout := func(stdin string, args ...string) string {
		t.Helper()
		got := runWith(t, "callout", runOptions{stdin: stdin}, append(args, "--server", d.ready["http"])...)
		require.Zero(t, got.code, got)
		said.WriteString(got.out + got.err)
		return got.out
	}
	for _, id := range []string{"north", "south"} {
		file := filepath.Join(t.TempDir(), "callout.yaml")
		require.NoError(t, os.WriteFile(file, []byte(`instance: `+id+`
targets:
  hook: {type: webhook, url: '`+tg.URL+`/`+id+`', headers: {Authorization: {env: HOOK_TOKEN}, X-Key: {file: key}, X-Shared: {secret: partner}}}
orgs: {acme: {targets: {own: {type: webhook, url: '`+tg.URL+`/own-`+id+`', headers: {X-Shared: {secret: partner}}}}}}
`), 0o600))
		callout("", "create", "instance", id)
		setWhileWatched(t, d.ready["http"], id)
		require.Contains(t, callout(ofOrg+"\n", "secret", "set", "acme:partner", "--instance", id), "secret acme:partner is set")
		callout("", "apply", "-f", file, "--instance", id)
		listed := callout("", "secret", "list", "--instance", id)
		require.Regexp(t, `(?m)^partner +text +\S+ ago +everybody +[0-9a-f]{16} +hook$`, listed)
		require.Regexp(t, `(?m)^acme:partner +text +\S+ ago +everybody +[0-9a-f]{16} +own$`, listed)
		callout("", "target", "test", "hook", "--instance", id)
		callout("", "target", "test", "acme:own", "--instance", id)
		require.Equal(t, ofVariable, tg.of("/"+id).Get("Authorization"))
		require.Equal(t, ofFile, tg.of("/"+id).Get("X-Key"))
		require.Equal(t, ofSecret, tg.of("/"+id).Get("X-Shared"))
		require.Equal(t, ofOrg, tg.of("/own-"+id).Get("X-Shared"))
		require.Contains(t, callout("", "describe", "target", "hook", "--instance", id), "X-Shared (the secret partner)")
		require.Contains(t, callout("", "export", "--instance", id), "{env: HOOK_TOKEN}")
		for _, args := range [][]string{{"get", "targets", "-o", "json"}, {"get", "target", "hook", "-o", "yaml"}, {"history", "-o", "json"}, {"audit", "--json"}, {"get", "instances"}} {
			callout("", append(args, "--instance", id)...)
		}
		refused := runWith(t, "callout", runOptions{}, "secret", "delete", "partner", "--instance", id, "--server", d.ready["http"])
		require.NotZero(t, refused.code)
		require.Contains(t, refused.err, `the secret "partner" is used by the targets hook`)
		callout("", "create", "target", "more", "--url", tg.URL+"/more", "--header-from", "X-Shared=secret:partner", "--instance", id)
		callout("", "delete", "target", "more", "--instance", id)
		callout("nobody uses it", "secret", "set", "unused", "--instance", id)
		callout("", "secret", "delete", "unused", "--instance", id)
	}
	for what, text := range map[string]string{"what commands said": said.String(), "the dispatcher": d.out.String() + d.log.String(), "the worker": w.out.String() + w.log.String()} {
		for _, value := range ofAll {
			require.False(t, strings.Contains(text, value), "%s has %s", what, value)
		}
	}
	for _, p := range []*process{d, w} {
		arguments, environment := shownBy(t, p.cmd.Process.Pid)
		for _, value := range ofAll {
			require.False(t, strings.Contains(arguments, value), "an argument of the %s has %s", p.name, value)
			require.Equal(t, p == d && value == ofVariable, strings.Contains(environment, value), "the environment of the %s and %s", p.name, value)
		}
	}
}

// setWhileWatched sets a secret, and looks at the process that does while it waits for
// the rest of it.
func setWhileWatched(t *testing.T, server, id string) {
	t.Helper()
	cmd := command(t.Context(), "callout", nil, "secret", "set", "partner", "--instance", id, "--server", server)
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Start())
	_, err = io.WriteString(stdin, ofSecret)
	require.NoError(t, err)
	arguments, environment := shownBy(t, cmd.Process.Pid)
	require.Contains(t, arguments, "partner")
	require.NotContains(t, arguments+environment, ofSecret)
	require.NoError(t, stdin.Close())
	require.NoError(t, cmd.Wait(), out.String())
	require.NotContains(t, out.String(), ofSecret)
}

// TestASecretOnATerminal is asked for and not shown.
func TestASecretOnATerminal(t *testing.T) {
	t.Parallel()
	p, callout := unconfigured(t)
	callout("", "create", "target", "hook", "--url", "https://hook.example")
	outside, inside := terminal(t)
	cmd := command(t.Context(), "callout", []string{"CALLOUT_SERVER=" + p.ready["http"]}, "secret", "set", "partner")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = inside, inside, inside
	require.NoError(t, cmd.Start())
	require.NoError(t, inside.Close())
	var told []byte
	for buffer := make([]byte, 256); !bytes.Contains(told, []byte("not shown")); {
		n, err := outside.Read(buffer)
		require.NoError(t, err, "%s", told)
		told = append(told, buffer[:n]...)
	}
	_, err := io.WriteString(outside, ofSecret+"\n")
	require.NoError(t, err)
	rest, _ := io.ReadAll(outside) // a terminal ends with an error when nobody holds its inside
	require.NoError(t, cmd.Wait(), "%s", rest)
	require.Contains(t, string(rest), "secret partner is set")
	require.NotContains(t, string(told)+string(rest), ofSecret)
	require.Contains(t, callout("", "secret", "list", "-o", "name").out, "partner")
}

// TestSecretsThatCannotBeSet say what is wrong, and nothing of what was given.
func TestSecretsThatCannotBeSet(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		stdin string
		args  []string
		code  int
		want  string
	}{
		{"", []string{"secret", "set", "x"}, 2, "there is no secret: give it by --from-file FILE or on standard input"},
		{"", []string{"secret", "set", "x", "--from-file", "/none"}, 2, "--from-file /none: no such file or directory"},
		{ofSecret, []string{"secret", "set"}, 2, "name"},
		{"", []string{"create", "target", "x", "--url", "https://a.example", "--header-from", "X=" + ofSecret}, 2, "--header-from is given as NAME=env:VARIABLE, NAME=file:PATH or NAME=secret:NAME"},
		{"", []string{"create", "target", "x", "--url", "https://a.example", "--header-from", "X=vault:y"}, 2, "--header-from X: env:VARIABLE, file:PATH or secret:NAME"},
	} {
		got := runWith(t, "callout", runOptions{stdin: tt.stdin}, tt.args...)
		require.Equal(t, tt.code, got.code, got)
		require.Contains(t, got.err, tt.want)
		require.NotContains(t, got.out+got.err, ofSecret)
	}
	p, _ := unconfigured(t)
	for stdin, want := range map[string]string{ofSecret + "\nmore": "a header's value is one line without control characters", strings.Repeat(ofSecret, 400): "a header's value has at most 4096 bytes"} {
		got := runWith(t, "callout", runOptions{stdin: stdin}, "secret", "set", "x", "--server", p.ready["http"])
		require.Equal(t, 1, got.code, got)
		require.Contains(t, got.err, want)
		require.NotContains(t, got.out+got.err+p.log.String(), ofSecret)
	}
}
