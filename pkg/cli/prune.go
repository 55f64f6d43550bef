package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

// planAgain is how often a plan is made anew because somebody else was faster.
const planAgain = 5

// applyOnce sends a configuration. One that may remove something is planned
// first, and what was planned is done, or nothing.
func (p *Program) applyOnce(ctx context.Context, f *applyFlags, request *calloutv1.ApplyRequest) (answer *calloutv1.ApplyResponse, err error) {
	send := func() (*calloutv1.ApplyResponse, error) {
		return ask(ctx, &f.server, request, calloutv1connect.ActionServiceClient.Apply)
	}
	if !f.prune || f.dryRun || f.yes {
		return send()
	}
	for range planAgain {
		request.DryRun, request.IfRevision = true, 0
		plan, err := send()
		if err != nil {
			return nil, err
		}
		if err := p.mayRemove(ctx, f, plan); err != nil {
			return nil, err
		}
		request.DryRun, request.IfRevision = false, plan.GetRevision()
		answer, err = send()
		if by := (*refusedBy)(nil); !errors.As(err, &by) || by.code != action.CodeConflict {
			return answer, err
		}
	}
	return answer, err
}

// mayRemove asks before more than half of what there is goes: that is a file
// that was mistaken for another more often than it is meant.
func (p *Program) mayRemove(ctx context.Context, f *applyFlags, plan *calloutv1.ApplyResponse) error {
	var gone []*calloutv1.Change
	for _, c := range plan.GetChanges() {
		if c.GetAction() == calloutv1.Change_ACTION_REMOVED {
			gone = append(gone, c)
		}
	}
	if uint32(len(gone))*2 <= plan.GetObjects() {
		return nil
	}
	for _, c := range gone {
		p.note(headline(c))
	}
	what := fmt.Sprintf("--prune removes %d of the %s of instance %s", len(gone), count(int(plan.GetObjects()), "object"), plan.GetInstance())
	if isTerminal(os.Stdin) && !slices.Contains(f.files, "-") {
		yes, err := p.confirm(ctx, what+". Go on? [y/N] ")
		if err != nil || yes {
			return err
		}
		return errors.New("nothing was changed")
	}
	return fmt.Errorf("%s, more than half: nothing was changed (--yes does it)", what)
}

// confirm asks on the terminal. What is no yes is a no, and so is the end of
// input; Ctrl-C ends the waiting.
func (p *Program) confirm(ctx context.Context, question string) (bool, error) {
	_, _ = fmt.Fprint(p.Err, question) // there is nobody else to ask
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(os.Stdin).ReadString('\n') // what was read counts
		answer <- line
	}()
	select {
	case line := <-answer:
		return slices.Contains([]string{"y", "yes"}, strings.ToLower(strings.TrimSpace(line))), nil
	case <-ctx.Done():
		_, _ = fmt.Fprintln(p.Err)
		return false, ctx.Err()
	}
}
