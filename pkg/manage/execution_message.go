package manage

import (
	"cmp"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// executionMessage is an execution or a list as it goes over the wire.
func executionMessage(org string, phase action.Phase, e *action.Execution, meta catalog.Meta) *calloutv1.Execution {
	m := &calloutv1.Execution{
		Phase: phaseNumbers[phase], Org: org, Condition: e.Match, Name: e.Name, OnUnavailable: string(e.OnUnavailable),
		OnExhausted: string(e.OnExhausted), Etag: catalog.Etag(*e), Id: meta.ID, CreateTime: moment(meta.Created),
		UpdateTime: moment(meta.Changed), File: meta.Owner,
	}
	m.Applies = string(e.Applies)
	if e.MaxStop != 0 {
		m.MaxStop = durationpb.New(e.MaxStop)
	}
	for _, entry := range e.Entries {
		if entry.Include != "" {
			m.Targets = append(m.Targets, &calloutv1.Entry{Entry: &calloutv1.Entry_Include{Include: entry.Include}})
		} else {
			m.Targets = append(m.Targets, &calloutv1.Entry{Entry: &calloutv1.Entry_Target{Target: entry.Target}})
		}
	}
	return m
}

// executionKey is the key under which a file would have an execution: its name,
// or the condition.
func executionKey(e *calloutv1.Execution) string { return cmp.Or(e.GetName(), e.GetCondition()) }

// executionOf is an execution of a catalog as it goes over the wire.
func executionOf(c *catalog.Snapshot, phase action.Phase, org string, e *action.Execution) *calloutv1.Execution {
	meta, _ := c.MetaOf(org, catalog.Ref{Phase: phase, Name: e.Name})
	return executionMessage(org, phase, e, meta)
}
