package cli

import (
	"cmp"
	"strconv"

	"github.com/callout-hq/callout/pkg/catalog/file"
	"github.com/callout-hq/callout/pkg/manage"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// most is how much of a value is shown, in characters.
const most = 60

// changes shows what differs, a line each: + added, ~ changed, - removed, and
// below it what was and what is.
func (p *Program) changes(all []*calloutv1.Change) error {
	pen := p.pen()
	for _, c := range all {
		line := headline(c)
		if err := p.say("%s\n", pen.paint(signColours[line[:1]], line)); err != nil {
			return err
		}
		for _, d := range c.GetDifferences() {
			if err := p.say("    %s: %s\n", printable(d.GetField()), values(d)); err != nil {
				return err
			}
		}
	}
	return nil
}

// headline is a change on one line, without what is shown below it.
func headline(c *calloutv1.Change) string {
	change := manage.Change(c)
	if len(c.GetDifferences()) > 0 {
		change.Fields = nil
	}
	return printable(change.String())
}

// values are those before and after. Of two that look the same, because they are
// secret or long, it is said that they are not.
func values(d *calloutv1.Difference) string {
	before, after := file.Shorten(d.GetBefore(), d.GetAfter(), most)
	if before == after {
		after = "another " + after
	}
	return printable(cmp.Or(before, "(none)") + " → " + cmp.Or(after, "(none)"))
}

// sum counts changes.
func sum(all []*calloutv1.Change) string {
	counts := map[calloutv1.Change_Action]int{}
	for _, c := range all {
		counts[c.GetAction()]++
	}
	return count(counts[calloutv1.Change_ACTION_ADDED], "object") + " added, " +
		strconv.Itoa(counts[calloutv1.Change_ACTION_CHANGED]) + " changed, " + strconv.Itoa(counts[calloutv1.Change_ACTION_REMOVED]) + " removed"
}
