package cli_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// answer is what the dispatcher said over HTTP.
type answer struct {
	status int
	header http.Header
	body   string
}

// post sends a body as a core that does not speak NATS would.
func post(t *testing.T, url, body string) answer {
	t.Helper()
	return send(t, http.MethodPost, url, body, nil)
}

// send sends one request over a connection of its own. The header Host is the
// host that is named, not the one that is dialled.
func send(t *testing.T, method, url, body string, header map[string]string) answer {
	t.Helper()
	return sendWithin(t, bound, method, url, body, header)
}

func sendWithin(t *testing.T, limit time.Duration, method, url, body string, header map[string]string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	req.Close = true
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range header {
		if name == "Host" {
			req.Host = value
		}
		req.Header.Set(name, value)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport, Timeout: limit}).Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return answer{status: resp.StatusCode, header: resp.Header, body: string(raw)}
}

// reply is the answer to a call, as far as tests look at it.
type reply struct {
	Outcome  string          `json:"outcome"`
	Request  json.RawMessage `json:"request"`
	Response json.RawMessage `json:"response"`
	Error    *refusal        `json:"error"`
	Warnings []refusal       `json:"warnings"`
	Steps    []step          `json:"steps"`
	Revision uint64          `json:"revision"`
}

type step struct {
	Target    string   `json:"target"`
	Kind      string   `json:"kind"`
	Status    int      `json:"status"`
	Duration  *float64 `json:"duration_ms"`
	Outcome   string   `json:"outcome"`
	Interrupt bool     `json:"interrupt"`
}

type refusal struct {
	Code    string `json:"code"`
	Stage   string `json:"stage"`
	Status  int    `json:"status"`
	Message string `json:"message"`
	Target  string `json:"target"`
	Field   string `json:"field"`
}

// stored is the answer to published events.
type stored struct {
	Events []struct {
		ID        string `json:"id"`
		Sequence  uint64 `json:"stream_sequence"`
		Duplicate bool   `json:"duplicate"`
	} `json:"events"`
}

// read decodes an answer strictly: a member that the contract does not name
// fails the test.
func read[T any](t *testing.T, body string) T {
	t.Helper()
	var into T
	dec := json.NewDecoder(bytes.NewReader([]byte(body)))
	dec.DisallowUnknownFields()
	require.NoError(t, dec.Decode(&into), body)
	return into
}

// refused reads {"error":…}.
func refused(t *testing.T, body string) refusal {
	t.Helper()
	return read[struct {
		Error refusal `json:"error"`
	}](t, body).Error
}
