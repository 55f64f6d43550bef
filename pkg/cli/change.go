package cli

import (
	"strconv"

	"github.com/callout-hq/callout/pkg/manage"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// changes shows what differs, a line each: + added, ~ changed, - removed.
func (p *Program) changes(all []*calloutv1.Change) error {
	pen := p.pen()
	for _, c := range all {
		line := printable(manage.Change(c).String())
		if err := p.say("%s\n", pen.paint(signColours[line[:1]], line)); err != nil {
			return err
		}
	}
	return nil
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
