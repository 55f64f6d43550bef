package demo

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/sign"
)

// hooksHere makes a test's own binary a program of hooks; its value says how it behaves.
const hooksHere = "DEMO_TEST_HOOKS"

// beHooks does what a program of hooks does, by the demo's own hooks: what is tested here is
// the demo beside such a program.
func beHooks() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		os.Exit(1)
	}
	dir := &directory{LDAPOptions{URL: os.Getenv("LDAP_URL"), BindDN: os.Getenv("LDAP_BIND_DN"), Password: os.Getenv("LDAP_PASSWORD"), Base: os.Getenv("LDAP_BASE")}}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	fmt.Println("preparing")
	fmt.Println("listening on http://" + l.Addr().String())
	go func() { _ = http.Serve(l, hookProgram(dir)) }()
	<-stop
	os.Exit(0)
}

func hookProgram(dir *directory) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		in := delivered{body: body}
		if sign.VerifyStandard(r.Header, body, time.Now(), strings.Split(os.Getenv("CALLOUT_KEYS"), ",")...) != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		does := addMetadataHook
		switch {
		case bytes.Contains(body, []byte("event_type")):
			does = storeUserHook(dir)
		case bytes.Contains(body, []byte(`"function":`)):
			does = completeTokenHook
		case bytes.Contains(body, []byte(`"response":`)):
			does = logStateHook
		}
		if os.Getenv(hooksHere) == "wrong" && bytes.Contains(body, []byte("event_type")) {
			does = logStateHook // says that it is done, and has done nothing
		}
		a := does(r, in)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(a.status)
		_, _ = w.Write(a.body)
	}
}

func TestHooksOfAProgram(t *testing.T) {
	exe, err := os.Executable()
	require.NoError(t, err)
	for _, broken := range everyBreak {
		t.Run(named(broken), func(t *testing.T) {
			t.Setenv(hooksHere, "right")
			var out bytes.Buffer
			require.NoError(t, Run(t.Context(), Options{Out: &out, Break: broken, Hooks: exe}), out.String())
			require.Contains(t, out.String(), exe, "it is said whose hooks these are")
			requireNone(t, exe+"\x000")
		})
	}
	t.Run("a hook that only says that it is done is found out", func(t *testing.T) {
		t.Setenv(hooksHere, "wrong")
		err := Run(t.Context(), Options{Hooks: exe, StepTimeout: time.Minute})
		var step *StepError
		require.ErrorAs(t, err, &step)
		require.Equal(t, storeUser.String(), step.Step)
		require.Contains(t, step.Why, "cannot be read back")
	})
	t.Run("a program that does not listen is named", func(t *testing.T) {
		err := Run(t.Context(), Options{Hooks: "/bin/false"})
		require.ErrorContains(t, err, "the hooks in /bin/false ended by itself")
	})
	t.Run("hooks that are not there are said", func(t *testing.T) {
		err := Run(t.Context(), Options{Hooks: "cobol"})
		var usage *UsageError
		require.ErrorAs(t, err, &usage)
		require.ErrorContains(t, err, `no hooks "cobol"`)
	})
}

// TestHooksThatAreStillBuilt and are interrupted end with all that they have started.
func TestHooksThatAreStillBuilt(t *testing.T) {
	program := filepath.Join(t.TempDir(), "run")
	require.NoError(t, os.WriteFile(program, []byte("#!/bin/sh\nsleep 4243 >&2\necho built\n"), 0o700))
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := startHooks(ctx, Options{Hooks: program, StepTimeout: time.Minute}, nil, LDAPOptions{})
	require.ErrorContains(t, err, "was not ready in time")
	require.NotContains(t, err.Error(), "did not stop")
	require.Less(t, time.Since(began), hooksStopIn)
	requireNone(t, "sleep\x004243")
}
