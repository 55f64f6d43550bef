package manage

import (
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/catalog/file"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// changes tells what differs between two catalogs, with the values.
func changes(before, after *catalog.Snapshot) []*calloutv1.Change {
	var out []*calloutv1.Change
	for _, c := range catalog.DiffObjects(before, after) {
		m := &calloutv1.Change{Action: actions[c.Action], Kind: kinds[c.Kind], Org: c.Org,
			Phase: phaseNumbers[c.Phase], Name: c.Name, Condition: c.Match, Fields: c.Fields}
		for _, d := range differences(c) {
			m.Differences = append(m.Differences, &calloutv1.Difference{Field: d.Field, Before: d.Before, After: d.After})
		}
		out = append(out, m)
	}
	return out
}

// differences are those of an object that was there and still is.
func differences(c catalog.ChangedObject) []file.Difference {
	switch {
	case c.TargetBefore != nil && c.TargetAfter != nil:
		return file.TargetDifferences(c.TargetBefore, c.TargetAfter)
	case c.ExecutionBefore != nil && c.ExecutionAfter != nil:
		return file.ExecutionDifferences(c.ExecutionBefore, c.ExecutionAfter)
	}
	return nil
}
