package manage

import (
	"context"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/jobs"
	"github.com/callout-hq/callout/pkg/catalog"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// ofTheInstance stands for the name of a target of the instance. No name has parentheses.
const ofTheInstance = "(a target of the instance)"

// veil keeps from an organization which targets of the instance there are that it may
// not use: that one runs for its own, in a list of the instance that it includes, is its
// business, and who that is told is not. The zero value hides nothing.
type veil struct {
	org string // "" = who asks sees them all
	of  *catalog.Snapshot
}

// veilOf is the veil of who asks, about an instance. Where its catalog cannot be had, all
// targets of the instance are hidden.
func (s *Service) veilOf(ctx context.Context, instance string) (veil, error) {
	p, err := access.From(ctx)
	if err != nil {
		return veil{}, err
	}
	if p.Scope.Level() != access.Organization {
		return veil{}, nil
	}
	m, err := s.catalog(ctx, instance, 0)
	if err != nil {
		return veil{org: p.Scope.Org, of: new(catalog.Snapshot)}, nil //nolint:nilerr // what is asked for says why
	}
	return veil{p.Scope.Org, m.Snapshot()}, nil
}

// hides tells of a target by who defines it. One that is gone may be used by nobody.
func (v veil) hides(owner, target string) bool {
	if v.org == "" || owner == v.org || target == "" {
		return false
	}
	t, there := v.target("", target)
	return owner != "" || !there || !t.IsUsableBy(v.org)
}

// hidesName tells of a target by its name alone, as somebody writes it: one of the
// organization's own, also one that is gone, is not hidden.
func (v veil) hidesName(target string) bool {
	if v.org == "" {
		return false
	}
	_, own := v.target(v.org, target)
	t, there := v.target("", target)
	return !own && there && !t.IsUsableBy(v.org)
}

func (v veil) target(owner, name string) (t action.Target, there bool) {
	if sc := v.of.Scopes[owner]; sc != nil {
		t, there = sc.Targets[name]
	}
	return t, there
}

// ask has a request that chooses by such a name choose nothing. Its filter is set, see orgOf.
func (v veil) ask(request any) {
	if v.org == "" {
		return
	}
	hide := func(target *string) {
		if v.hidesName(*target) {
			*target = ofTheInstance
		}
	}
	switch m := request.(type) {
	case *calloutv1.ListDeliveriesRequest:
		hide(&m.GetFilter().Target)
	case *calloutv1.ListDeadLettersRequest:
		hide(&m.GetFilter().Target)
	case *calloutv1.RedriveDeadLettersRequest:
		hide(&m.GetFilter().Target)
	case *calloutv1.DiscardDeadLettersRequest:
		hide(&m.GetFilter().Target)
	}
}

// answer takes the names out of an answer, and what such a target said.
func (v veil) answer(answer any) {
	switch m := answer.(type) {
	case *calloutv1.ExplainResponse:
		for _, t := range m.GetTurns() {
			if v.hides(t.GetOwner(), t.GetTarget()) {
				t.Target = ofTheInstance
			}
		}
	case *calloutv1.ListDeliveriesResponse:
		for _, d := range m.GetDeliveries() {
			v.attempt(d.GetLast())
		}
	case *calloutv1.GetDeliveryResponse:
		v.attempt(m.GetDelivery().GetLast())
		for _, a := range m.GetAttempts() {
			v.attempt(a)
		}
		v.letter(m.GetDeadLetter())
	case *calloutv1.ListDeadLettersResponse:
		for _, l := range m.GetDeadLetters() {
			v.letter(l)
		}
	case *calloutv1.GetDeadLetterResponse:
		v.letter(m.GetDeadLetter())
	}
}

func (v veil) attempt(a *calloutv1.Attempt) {
	if a == nil || !v.hides(a.GetOwner(), a.GetTarget()) {
		return
	}
	a.Target, a.Answer = ofTheInstance, nil
	if a.GetError() != "" {
		a.Error = action.Code(a.GetCode()).Message()
	}
}

func (v veil) letter(l *calloutv1.DeadLetter) {
	if l == nil || !v.hides(l.GetOwner(), l.GetTarget()) {
		return
	}
	l.Target, l.LastAnswer = ofTheInstance, nil
	if l.GetLastError() != "" {
		l.LastError = action.Code(l.GetReason()).Message()
	}
}

// subscription gives a line without the name of its target, which stands in the line's
// name too.
func (v veil) subscription(s action.Subscription) (shown action.Subscription, hidden bool) {
	if !v.hides(s.Owner, s.Target) {
		return s, false
	}
	s.Name = strings.Replace(s.Name, "/"+s.Target, "/"+ofTheInstance, 1)
	s.Target, s.Line = ofTheInstance, s.Line[strings.LastIndexByte(s.Line, '-')+1:]
	return s, true
}

// job is one as it goes over the wire, without the name of a target in what it is about.
func (v veil) job(j jobs.Job) *calloutv1.Job {
	shown := job(j)
	words := strings.TrimSuffix(j.Subscription, " (replay)")
	for _, target := range []string{words[strings.LastIndexByte(words, '/')+1:], j.Filter.Target} {
		if v.hidesName(target) {
			shown.About = strings.ReplaceAll(shown.GetAbout(), target, ofTheInstance)
			shown.LastError = strings.ReplaceAll(shown.GetLastError(), target, ofTheInstance)
		}
	}
	return shown
}

// instanceOf is the instance that a request is about.
func instanceOf(request any) string {
	m, ok := request.(proto.Message)
	if !ok {
		return ""
	}
	instance, _ := field(m, "instance")
	return orDefault(instance)
}
