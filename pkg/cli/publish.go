package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/action"
)

type publishFlags struct {
	server serverFlags
	file   string
}

// maxEvents bounds what is read and sent at once, in bytes: no dispatcher takes
// more.
const maxEvents = 8 * action.CeilingObject

func (p *Program) publishCommand() *cobra.Command {
	var f publishFlags
	cmd := &cobra.Command{
		Use:   "publish [-f FILE|-]",
		Short: "Store one event or an array of them",
		Long: `Sends one event, or a JSON array of events in their order, to a dispatcher, and
tells where each was stored. An event needs aggregateID and event_type. One that
has an id is stored once only, however often it is sent within ten minutes. An
array is checked whole before the first event is stored.`,
		Example: `  echo '{"aggregateID":"u1","event_type":"user.added","event_payload":{"name":"Ada"}}' | callout events publish
  callout events publish -f events.json -o json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.server.check(); err != nil {
				return err
			}
			return p.publish(cmd.Context(), &f)
		},
	}
	cmd.Flags().StringVarP(&f.file, "file", "f", "-", "the `FILE` with the events; - reads standard input")
	f.server.add(cmd, asTable, asJSON, asYAML)
	return cmd
}

// published is the dispatcher's answer to events.
type published struct {
	Events []struct {
		ID        string `json:"id"`
		Sequence  uint64 `json:"stream_sequence"`
		Duplicate bool   `json:"duplicate"`
	} `json:"events"`
	Error *action.Error `json:"error"`
}

func (p *Program) publish(ctx context.Context, f *publishFlags) error {
	body, err := p.readEvents(f.file)
	if err != nil {
		return err
	}
	status, raw, err := f.server.post(ctx, "/v1/instances/"+url.PathEscape(f.server.instance)+"/events", body)
	if err != nil {
		return err
	}
	var answer published
	if json.Unmarshal(raw, &answer) != nil || answer.Events == nil && answer.Error == nil {
		return fmt.Errorf("%s does not answer as a dispatcher of this version: %s (is --server right?)", f.server.url, status)
	}
	if answer.Events != nil {
		if err := p.tellPublished(f.server.output, raw, &answer); err != nil {
			return err
		}
	}
	if answer.Error != nil {
		return publishError(answer.Error, len(answer.Events))
	}
	return nil
}

func (p *Program) readEvents(file string) (raw []byte, err error) {
	from := os.Stdin
	if file != "-" {
		if from, err = os.Open(file); err != nil {
			return nil, fmt.Errorf("the events cannot be read: %w (give another file with -f)", err)
		}
		defer func() { _ = from.Close() }() // it was only read
	}
	if isTerminal(from) {
		p.note("reading one event or an array of them; Ctrl-D ends")
	}
	raw, err = io.ReadAll(io.LimitReader(from, maxEvents+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("the events cannot be read: %w", err)
	case len(raw) > maxEvents:
		return nil, fmt.Errorf("the events have more than %d bytes: send them in parts [%s]", maxEvents, action.CodeTooLarge)
	case len(bytes.TrimSpace(raw)) == 0:
		return nil, errors.New("there is no event to store: the input is empty")
	}
	return raw, nil
}

// post sends JSON to a path of the dispatcher. Its answer has as many bytes as
// it likes: a line for each event.
func (s *serverFlags) post(ctx context.Context, path string, body []byte) (status string, answer []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(s.url, "/")+path, bytes.NewReader(body))
	if err != nil {
		return "", nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	client, done := s.http()
	defer done()
	resp, err := client.Do(req)
	if err != nil {
		if errors.Is(err, context.Canceled) {
			return "", nil, context.Canceled
		}
		var of *url.Error
		if errors.As(err, &of) {
			err = of.Err // without the URL, which is told
		}
		return "", nil, &serverUnreachable{url: s.url, err: err}
	}
	defer func() { _ = resp.Body.Close() }() // it was only read
	answer, err = io.ReadAll(io.LimitReader(resp.Body, maxEvents))
	if err != nil {
		return "", nil, &serverUnreachable{url: s.url, err: fmt.Errorf("its answer broke off, so what was stored is not known: %w", err)}
	}
	return resp.Status, answer, nil
}

func (p *Program) tellPublished(form string, raw []byte, answer *published) error {
	if form != asTable {
		var line bytes.Buffer
		if err := json.Compact(&line, raw); err != nil {
			return err
		}
		return p.printJSON(form, line.Bytes())
	}
	w := tabwriter.NewWriter(p.Out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "SEQUENCE\tID\tSTORED") // Flush tells
	for _, e := range answer.Events {
		how := "now"
		if e.Duplicate {
			how = "before"
		}
		_, _ = fmt.Fprintf(w, "%d\t%s\t%s\n", e.Sequence, e.ID, how)
	}
	return w.Flush()
}

// publishError words what the dispatcher refused.
func publishError(e *action.Error, stored int) error {
	message := e.Message
	if e.Field != "" && !strings.HasPrefix(message, e.Field) {
		message += ", at " + e.Field
	}
	if stored > 0 {
		message += "; those above are stored, send the rest again"
	}
	if hint := hints[e.Code]; hint != "" {
		message += " (" + hint + ")"
	}
	return fmt.Errorf("%s [%s]", message, e.Code)
}
