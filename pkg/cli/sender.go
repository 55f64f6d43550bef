package cli

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/rs/zerolog"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/invoke"
	"github.com/callout-hq/callout/pkg/sign"
	"github.com/callout-hq/callout/pkg/wire"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// sender posts to one URL of this machine's user, as a worker posts to a
// target. Any address may be dialled: the user names it.
type sender struct {
	invoker *invoke.Invoker
	target  action.Target
	key     string
}

// newSender checks what was given. Without a key one is made.
func newSender(flag, to, key string, kind action.Kind) (*sender, error) {
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, &usageError{fmt.Errorf("--%s %q is no URL, such as http://127.0.0.1:9000/hook", flag, action.ShownURL(to))}
	}
	if key == "" {
		key = sign.NewKey()
	} else if err := sign.CheckKey(key); err != nil {
		return nil, &usageError{fmt.Errorf("--key: %s", messageOf(err))}
	}
	target := catalog.WithDefaults(action.Target{Name: flag, Kind: kind, URL: to})
	if sign.CheckZitadelKey(key) != nil { // an asymmetric one, which the other scheme knows alone
		target.Signatures = []action.Signature{action.SignStandard}
	}
	return &sender{invoker: invoke.New(invoke.Options{Log: zerolog.Nop(), AllowLocal: true}), key: key, target: target}, nil
}

func (s *sender) close() { s.invoker.Close() }

// deliver posts a stored event.
func (s *sender) deliver(ctx context.Context, id, instance string, e *calloutv1.StoredEvent) invoke.Answer {
	exchange := invoke.Call{Target: &s.target, Keys: []string{s.key}, Body: e.GetBody(), ID: id, Attempt: 1, Sequence: e.GetSequence(),
		Instance: instance, Org: e.GetOrg(), EventType: e.GetType(), EventTime: e.GetStoredAt().AsTime()}
	if facts, err := wire.ReadEvent(e.GetBody()); err == nil {
		event := wire.CloudEventOf(&facts, instance, e.GetOrg(), "", e.GetSequence(), e.GetStoredAt().AsTime())
		exchange.Event = &event
	}
	return s.invoker.Do(ctx, exchange)
}

// try is post for who looks into the exchange; the target is told that it is a
// test, and of which instance and organization.
func (s *sender) try(ctx context.Context, id, instance, org string, body []byte) invoke.Trial {
	exchange := invoke.Call{Target: &s.target, Keys: []string{s.key}, Body: body, ID: id, Attempt: 1, ReadBody: s.target.Kind == action.CallOut,
		Instance: instance, Org: org}
	if !exchange.ReadBody {
		exchange = exchange.AsEvent(time.Now())
	}
	return s.invoker.Try(ctx, exchange)
}

// outcomeOf words an answer: ok, rejected or failed.
func outcomeOf(answer invoke.Answer) string {
	switch {
	case answer.Err == nil:
		return "ok"
	case answer.Err.Code == action.CodeRejected:
		return "rejected"
	}
	return "failed"
}
