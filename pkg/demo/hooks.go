package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	// hooksDir holds a folder for each language, in a checkout of Callout.
	hooksDir = "examples/hooks"
	// hooksStartIn is for the first time, when a program gets its libraries and compiles.
	hooksStartIn = 10 * time.Minute
	hooksStopIn  = 15 * time.Second
	maxHookBody  = 1 << 20
)

// hooks is a program of a developer's that takes the place of the demo's own hooks.
type hooks struct {
	process *fleet
	url     string
	web     *http.Client
}

// hooksProgram is the program that a name stands for: the file run of a language's folder,
// or a file.
func hooksProgram(name string) (string, error) {
	if name == "" {
		return "", nil
	}
	if strings.ContainsRune(name, filepath.Separator) {
		return filepath.Abs(name)
	}
	path, err := filepath.Abs(filepath.Join(hooksDir, name, "run"))
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	return "", fmt.Errorf("there are no hooks %q: %s. Or name a program by its path, such as ./hooks", name, knownHooks())
}

// knownHooks says which hooks are at hand.
func knownHooks() string {
	found, _ := filepath.Glob(filepath.Join(hooksDir, "*", "run")) // the pattern is right
	if len(found) == 0 {
		return "there is no folder " + hooksDir + " here: go to a checkout of Callout"
	}
	for i, path := range found {
		found[i] = filepath.Base(filepath.Dir(path))
	}
	slices.Sort(found)
	return "here are " + strings.Join(found, ", ")
}

// startHooks starts the program, and returns when it listens. It gets its port as its one
// argument, the keys in CALLOUT_KEYS, and where LDAP is in LDAP_URL, LDAP_BIND_DN,
// LDAP_PASSWORD and LDAP_BASE; and says "listening on URL".
func startHooks(ctx context.Context, o Options, keys []string, dir LDAPOptions) (*hooks, error) {
	ctx, cancel := context.WithTimeout(ctx, hooksStartIn)
	defer cancel()
	h := &hooks{
		process: &fleet{log: o.Log, stopIn: hooksStopIn},
		web:     &http.Client{Transport: &http.Transport{}, Timeout: o.StepTimeout}, // no proxy from the environment
	}
	cmd := exec.Command(o.Hooks, "0")
	cmd.Env = []string{
		"CALLOUT_KEYS=" + strings.Join(keys, ","),
		"LDAP_URL=" + dir.URL, "LDAP_BIND_DN=" + dir.BindDN, "LDAP_PASSWORD=" + dir.Password, "LDAP_BASE=" + dir.Base,
	}
	var err error
	h.url, err = h.process.run(ctx, &child{name: "the hooks in " + o.Hooks, cmd: cmd, ready: "listening on "})
	if err != nil {
		return nil, errors.Join(err, h.close())
	}
	return h, nil
}

func (h *hooks) close() error {
	h.web.CloseIdleConnections()
	return h.process.close()
}

// answer hands on a request as it came, signatures and all, and gives what the program
// answered.
func (h *hooks) answer(r *http.Request, in delivered) hookAnswer {
	req, err := http.NewRequestWithContext(r.Context(), http.MethodPost, h.url+"/", bytes.NewReader(in.body))
	if err != nil {
		return hookAnswer{status: http.StatusBadGateway, detail: clean(err.Error())}
	}
	req.Header = r.Header.Clone()
	req.Header.Del("Accept-Encoding") // the client's own business
	resp, err := h.web.Do(req)
	if err != nil {
		return hookAnswer{status: http.StatusBadGateway, detail: clean(err.Error())}
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxHookBody))
	if err != nil {
		return hookAnswer{status: http.StatusBadGateway, detail: clean(err.Error())}
	}
	return hookAnswer{status: resp.StatusCode, body: body, detail: "the hooks answered " + statusText(resp.StatusCode)}
}
