package cli_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rs/zerolog"

	"github.com/callout-hq/callout/pkg/node"
	"github.com/callout-hq/callout/pkg/sign"
)

// TestScripts plays command lines against a `callout dev` of their own, one
// script for each command. They are written to be read: what is typed, and what
// comes back.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:           filepath.Join("testdata", "script"),
		Setup:         stage,
		UpdateScripts: *update,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":   exits,
			"ageless": ageless,
			"post":    postFile,
			"await":   awaitText,
		},
	})
}

// stage starts what a script finds: a node at $CALLOUT_SERVER, which the
// commands take, and targets at $TARGET.
func stage(env *testscript.Env) error {
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	defer cancel()
	n, err := node.Start(ctx, node.Options{Listen: "127.0.0.1:0", NATSListen: "127.0.0.1:0", AckWait: time.Second, MakeInstances: true, Log: zerolog.Nop()})
	if err != nil {
		return err
	}
	env.Defer(func() {
		ctx, cancel := context.WithTimeout(context.Background(), bound)
		defer cancel()
		_ = n.Close(ctx)
	})
	targets := httptest.NewServer(http.HandlerFunc(play))
	env.Defer(targets.Close)
	mended, err := filepath.Abs(filepath.Join(examples, "epic-mended.yaml"))
	if err != nil {
		return err
	}
	env.Setenv("CALLOUT_SERVER", n.HTTPURL())
	env.Setenv("CALLOUT_CONFIG", filepath.Join(env.WorkDir, ".contexts.yaml"))
	env.Setenv("TARGET", targets.URL)
	env.Setenv("EPIC", mended)
	env.Setenv("KEY", sign.NewKey())
	return nil
}

// play is a target: /status/503 answers with that status, anything else with
// what ?answer= says.
func play(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/json")
	if text, found := strings.CutPrefix(r.URL.Path, "/status/"); found {
		if status, err := strconv.Atoi(text); err == nil {
			w.WriteHeader(status)
		}
	}
	_, _ = fmt.Fprint(w, r.URL.Query().Get("answer"))
}

// exits runs a command and holds its exit code: exits 3 callout get targets.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE command…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	code := 0
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if code != want {
		ts.Fatalf("exit code %d, not %d", code, want)
	}
}

// postFile posts a file, as a core does that does not speak NATS: post PATH
// FILE.
func postFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: post PATH FILE")
	}
	answer, err := http.Post(ts.Getenv("CALLOUT_SERVER")+args[0], "application/json", strings.NewReader(ts.ReadFile(args[1])))
	ts.Check(err)
	defer func() { _ = answer.Body.Close() }()
	_, err = io.Copy(ts.Stdout(), answer.Body)
	ts.Check(err)
	if answer.StatusCode != http.StatusOK {
		ts.Fatalf("status %d", answer.StatusCode)
	}
}

var ages = regexp.MustCompile(`(?m)\b\d+s$`)

// ageless runs a command whose lines end with an age, and takes it for 0s: the
// scripts do not know how long they take.
func ageless(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: ageless command…")
	}
	ts.Check(ts.Exec(args[0], args[1:]...))
	_, err := io.WriteString(ts.Stdout(), ages.ReplaceAllString(ts.ReadFile("stdout"), "0s"))
	ts.Check(err)
}

// awaitText repeats a command until its output holds a text: await TEXT command….
func awaitText(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: await TEXT command…")
	}
	for until := time.Now().Add(bound); ; {
		_ = ts.Exec(args[1], args[2:]...)
		if strings.Contains(ts.ReadFile("stdout"), args[0]) {
			return
		}
		if time.Now().After(until) {
			ts.Fatalf("%q did not come", args[0])
		}
		time.Sleep(20 * time.Millisecond) // the pace of looking
	}
}

// Every script is there for a command, and says of what.
func TestScriptsSayWhatTheyShow(t *testing.T) {
	t.Parallel()
	scripts, err := filepath.Glob(filepath.Join("testdata", "script", "*.txtar"))
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, name := range scripts {
		text, err := os.ReadFile(name)
		if err != nil || !strings.HasPrefix(string(text), "# ") {
			t.Errorf("%s begins with a line that says what it shows: %v", name, err)
		}
	}
}
