package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/manage"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

// askFor is how long a question to a server may take.
const askFor = time.Minute

// serverFlags say which server is asked, for which instance, and how its answer
// is printed.
type serverFlags struct {
	url      string
	instance string
	token    string
	context  string
	tls      clientTLS
	output   string
	outputs  []string
	patience time.Duration // how long a question may take; 0 is askFor
}

func (s *serverFlags) add(cmd *cobra.Command, outputs ...string) {
	s.outputs = outputs
	s.addConnection(cmd)
	outputFlag(cmd, &s.output, outputs)
}

// addConnection adds the flags of who is asked, for a command that prints no answer.
func (s *serverFlags) addConnection(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&s.url, "server", "http://127.0.0.1:8080", "`URL` of the dispatcher")
	f.StringVar(&s.instance, "instance", catalog.DefaultInstance, "`NAME` of the instance")
	f.StringVar(&s.token, "token", "", "`TOKEN` that is sent along, as Authorization: Bearer")
	s.tls.add(cmd)
	f.StringVar(&s.context, "context", "", "take server, instance and token from the context of this `NAME`")
}

func outputFlag(cmd *cobra.Command, output *string, outputs []string) {
	cmd.Flags().StringVarP(output, "output", "o", outputs[0], "the `FORM`: "+strings.Join(outputs, ", "))
	complete(cmd, "output", cobra.FixedCompletions(outputs, cobra.ShellCompDirectiveNoFileComp))
	cmd.Flags().BoolFunc("json", "one JSON object a line", func(on string) error {
		if on == "true" {
			*output = asLines
		}
		return nil
	})
}

func checkOutput(output string, outputs []string) error {
	if output == asLines {
		output = asJSON // --json, where that is known
	}
	if !slices.Contains(outputs, output) {
		return &usageError{fmt.Errorf("--output %q: %s are known", output, strings.Join(outputs, ", "))}
	}
	return nil
}

// maxToken bounds a token, in bytes.
const maxToken = 16 << 10

// check looks over the flags before anything is done.
func (s *serverFlags) check() error {
	if err := checkOutput(s.output, s.outputs); err != nil {
		return err
	}
	return s.checkConnection()
}

func (s *serverFlags) checkConnection() error {
	if err := checkServer(s.url); err != nil {
		return &usageError{err}
	}
	if err := checkToken(s.token); err != nil {
		return &usageError{err}
	}
	return s.tls.read()
}

func checkServer(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("--server %q is no URL, such as http://127.0.0.1:8080", action.ShownURL(text))
	}
	return nil
}

// checkToken keeps what cannot stand in a header out of it. It never shows the
// token.
func checkToken(token string) error {
	if len(token) > maxToken || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return fmt.Errorf("--token has at most %d visible ASCII characters and no space", maxToken)
	}
	return nil
}

// bearer sends a token along.
type bearer struct {
	token string
	next  http.RoundTripper
}

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.token)
	return b.next.RoundTrip(r)
}

// http makes a client for the server. It follows no redirect: that would carry
// the token elsewhere.
func (s *serverFlags) http() (client *http.Client, done func()) {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: s.tls.config, ForceAttemptHTTP2: true}
	client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if s.token != "" {
		client.Transport = bearer{s.token, transport}
	}
	return client, transport.CloseIdleConnections
}

// connect makes a client of the management API.
func (s *serverFlags) connect() (client calloutv1connect.ActionServiceClient, done func()) {
	plain, done := s.http()
	return calloutv1connect.NewActionServiceClient(plain, strings.TrimSuffix(s.url, "/")), done
}

// ask puts a question to the server, and words what goes wrong.
func ask[Q, A any](ctx context.Context, s *serverFlags, question *Q,
	method func(calloutv1connect.ActionServiceClient, context.Context, *connect.Request[Q]) (*connect.Response[A], error)) (*A, error) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(s.patience, askFor))
	defer cancel()
	client, done := s.connect()
	defer done()
	answer, err := method(client, ctx, connect.NewRequest(question))
	if err != nil {
		return nil, s.failure(err)
	}
	return answer.Msg, nil
}

// post sends JSON to a path of the instance. Its answer has as many bytes as it
// likes: a line for each event.
func (s *serverFlags) post(ctx context.Context, path string, body []byte) (status string, answer []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(s.patience, askFor))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(s.url, "/")+"/v1/instances/"+url.PathEscape(s.instance)+path, bytes.NewReader(body))
	if err != nil {
		return "", nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	client, done := s.http()
	defer done()
	resp, err := client.Do(req)
	if err != nil {
		return "", nil, s.unreached(err)
	}
	defer func() { _ = resp.Body.Close() }() // it was only read
	answer, err = io.ReadAll(io.LimitReader(resp.Body, maxEvents))
	if err != nil {
		return "", nil, &serverUnreachable{url: s.url, err: fmt.Errorf("its answer broke off, so what became of it is not known: %w", err)}
	}
	return resp.Status, answer, nil
}

// get fetches what a path of the instance gives, of at most maxDocument bytes.
func (s *serverFlags) get(ctx context.Context, path string) (status int, answer []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(s.patience, askFor))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(s.url, "/")+"/v1/instances/"+url.PathEscape(s.instance)+path, nil)
	if err != nil {
		return 0, nil, err
	}
	client, done := s.http()
	defer done()
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, s.unreached(err)
	}
	defer func() { _ = resp.Body.Close() }() // it was only read
	answer, err = io.ReadAll(io.LimitReader(resp.Body, maxDocument+1))
	if err == nil && len(answer) > maxDocument {
		err = fmt.Errorf("its answer has more than %d bytes", maxDocument)
	}
	if err != nil {
		return 0, nil, &serverUnreachable{url: s.url, err: err}
	}
	return resp.StatusCode, answer, nil
}

// maxDocument bounds a document that a server gives.
const maxDocument = 256 << 20

// unreached words why a server did not answer.
func (s *serverFlags) unreached(err error) error {
	if errors.Is(err, context.Canceled) {
		return context.Canceled
	}
	var of *url.Error
	if errors.As(err, &of) {
		err = of.Err // without the URL, which is told
	}
	return &serverUnreachable{url: s.url, err: err}
}

// strange is the error of a server that answers, and not as it should.
func (s *serverFlags) strange(said string) error {
	return fmt.Errorf("%s does not answer as a dispatcher of this version: %s (is --server right?)", action.ShownURL(s.url), said)
}

// serverUnreachable is the error of a server that does not answer.
type serverUnreachable struct {
	url string
	err error
}

func (e *serverUnreachable) Error() string {
	return fmt.Sprintf("no dispatcher answers at %s: %s (start one with \"callout dev\", or give another --server URL)",
		action.ShownURL(e.url), action.ShownText(e.err.Error()))
}

func (e *serverUnreachable) Unwrap() error { return e.err }

// flawed is a configuration that the server refused.
type flawed struct{ problems []catalog.Problem }

func (e *flawed) Error() string {
	return fmt.Sprintf("the configuration is refused: %s; what is in force stays", count(errorsIn(e.problems), "error"))
}

// hints name the way out of an error.
var hints = map[action.Code]string{
	action.CodeUnknownInstance: "give another --instance, or make this one with \"callout create instance NAME\"",
	action.CodeConflict:        "try again",
	action.CodeUnauthenticated: "give --token, CALLOUT_TOKEN or a --context; \"callout token create\" makes one",
}

// failure turns an error of the client into one that says what to do.
func (s *serverFlags) failure(err error) error {
	detail := manage.Detail(err)
	var of *connect.Error
	switch {
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case !errors.As(err, &of):
		return &serverUnreachable{url: s.url, err: err}
	case detail == nil && !connect.IsWireError(err) && !answered(of):
		return &serverUnreachable{url: s.url, err: of.Unwrap()} // without what Connect puts before it
	case detail == nil && of.Code() == connect.CodeUnavailable: // it has begun, and takes no requests yet
		return &refusedBy{cmp.Or(of.Message(), "the dispatcher takes no requests yet"), action.CodeUnavailable}
	case detail == nil && connect.IsWireError(err):
		return fmt.Errorf("%s [%s]", of.Message(), of.Code())
	case detail == nil:
		return s.strange(of.Message())
	case len(detail.GetProblems()) > 0:
		refused := &flawed{}
		for _, p := range detail.GetProblems() {
			refused.problems = append(refused.problems, manage.Problem(p))
		}
		return refused
	}
	message := of.Message()
	if hint := hints[action.Code(detail.GetCode())]; hint != "" {
		message += " (" + hint + ")"
	}
	return &refusedBy{message, action.Code(detail.GetCode())}
}

// refusedBy is an error of the server, in words and with its code.
type refusedBy struct {
	message string
	code    action.Code
}

func (e *refusedBy) Error() string { return fmt.Sprintf("%s [%s]", e.message, e.code) }

// answered tells whether something spoke HTTP, even if it was no dispatcher. One
// that goes away while it is asked breaks the connection.
func answered(err *connect.Error) bool {
	var broken *net.OpError
	if errors.As(err, &broken) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return false
	}
	return err.Code() != connect.CodeUnavailable && err.Code() != connect.CodeDeadlineExceeded
}
