package verifiers_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
	svix "github.com/svix/svix-webhooks/go"
	zitadel "github.com/zitadel/zitadel-go/v3/pkg/actions"
)

// verifier tells whether a request is genuine, by a key. The error is that it is not.
type verifier func(key string, r received) error

// inGo are the libraries in Go.
var inGo = map[string]verifier{
	"standard-webhooks for Go": func(key string, r received) error {
		w, err := standard.NewWebhook(key)
		if err != nil {
			return err
		}
		return w.Verify(r.body, r.headers)
	},
	"svix for Go": func(key string, r received) error {
		w, err := svix.NewWebhook(key)
		if err != nil {
			return err
		}
		return w.Verify(r.body, r.headers)
	},
	"zitadel-go": func(key string, r received) error {
		return zitadel.ValidateRequestPayload(r.body, &r.headers, key)
	},
}

// verifiersOf gives all who verify with a key that both sides know.
func verifiersOf(t *testing.T) map[string]verifier {
	t.Helper()
	scripts, python := begin(t, "node", "verify.mjs"), begin(t, ".venv/bin/python", "verify.py")
	all := map[string]verifier{"standardwebhooks for Python": python.verifier("")}
	for _, name := range []string{"standardwebhooks for JavaScript", "svix"} {
		all[name] = scripts.verifier(name)
	}
	for name, v := range inGo {
		all[name] = v
	}
	return all
}

// process is a program that verifies what it is asked about, one line each.
type process struct {
	t   *testing.T
	in  *json.Encoder
	out *json.Decoder
}

func begin(t *testing.T, name string, args ...string) *process {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	return &process{t, json.NewEncoder(in), json.NewDecoder(bufio.NewReader(out))}
}

// question is what a process is asked.
type question struct {
	Verifier string            `json:"verifier"`
	Key      string            `json:"key"`
	Headers  map[string]string `json:"headers"`
	Body     []byte            `json:"body"`

	JWKS       string   `json:"jwks,omitempty"`
	Issuer     string   `json:"issuer,omitempty"`
	Audience   string   `json:"audience,omitempty"`
	Algorithms []string `json:"algorithms,omitempty"`
	Wrapped    string   `json:"wrapped,omitempty"`
}

// opened is what a JWT or a JWE tells.
type opened struct {
	Payload json.RawMessage   `json:"payload"`
	Header  map[string]string `json:"header"`
	Outer   map[string]any    `json:"outer"`
}

// ask asks about one request. The error is that it is not genuine.
func (p *process) ask(q question, r received) (opened, error) {
	q.Headers, q.Body = flat(r.headers), r.body
	var answer struct {
		Genuine bool
		Error   string
		Told    opened
	}
	err := p.in.Encode(q)
	if err == nil {
		err = p.out.Decode(&answer)
	}
	if err != nil { // it is no answer that it has ended
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		p.t.Errorf("%s: %v", q.Verifier, err)
		p.t.FailNow()
	}
	if !answer.Genuine {
		return opened{}, errors.New(answer.Error)
	}
	return answer.Told, nil
}

func (p *process) verifier(name string) verifier {
	return func(key string, r received) error {
		_, err := p.ask(question{Verifier: name, Key: key}, r)
		return err
	}
}

// flat gives headers as most frameworks do: by names in lower case.
func flat(headers http.Header) map[string]string {
	one := make(map[string]string, len(headers))
	for name, values := range headers {
		one[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	return one
}
