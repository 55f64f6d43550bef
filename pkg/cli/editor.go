package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog/file"
	"github.com/callout-hq/callout/pkg/follow"
)

// edit lets a person change an object until it is taken, or the person gives
// up.
func (p *Program) edit(ctx context.Context, e editable) (err error) {
	draft, err := os.CreateTemp("", "callout-edit-*.yaml") // mode 0600
	if err != nil {
		return fmt.Errorf("there is no place for a file to edit: %w", err)
	}
	keep := false
	defer func() {
		err = errors.Join(err, draft.Close())
		if keep {
			p.note("your text is kept in " + draft.Name())
			return
		}
		err = errors.Join(err, os.Remove(draft.Name()))
	}()
	text := e.text
	var refused error
	for {
		before := append([]byte(heading(e.what, refused)), text...)
		if err := os.WriteFile(draft.Name(), before, 0o600); err != nil {
			return err
		}
		if err := p.openEditor(ctx, draft.Name()); err != nil {
			return err
		}
		raw, err := follow.Once(draft.Name(), file.MaxFile)
		if err != nil {
			return fmt.Errorf("the file cannot be read that the editor left: %w", err)
		}
		after := withoutHeading(raw)
		switch {
		case len(bytes.TrimSpace(after)) == 0:
			return p.say("%s: the edit was given up, nothing was changed\n", e.what)
		case bytes.Equal(after, text) && refused == nil:
			return p.say("%s: nothing was changed\n", e.what)
		case bytes.Equal(after, text):
			keep = true
			return p.refused(refused)
		}
		text = after
		if refused = p.putEdited(ctx, e, text); refused == nil {
			return nil
		}
		if !mendable(refused) {
			keep = true
			return refused
		}
	}
}

// mendable tells whether another text could be taken.
func mendable(err error) bool {
	var away *serverUnreachable
	var by *refusedBy
	if errors.As(err, &by) {
		return by.code != action.CodeConflict && by.code != action.CodeFileOwned && by.code != action.CodeNotFound
	}
	return !errors.As(err, &away) && !errors.Is(err, context.Canceled)
}

// putEdited reads what an editor left, and puts it in force.
func (p *Program) putEdited(ctx context.Context, e editable, text []byte) error {
	s, problems, err := file.ReadFiles(ctx, e.part.Instance, []file.File{{Name: "edit", Text: text}})
	if err != nil {
		return err
	}
	if s == nil {
		return &flawed{problems}
	}
	revision, changed, err := e.put(ctx, s)
	switch {
	case err != nil:
		return err
	case !changed:
		return p.say("%s: nothing was changed\n", e.what)
	}
	return p.say("%s is changed, revision %d is in force\n", e.what, revision)
}

// headingMark begins the lines above the text of an edit.
const headingMark = "#| "

// heading tells what is edited, and why it came back.
func heading(what string, refused error) string {
	lines := []string{"Edit the " + what + ". Lines that begin with " + strings.TrimSpace(headingMark) + " are left out; an empty file ends the edit.",
		"What stands behind # is not set, and has that default; docs/configuration.md says what it does."}
	if refused != nil {
		lines = append(lines, "", "It was refused:")
		lines = append(lines, reasons(refused, len(lines))...)
	}
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(strings.TrimRight(headingMark+line, " ") + "\n")
	}
	return b.String()
}

// reasons words an error, a line each, below so many lines of a heading: places
// are those in the file that opens again.
func reasons(refused error, above int) []string {
	var bad *flawed
	if !errors.As(refused, &bad) {
		return strings.Split(refused.Error(), "\n")
	}
	var lines []string
	for _, problem := range bad.problems {
		if problem.Line == 0 { // it came from the server
			lines = append(lines, problem.String())
			continue
		}
		lines = append(lines, fmt.Sprintf("line %d, column %d: %s [%s]", problem.Line+above+len(bad.problems), problem.Col, problem.Message, problem.Code))
	}
	return lines
}

func withoutHeading(raw []byte) []byte {
	var out []byte
	for line := range bytes.Lines(raw) {
		if !bytes.HasPrefix(line, []byte(strings.TrimSpace(headingMark))) {
			out = append(out, line...)
		}
	}
	return out
}

// openEditor waits for the editor of a person.
func (p *Program) openEditor(ctx context.Context, file string) error {
	editor := "vi"
	for _, name := range []string{"EDITOR", "VISUAL"} {
		if value := strings.TrimSpace(p.Getenv(name)); value != "" {
			editor = value
		}
	}
	// A shell takes the editor's own arguments apart.
	cmd := exec.CommandContext(ctx, "sh", "-c", editor+` "$1"`, "sh", file)
	if _, err := exec.LookPath("sh"); err != nil {
		words := strings.Fields(editor)
		cmd = exec.CommandContext(ctx, words[0], append(words[1:], file)...)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, p.Out, p.Err
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("the editor %q ended with %w; nothing was changed", editor, err)
	}
	return nil
}
