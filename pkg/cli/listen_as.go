package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/sign"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

// takePlace has the listener get what a target gets, as it gets it: its headers,
// its timeout and its signatures, and the events of the conditions that reach it,
// unless others are asked for. Its key nobody can read: another one signs.
func (f *listenFlags) takePlace(ctx context.Context, to *sender) error {
	server := &f.tail.server
	r, err := (&orgFlag{}).target(f.as)
	if err != nil {
		return err
	}
	answer, err := ask(ctx, server, &calloutv1.GetTargetRequest{Instance: server.instance, Org: r.org, Name: r.name}, calloutv1connect.ActionServiceClient.GetTarget)
	if err != nil {
		return err
	}
	t := targetOf(answer.GetTarget())
	to.target.Headers, to.target.Timeout, to.target.NoKeepAlive = t.Headers, t.Timeout, t.NoKeepAlive
	to.target.Redact, to.target.Mask = t.Redact, t.Mask
	if !t.IsSigned() { // the keys for a JWT nobody can read either: the JSON is sent
		to.target.Payload = t.Payload
	}
	if len(to.target.Signatures) != 1 { // one that stands alone is all that the key can do
		to.target.Signatures = slices.DeleteFunc(t.Signatures, func(s action.Signature) bool { return s == action.SignStandardV1a }) // whose key nobody can read either
	}
	if len(f.events) > 0 {
		return nil
	}
	err = eachPage(ctx, func(ctx context.Context, token string) ([]*calloutv1.Execution, string, error) {
		answer, err := ask(ctx, server, &calloutv1.ListExecutionsRequest{Instance: server.instance, PageSize: pageSize, PageToken: token,
			Filter: &calloutv1.ExecutionFilter{Target: r.name, Phases: []calloutv1.Phase{calloutv1.Phase_PHASE_EVENT}}}, calloutv1connect.ActionServiceClient.ListExecutions)
		return answer.GetExecutions(), answer.GetNextPageToken(), err
	}, func(page []*calloutv1.Execution) error {
		for _, e := range page {
			if e.GetCondition() != "" && (r.org == "" || e.GetOrg() == r.org) { // a list fires by those that include it
				f.events = append(f.events, e.GetCondition())
			}
		}
		return nil
	})
	if err == nil && len(f.events) == 0 {
		err = fmt.Errorf("no event execution reaches the target %s: say with --events which ones are wanted", r)
	}
	return err
}

// listenKey is the key of the context in use, which has one as soon as somebody
// listens in it: what is written against it goes on to verify. Without a context it
// is empty, and one is made for this once.
func (p *Program) listenKey(server *serverFlags) (key string, err error) {
	all, err := p.readContexts()
	if err != nil {
		return "", err
	}
	name := server.context
	if name == "" {
		name = all.Current
	}
	c, ok := all.Contexts[name]
	if !ok || c.Key != "" {
		return c.Key, nil
	}
	c.Key = sign.NewKey()
	all.Contexts[name] = c
	return c.Key, p.writeContexts(all)
}
