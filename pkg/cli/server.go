package cli

import (
	"context"
	"errors"
	"fmt"
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
	output   string
	outputs  []string
}

func (s *serverFlags) add(cmd *cobra.Command, outputs ...string) {
	s.outputs = outputs
	f := cmd.Flags()
	f.StringVar(&s.url, "server", "http://127.0.0.1:8080", "`URL` of the dispatcher")
	f.StringVar(&s.instance, "instance", catalog.DefaultInstance, "`NAME` of the instance")
	f.StringVarP(&s.output, "output", "o", outputs[0], strings.Join(outputs, ", "))
}

// check looks over the flags before anything is done.
func (s *serverFlags) check() error {
	if !slices.Contains(s.outputs, s.output) {
		return &usageError{fmt.Errorf("--output %q: %s are known", s.output, strings.Join(s.outputs, ", "))}
	}
	u, err := url.Parse(s.url)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return &usageError{fmt.Errorf("--server %q is no URL, such as http://127.0.0.1:8080", s.url)}
	}
	return nil
}

// ask puts a question to the server, and words what goes wrong.
func ask[Q, A any](ctx context.Context, s *serverFlags, question *Q,
	method func(calloutv1connect.ActionServiceClient, context.Context, *connect.Request[Q]) (*connect.Response[A], error)) (*A, error) {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment}
	defer transport.CloseIdleConnections()
	client := calloutv1connect.NewActionServiceClient(&http.Client{Transport: transport}, strings.TrimSuffix(s.url, "/"))
	answer, err := method(client, ctx, connect.NewRequest(question))
	if err != nil {
		return nil, s.failure(err)
	}
	return answer.Msg, nil
}

// serverUnreachable is the error of a server that does not answer.
type serverUnreachable struct {
	url string
	err error
}

func (e *serverUnreachable) Error() string {
	return fmt.Sprintf("no dispatcher answers at %s: %v (start one with \"callout dev\", or give another --server URL)", e.url, e.err)
}

func (e *serverUnreachable) Unwrap() error { return e.err }

// flawed is a configuration that the server refused.
type flawed struct{ problems []catalog.Problem }

func (e *flawed) Error() string {
	wrong := 0
	for _, p := range e.problems {
		if p.Severity == catalog.Error {
			wrong++
		}
	}
	return fmt.Sprintf("the configuration is refused: %s; what is in force stays", count(wrong, "error"))
}

// hints name the way out of an error.
var hints = map[action.Code]string{
	action.CodeUnknownInstance: "give another --instance, or make this one with \"callout apply -f FILE\"",
	action.CodeConflict:        "try again",
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
	case detail == nil && connect.IsWireError(err):
		return fmt.Errorf("%s [%s]", of.Message(), of.Code())
	case detail == nil:
		return fmt.Errorf("%s does not answer as a dispatcher of this version: %s (is --server right?)", s.url, of.Message())
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
	return fmt.Errorf("%s [%s]", message, detail.GetCode())
}

// answered tells whether something spoke HTTP, even if it was no dispatcher.
func answered(err *connect.Error) bool {
	return err.Code() != connect.CodeUnavailable && err.Code() != connect.CodeDeadlineExceeded
}
