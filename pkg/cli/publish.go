package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

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
has an id is stored once only, however often it is sent within ten minutes. The id
is that of one event of its organization, aggregate and type: with another body it
is a conflict and not stored, which keeps no other event of the array from being
stored. An array is checked whole before the first event is stored.`,
		Example: `  echo '{"aggregateID":"u1","event_type":"user.added","event_payload":{"name":"Ada"}}' | callout events publish
  callout events publish -f events.json --json`,
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
	Events []publishedEvent `json:"events"`
	Error  *action.Error    `json:"error"`
}

type publishedEvent struct {
	Sequence  uint64        `json:"stream_sequence"`
	ID        string        `json:"id"`
	Duplicate bool          `json:"duplicate"`
	Error     *action.Error `json:"error"`
}

// shownPublished is what came of an event, for programs.
type shownPublished struct {
	Sequence  uint64        `json:"sequence"` // 0 = it is not stored
	ID        string        `json:"id"`
	Duplicate bool          `json:"duplicate"`
	Error     *action.Error `json:"error,omitempty"`
}

func (p *Program) publish(ctx context.Context, f *publishFlags) error {
	body, err := p.readEvents(ctx, f.file)
	if err != nil {
		return err
	}
	status, raw, err := f.server.post(ctx, "/events", body)
	if err != nil {
		return err
	}
	var answer published
	if json.Unmarshal(raw, &answer) != nil || answer.Events == nil && answer.Error == nil {
		return f.server.strange(status)
	}
	if answer.Events != nil {
		if err := p.tellPublished(f.server.output, answer.Events); err != nil {
			return err
		}
	}
	if answer.Error != nil {
		return answer.failure()
	}
	return nil
}

func (p *Program) readEvents(ctx context.Context, file string) (raw []byte, err error) {
	if file == "-" {
		raw, err = p.input(ctx, maxEvents+1)
	} else {
		from, failed := os.Open(file)
		if failed != nil {
			return nil, fmt.Errorf("the events cannot be read: %w (give another file with -f)", failed)
		}
		defer func() { _ = from.Close() }() // it was only read
		raw, err = io.ReadAll(io.LimitReader(from, maxEvents+1))
	}
	switch {
	case errors.Is(err, context.Canceled):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("the events cannot be read: %w", err)
	case len(raw) > maxEvents:
		return nil, fmt.Errorf("the events have more than %d bytes: send them in parts [%s]", maxEvents, action.CodeTooLarge)
	case len(bytes.TrimSpace(raw)) == 0:
		return nil, errors.New("there is no event to store: the input is empty")
	}
	return raw, nil
}

func (p *Program) tellPublished(form string, all []publishedEvent) error {
	t := p.table("SEQUENCE", "ID", "STORED")
	show := &lister[publishedEvent]{Program: p, form: form, what: "events", table: t,
		json: func(e publishedEvent) ([]byte, error) { return json.Marshal(shownPublished(e)) },
		row: func(e publishedEvent) {
			how := "now"
			switch {
			case e.Error != nil:
				how = "no, " + string(e.Error.Code)
			case e.Duplicate:
				how = "before"
			}
			t.add(fmt.Sprint(e.Sequence), e.ID, how)
		}}
	return show.all(all)
}

// failure words what the dispatcher refused.
func (a *published) failure() error {
	message, told := a.Error.Message, len(a.Events)
	if a.Error.Field != "" && !strings.HasPrefix(message, a.Error.Field) {
		message += ", at " + a.Error.Field
	}
	switch {
	case a.Error.Code == action.CodeConflict && told > 1:
		message += "; the others are stored"
	case a.Error.Code == action.CodeConflict:
	case told > 0:
		message += "; those above are stored, send the rest again"
	}
	if hint := hints[a.Error.Code]; hint != "" && a.Error.Code != action.CodeConflict { // it says itself what helps
		message += " (" + hint + ")"
	}
	return fmt.Errorf("%s [%s]", message, a.Error.Code)
}
