package cli_test

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// heard is a server that remembers what it was told, and answers nothing
// useful.
type heard struct {
	*httptest.Server
	mu     sync.Mutex
	tokens []string
}

func newHeard(t *testing.T, answer http.HandlerFunc) *heard {
	h := &heard{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		h.tokens = append(h.tokens, r.Header.Get("Authorization"))
		h.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *heard) all() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.tokens, "\n")
}

// TestToken: every command that asks a server sends the token along, wherever
// it was given, and a redirect does not carry it elsewhere.
func TestToken(t *testing.T) {
	t.Parallel()
	elsewhere := newHeard(t, http.NotFound)
	server := newHeard(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL+r.URL.Path, http.StatusTemporaryRedirect)
	})
	file := filepath.Join(t.TempDir(), "contexts.yaml")
	callout := func(env []string, stdin string, args ...string) result {
		t.Helper()
		env = append([]string{"CALLOUT_CONFIG=" + file, "CALLOUT_SERVER=" + server.URL}, env...)
		return runWith(t, "callout", runOptions{env: env, stdin: stdin}, args...)
	}
	require.Zero(t, callout(nil, "from-context\n", "context", "set", "here", "--token", "-").code)
	for _, tt := range []struct {
		env   []string
		args  []string
		token string
	}{
		{nil, []string{"export", "--token", "from-flag"}, "Bearer from-flag"},
		{[]string{"CALLOUT_TOKEN=from-variable"}, []string{"get", "targets"}, "Bearer from-variable"},
		{nil, []string{"events", "publish"}, "Bearer from-context"},
		{nil, []string{"events", "tail"}, "Bearer from-context"},
		{nil, []string{"history", "--watch"}, "Bearer from-context"},
	} {
		got := callout(tt.env, userAdded, tt.args...)
		require.Equal(t, 1, got.code, "%v: %s", tt.args, got.err)
		require.Contains(t, got.err, "does not answer as a dispatcher", "%v", tt.args)
		require.NotContains(t, got.err, "from-")
		require.True(t, strings.HasSuffix(server.all(), tt.token), "%v: %s", tt.args, server.all())
	}
	require.Empty(t, elsewhere.all())
	got := callout(nil, "", "export", "--token", "two words")
	require.Equal(t, result{2, "", "callout: --token has at most 16384 visible ASCII characters and no space\nSee \"callout export --help\".\n"}, got)
}
