package manage

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"connectrpc.com/connect"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// maxChosen is how many names, ids or conditions a filter can hold.
const maxChosen = 1000

// The fields that lists are ordered by.
const (
	byName      = "name"
	byCondition = "condition"
	byCreation  = "create_time"
	byChange    = "update_time"
)

// everyOrg is what a filter says that means all organizations.
const everyOrg = "*"

// ListTargets lists targets page by page.
func (s *Service) ListTargets(ctx context.Context, req *connect.Request[calloutv1.ListTargetsRequest]) (*connect.Response[calloutv1.ListTargetsResponse], error) {
	l, err := newListing(req.Msg, req.Msg.GetFilter(), byName, byCreation, byChange)
	if err != nil {
		return nil, err
	}
	f, err := newTargetFilter(req.Msg.GetFilter())
	if err != nil {
		return nil, err
	}
	c, err := l.catalog(ctx, s, req.Msg.GetInstance(), req.Msg.GetMinRevision())
	if err != nil {
		return nil, err
	}
	page, total, more := l.page(f.keys(c, l.order))
	answer := &calloutv1.ListTargetsResponse{TotalSize: uint32(total), Revision: c.Revision}
	for _, k := range page {
		answer.Targets = append(answer.Targets, s.target(c, targetAt(k.Org, k.Text)))
	}
	if more {
		answer.NextPageToken, err = l.next(c.Revision, page[len(page)-1])
	}
	return connect.NewResponse(answer), err
}

// targetFilter is a filter made ready.
type targetFilter struct {
	*calloutv1.TargetFilter
	org        *string
	names, ids map[string]bool
	part       string // of the name, in lower case
	settings   bool   // more than names and ids are looked at
}

func newTargetFilter(f *calloutv1.TargetFilter) (*targetFilter, error) {
	out := &targetFilter{TargetFilter: f, part: strings.ToLower(f.GetNameContains())}
	if f != nil {
		out.org = f.Org
	}
	var err error
	if out.names, err = chosenSet("filter.names", f.GetNames()); err != nil {
		return nil, err
	}
	if out.ids, err = chosenSet("filter.ids", f.GetIds()); err != nil {
		return nil, err
	}
	switch action.Kind(f.GetType()) {
	case "", action.Webhook, action.CallOut, action.Async:
	default:
		return nil, badField("filter.type", "type is webhook, call or async")
	}
	out.settings = f.GetType() != "" || f.GetUrlContains() != "" || len(f.GetLabels()) > 0
	return out, nil
}

// chosenSet is nil when nothing is chosen.
func chosenSet(field string, values []string) (map[string]bool, error) {
	if len(values) == 0 {
		return nil, nil
	}
	if len(values) > maxChosen {
		return nil, badField(field, fmt.Sprintf("%d are too many at once, at most %d can be given", len(values), maxChosen))
	}
	set := make(map[string]bool, len(values))
	for _, v := range values {
		set[v] = true
	}
	return set, nil
}

// chosenOrgs are the scopes that a filter takes, of those of a catalog.
func chosenOrgs(c *catalog.Snapshot, org *string) []string {
	if org == nil || *org == everyOrg {
		return c.Orgs()
	}
	return slices.DeleteFunc([]string{*org}, func(o string) bool { return c.Scopes[o] == nil })
}

// keys gives the keys of the targets that fit, in no order.
func (f *targetFilter) keys(c *catalog.Snapshot, order string) iter.Seq[key] {
	return func(yield func(key) bool) {
		for _, org := range chosenOrgs(c, f.org) {
			sc := c.Scopes[org]
			if sc == nil {
				continue
			}
			for name := range sc.Targets {
				if !f.fits(sc, name) {
					continue
				}
				if !yield(key{Org: org, Text: name, Time: timeKey(sc, catalog.Ref{Name: name}, order)}) {
					return
				}
			}
		}
	}
}

func (f *targetFilter) fits(sc *catalog.Scope, name string) bool {
	if f.names != nil && !f.names[name] || f.ids != nil && !f.ids[sc.Meta[catalog.Ref{Name: name}].ID] ||
		f.part != "" && !strings.Contains(strings.ToLower(name), f.part) {
		return false
	}
	if !f.settings {
		return true
	}
	t := sc.Targets[name]
	if f.GetType() != "" && f.GetType() != string(t.Kind) || !strings.Contains(t.URL, f.GetUrlContains()) {
		return false
	}
	for label, value := range f.GetLabels() {
		if have, ok := t.Labels[label]; !ok || have != value {
			return false
		}
	}
	return true
}

// timeKey is the time that an object has in an order; 0 in any other.
func timeKey(sc *catalog.Scope, ref catalog.Ref, order string) int64 {
	switch order {
	case byCreation:
		return sc.Meta[ref].Created.UnixNano()
	case byChange:
		return sc.Meta[ref].Changed.UnixNano()
	}
	return 0
}
