package logins

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/wire"
)

// Tried is what became of one thing that a role may do, or may not.
type Tried struct {
	Role    string
	What    string // publish or subscribe
	Subject string
	Group   string // the queue group of a subscription; empty = none
	May     bool   // what the table of rights says
	Let     bool   // what the server did
}

// flushFor is how long the server may take to say that it refuses something.
const flushFor = 5 * time.Second

// Try connects with the login of a grant and tries what it may do, and what others
// among all may do and it may not. Nothing is stored, changed or taken by that: what
// is published is nothing that anybody could read. The error is that of who cannot
// connect.
func Try(ctx context.Context, o bus.Options, grant access.Grant, all []access.Grant) ([]Tried, error) {
	o.InboxPrefix, o.Name, o.Log = grant.Inbox, "callout auth check", zerolog.Nop()
	b, err := bus.Connect(ctx, o)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	var done []Tried
	for _, t := range trials(grant, all) {
		if err := ctx.Err(); err != nil {
			return done, err
		}
		if t.Let, err = try(b.Conn(), t); err != nil {
			return done, fmt.Errorf("%s could not %s %s: %w", t.Role, t.What, t.Subject, err)
		}
		done = append(done, t)
	}
	return done, nil
}

// The words for what is tried.
const (
	publish   = "publish"
	subscribe = "subscribe"
)

// trials are what is tried with a grant, each once.
func trials(of access.Grant, all []access.Grant) (list []Tried) {
	seen := map[string]bool{}
	add := func(what, subject, group string) {
		if key := what + " " + subject + " " + group; !seen[key] {
			seen[key] = true
			t := Tried{Role: of.Name(), What: what, Subject: subject, Group: group}
			if t.May = of.MayPublish(subject); what == subscribe {
				t.May = of.MaySubscribe(subject, group)
			}
			list = append(list, t)
		}
	}
	var instances []string
	for _, g := range append([]access.Grant{of}, all...) {
		for _, pattern := range g.Publish {
			add(publish, concrete(pattern), "")
		}
		for _, pattern := range g.Subscribe {
			subject, group, _ := strings.Cut(pattern, " ")
			add(subscribe, concrete(subject), group)
			add(subscribe, concrete(subject), "")
		}
		if g.Role == access.RoleCore {
			instances = append(instances, g.Instance)
		}
	}
	for _, subject := range never(instances) {
		if !of.MayPublish(subject) { // who may is not asked to prove it
			add(publish, subject, "")
		}
	}
	for _, subject := range []string{wire.AllCalls, "callout.event.>", "$KV.>", "_INBOX.>", ">"} {
		add(subscribe, subject, "")
	}
	slices.SortStableFunc(list, func(a, b Tried) int { // what it may comes first
		switch {
		case a.May == b.May:
			return 0
		case a.May:
			return -1
		}
		return 1
	})
	return list
}

// never are subjects that stand in no list but the dispatcher's.
func never(instances []string) []string {
	all := []string{wire.BucketSubject(wire.BucketTokens, nobody), wire.BucketSubject(wire.BucketCatalog, nobody), wire.BucketSubject(wire.BucketConditions, nobody),
		"$JS.API.STREAM.CREATE.CALLOUT_NONE", "$JS.API.DIRECT.GET." + wire.BucketStream(wire.BucketTokens) + "." + wire.BucketSubject(wire.BucketTokens, nobody)}
	for _, instance := range instances {
		streams := wire.StreamsOf(instance)
		all = append(all, wire.Marker(instance), wire.TestSubject(instance), wire.RedriveSubject(instance, nobody),
			"$JS.API.STREAM.MSG.DELETE."+streams.Events, "$JS.API.CONSUMER.CREATE."+streams.Events+"."+nobody+"."+wire.AllEventsOf(instance))
		for _, stream := range streams.All() {
			all = append(all, "$JS.API.STREAM.PURGE."+stream, "$JS.API.STREAM.DELETE."+stream, "$JS.API.STREAM.UPDATE."+stream)
		}
	}
	return all
}

// nobody stands where a wildcard does. No stream, consumer or key has that name, and
// no instance a subject of it.
const nobody = "callout-auth-check"

// concrete is a subject that a pattern covers, which means nothing to anybody.
func concrete(pattern string) string {
	tokens := strings.Split(pattern, ".")
	for n, token := range tokens {
		if token == "*" || token == ">" {
			tokens[n] = nobody
		}
	}
	return strings.Join(tokens, ".")
}

// harmless is what is published: of all requests to JetStream it means something to
// the one that empties a stream alone, and there that nothing is to be taken out.
var harmless = []byte(`{"filter":"` + nobody + `"}`)

// try does one thing and tells whether the server let it. What is published is for a
// stream that there is not, so none stores it.
func try(nc *nats.Conn, t Tried) (let bool, err error) {
	before := nc.LastError()
	if t.What == publish {
		err = nc.PublishMsg(&nats.Msg{Subject: t.Subject, Data: harmless, Header: nats.Header{jetstream.ExpectedStreamHeader: {nobody}}})
	} else {
		var sub *nats.Subscription
		if sub, err = nc.QueueSubscribeSync(t.Subject, t.Group); err == nil {
			defer func() { _ = sub.Unsubscribe() }() // only fails when the connection is gone
		}
	}
	if err == nil {
		err = nc.FlushTimeout(flushFor)
	}
	if err != nil {
		return false, err
	}
	after := nc.LastError()
	isNew := after != before //nolint:errorlint // it is asked whether it is another one, not what it is
	return after == nil || !isNew || !strings.Contains(after.Error(), `"`+t.Subject+`"`), nil
}
