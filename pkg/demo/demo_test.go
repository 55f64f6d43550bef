package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/bus/logins"
)

// line is one object of --json, as far as tests look at it.
type line struct {
	Kind    string          `json:"kind"`
	MS      float64         `json:"t_ms"`
	From    string          `json:"from"`
	To      string          `json:"to"`
	Arrow   string          `json:"arrow"`
	Text    string          `json:"text"`
	Attempt int             `json:"attempt"`
	Status  int             `json:"status"`
	Body    json.RawMessage `json:"body"`
	Check   string          `json:"check"`
	Command string          `json:"command"`
	LDAP    string          `json:"ldap"`
	Core    string          `json:"core"`
	OK      bool            `json:"ok"`
	Error   string          `json:"error"`
}

func (l line) String() string { return l.From + l.Arrow + l.To + ": " + l.Text }

func readLines(t *testing.T, out string) []line {
	t.Helper()
	var lines []line
	for _, text := range strings.Split(strings.TrimSpace(out), "\n") {
		var l line
		require.NoError(t, json.Unmarshal([]byte(text), &l), text)
		lines = append(lines, l)
	}
	return lines
}

// Every mode as columns, as lines and as JSON: it holds, and nothing is left of
// it.
func TestDemo(t *testing.T) {
	for _, broken := range everyBreak {
		for name, o := range map[string]Options{
			"columns": {Terminal: true, Width: 100}, "lines": {}, "json": {JSON: true},
		} {
			t.Run(named(broken)+"/"+name, func(t *testing.T) {
				t.Setenv("TMPDIR", t.TempDir())
				var out bytes.Buffer
				o.Out, o.Break = &out, broken
				require.NoError(t, Run(t.Context(), o), out.String())
				left, err := filepath.Glob(filepath.Join(os.TempDir(), "*"))
				require.NoError(t, err)
				require.Empty(t, left, "files are left behind")
			})
		}
	}
}

// TestDemoBehindWalls plays every mode where NATS asks every part who it is, and the
// core is in an account of its own.
func TestDemoBehindWalls(t *testing.T) {
	for _, form := range logins.Forms {
		dir := t.TempDir()
		all, err := logins.New(access.Grants(instance))
		require.NoError(t, err)
		for _, l := range all {
			require.NoError(t, os.WriteFile(filepath.Join(dir, logins.SeedFile(l.Grant)), l.Seed, 0o600))
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, "nats.conf"), []byte(logins.Config(form, all)), 0o600))
		for _, broken := range everyBreak {
			t.Run(string(form)+"/"+named(broken), func(t *testing.T) {
				t.Parallel()
				var out bytes.Buffer
				require.NoError(t, Run(t.Context(), Options{Out: &out, Break: broken, Logins: dir}), out.String())
			})
		}
	}
}

func TestDemoJSON(t *testing.T) {
	t.Parallel()
	for _, broken := range everyBreak {
		t.Run(named(broken), func(t *testing.T) {
			var out bytes.Buffer
			require.NoError(t, Run(t.Context(), Options{Out: &out, JSON: true, Break: broken}))
			lines := readLines(t, out.String())
			require.Equal(t, "begin", lines[0].Kind)
			require.Equal(t, "end", lines[len(lines)-1].Kind)
			require.True(t, lines[len(lines)-1].OK)
			var got, want []string
			before := 0.0
			for _, l := range lines {
				if l.Kind == "step" {
					require.GreaterOrEqual(t, l.MS, before, "times go forward")
					before = l.MS
					got = append(got, l.String())
				}
			}
			for _, w := range plan(broken) {
				want = append(want, w.Arrow.String())
			}
			require.ElementsMatch(t, want, got)
		})
	}
}

// An LDAP server that is not there, without being asked for, is a failed play
// that names the step, in a bounded time.
func TestDemoWithDeadLDAP(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	began := time.Now()
	err := Run(t.Context(), Options{Out: &out, JSON: true, StepTimeout: time.Second,
		LDAP: LDAPOptions{URL: "ldap://127.0.0.1:1", Base: ldapPeople}})
	requireStep(t, err, "UserAddedHook->>LDAP: Store new user", "connection refused")
	require.Less(t, time.Since(began), 10*time.Second)
	lines := readLines(t, out.String())
	end := lines[len(lines)-1]
	require.False(t, end.OK)
	require.Equal(t, err.Error(), end.Error)
	require.True(t, slices.ContainsFunc(lines, func(l line) bool { return l.String() == clientOK.String() }),
		"the client is none the wiser")
}

func TestDemoRefusesWrongOptions(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]Options{
		"no such party":                   {Break: "everything"},
		"another server cannot be broken": {Break: BreakLDAP, LDAP: LDAPOptions{URL: "ldap://127.0.0.1:389"}},
		"no LDAP URL":                     {LDAP: LDAPOptions{URL: "http://127.0.0.1"}},
		"a base without a server":         {LDAP: LDAPOptions{Base: ldapPeople}},
		"no DN":                           {LDAP: LDAPOptions{URL: "ldap://127.0.0.1:389", Base: "nowhere"}},
		"a negative fleet":                {Fleet: -1},
		"a fleet too large":               {Fleet: maxFleet + 1},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			o.Out = &out
			var usage *UsageError
			require.ErrorAs(t, Run(t.Context(), o), &usage)
			require.Empty(t, out.String())
		})
	}
}

// --hold keeps everything running: another user goes the same way, and LDAP
// answers whoever asks.
func TestDemoHold(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &watched{}
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, Options{Out: out, JSON: true, Hold: true}) }()
	out.await(t, " status --server")
	lines := readLines(t, out.String())
	tries := slices.DeleteFunc(slices.Clone(lines), func(l line) bool { return l.Kind != "try" })
	require.GreaterOrEqual(t, len(tries), 3, "those of this program, and those of tools that are installed")
	for _, try := range tries { // pkg/cli runs them
		tool, _, _ := strings.Cut(try.Command, " ")
		require.Contains(t, try.Command, map[string]string{"curl": lines[0].Core + "/users", "ldapsearch": "ldapsearch -x -H " + lines[0].LDAP}[tool])
	}

	grace := `{"username":"grace","givenName":"Grace","familyName":"Hopper","email":"grace@example.com"}`
	require.Equal(t, http.StatusCreated, post(t, lines[0].Core, grace))
	require.Equal(t, http.StatusConflict, post(t, lines[0].Core, grace))
	require.Equal(t, http.StatusBadRequest, post(t, lines[0].Core, `{"username":"\u001b[31m"}`))
	c := dialLDAP(t, lines[0].LDAP)
	require.Eventually(t, func() bool {
		res, err := search(c, ldapPeople, ldap.ScopeWholeSubtree, "(uid=grace)")
		return err == nil && len(res.Entries) == 1
	}, time.Minute, 10*time.Millisecond)
	count := func() (n int) {
		for _, l := range readLines(t, out.String()) {
			if l.String() == logUserID.String() {
				n++
			}
		}
		return n
	}
	require.Eventually(t, func() bool { return count() == 2 }, time.Minute, 10*time.Millisecond)
	cancel()
	select {
	case err := <-ended:
		require.NoError(t, err)
	case <-time.After(10 * time.Second):
		t.Fatal("it does not end")
	}
}

// An interrupt in the middle of a play ends it soon, with an error.
func TestDemoInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &watched{}
	out.on("Store events", cancel)
	err := Run(ctx, Options{Out: out, JSON: true})
	require.ErrorIs(t, err, context.Canceled)
}

func post(t *testing.T, url, body string) int {
	t.Helper()
	web := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := web.Post(url+"/users", "application/json", strings.NewReader(body))
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, res.Body)
	require.NoError(t, errors.Join(err, res.Body.Close()))
	return res.StatusCode
}

// watched is an output that tells when a text appears in it.
type watched struct {
	mu   sync.Mutex
	text bytes.Buffer
	word string
	do   func()
}

// on calls do once, while the first line with word is being written: whoever
// draws that step waits for it.
func (w *watched) on(word string, do func()) { w.word, w.do = word, do }

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text.Write(p)
	if w.do != nil && bytes.Contains(p, []byte(w.word)) {
		w.do()
		w.do = nil
	}
	return len(p), nil
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

func (w *watched) await(t *testing.T, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(w.String(), text) }, time.Minute, 10*time.Millisecond,
		"%q does not appear", text)
}
