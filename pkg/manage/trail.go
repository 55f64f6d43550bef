package manage

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/audit"
	"github.com/callout-hq/callout/pkg/catalog"
)

// trail is what is told of one request in the audit log; nil when nothing is: a request
// that only looks, or tries.
type trail struct{ audit.Record }

type trailKey struct{}

// trailOf begins the trail of a request that changes something.
func trailOf(o access.Operation, request any) *trail {
	m, ok := request.(proto.Message)
	if !ok || o.Verb != access.Write && o.Verb != access.Operate || o == access.ListTokens || isSet(m, "dry_run") {
		return nil
	}
	t := &trail{audit.Record{Operation: o.Name}}
	t.Instance, _ = field(m, "instance")
	t.Org, t.Object = objectOf(m)
	t.Instance, t.Org, t.Object = short(t.Instance), short(t.Org), short(t.Object)
	if o.Least != access.Installation && !slices.Contains([]access.Operation{access.CreateToken, access.RevokeToken, access.Apply}, o) {
		t.Instance = orDefault(t.Instance)
	}
	return t
}

// maxTold bounds, in bytes, what a record holds of a text that somebody sent.
const maxTold = 300

func short(s string) string { return strings.ToValidUTF8(s[:min(len(s), maxTold)], "\uFFFD") }

// in lets who does the work tell what it led to.
func (t *trail) in(ctx context.Context) context.Context {
	if t == nil {
		return ctx
	}
	return context.WithValue(ctx, trailKey{}, t)
}

func trailIn(ctx context.Context) *trail {
	t, _ := ctx.Value(trailKey{}).(*trail)
	return t
}

// edited tells what an edit has changed.
func (t *trail) edited(instance string, was, is *catalog.Snapshot) {
	if t == nil {
		return
	}
	t.Instance, t.Revision = instance, is.Revision
	for _, c := range catalog.DiffObjects(was, is) {
		change := audit.Change{Action: string(c.Action), Kind: string(c.Kind), Org: c.Org, Phase: string(c.Phase), Name: c.Name}
		for _, d := range differences(c) {
			change.Fields = append(change.Fields, audit.Field{Name: d.Field, Before: d.Before, After: d.After})
		}
		t.Changes = append(t.Changes, change)
	}
}

// record stores the trail of a request that has ended. It has happened by then: that it
// cannot be told is said in the log, with all of it.
func (s *Service) record(ctx context.Context, t *trail, err error) {
	if t == nil || s.audit == nil {
		return
	}
	t.From, t.Code = access.Address(ctx), action.CodeOf(err)
	if err != nil && t.Code == "" {
		t.Code = action.CodeInternal
	}
	p, unknown := access.From(ctx)
	if unknown != nil {
		return // of strangers there is no end
	}
	t.Who, t.Name = p.ID, p.Name
	if t.Code == action.CodeForbidden && !s.refusals.first(p.ID, time.Now()) {
		return
	}
	if err := s.audit.Audit(ctx, t.Record); err != nil {
		s.log.Error().Err(err).Interface("record", t.Record).Msg("what somebody did could not be stored in the audit log")
	}
}

// refused remembers whose refusal was told of within a minute: more of them would push
// what others did out of the log.
type refused struct {
	mu   sync.Mutex
	told map[string]time.Time
}

const refusedEvery = time.Minute

func (r *refused) first(who string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(r.told[who]) < refusedEvery {
		return false
	}
	maps.DeleteFunc(r.told, func(_ string, at time.Time) bool { return now.Sub(at) >= refusedEvery })
	if r.told == nil {
		r.told = map[string]time.Time{}
	}
	r.told[who] = now
	return true
}

// isSet tells whether a switch of a message is on.
func isSet(m proto.Message, name protoreflect.Name) bool {
	f := m.ProtoReflect().Descriptor().Fields().ByName(name)
	return f != nil && f.Kind() == protoreflect.BoolKind && m.ProtoReflect().Get(f).Bool()
}

// objectOf is what a request is about, by its name, condition or id, and whose it is.
func objectOf(m proto.Message) (org, object string) {
	of := m.ProtoReflect()
	for _, within := range []protoreflect.Name{"target", "execution"} {
		if f := of.Descriptor().Fields().ByName(within); f != nil && f.Kind() == protoreflect.MessageKind && of.Has(f) {
			return objectOf(of.Get(f).Message().Interface())
		}
	}
	org, _ = field(m, "org")
	for _, name := range []protoreflect.Name{"condition", "name", "target", "subscription", "delivery_id", "id"} {
		if text, _ := field(m, name); text != "" {
			return org, text
		}
	}
	return org, ""
}
