package catalog

import (
	"maps"
	"reflect"
	"slices"

	"github.com/callout-hq/callout/pkg/action"
)

// sameTarget tells whether two targets have the same settings. What is empty is
// the same as what is left out.
func sameTarget(a, b *action.Target) bool {
	return a.Name == b.Name && a.Kind == b.Kind && a.URL == b.URL && a.Timeout == b.Timeout &&
		a.InterruptOnError == b.InterruptOnError && a.Mapping == b.Mapping && a.Paused == b.Paused &&
		a.SigningKey == b.SigningKey && sameLimits(a, b) && sameLists(a, b)
}

func sameLimits(a, b *action.Target) bool {
	return a.Retry == b.Retry && a.Lanes == b.Lanes && a.Concurrency == b.Concurrency && a.Rate == b.Rate &&
		a.Breaker == b.Breaker && a.MaxAnswer == b.MaxAnswer && a.NoKeepAlive == b.NoKeepAlive &&
		a.Payload == b.Payload && a.JWTAlgorithm == b.JWTAlgorithm && a.ContentType == b.ContentType &&
		a.IdleTime == b.IdleTime && a.TLS == b.TLS
}

func sameLists(a, b *action.Target) bool {
	return slices.Equal(a.Allow, b.Allow) && sameTexts(a.Headers, b.Headers) && sameTexts(a.HeaderSources, b.HeaderSources) && slices.Equal(a.Signatures, b.Signatures) &&
		slices.Equal(a.Egress, b.Egress) && sameTexts(a.Labels, b.Labels) && slices.Equal(a.Redact, b.Redact) && slices.Equal(a.Mask, b.Mask) &&
		slices.Equal(a.UsableBy, b.UsableBy) && (a.UsableBy == nil) == (b.UsableBy == nil)
}

// sameTexts is maps.Equal, and quick for a map that both share.
func sameTexts[V comparable](a, b map[string]V) bool {
	return reflect.ValueOf(a).UnsafePointer() == reflect.ValueOf(b).UnsafePointer() || maps.Equal(a, b)
}

// sameExecution tells whether two executions have the same settings.
func sameExecution(a, b *action.Execution) bool {
	return a.Name == b.Name && a.Match == b.Match && slices.Equal(a.Entries, b.Entries) &&
		a.OnUnavailable == b.OnUnavailable && a.OnExhausted == b.OnExhausted && a.MaxStop == b.MaxStop && a.Applies == b.Applies
}

// sameSection tells whether two sections have the same executions in the same
// order.
func sameSection(a, b []action.Execution) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !sameExecution(&a[i], &b[i]) {
			return false
		}
	}
	return true
}

// difference is one object that two catalogs do not share. One side is nil when
// it is only in the other.
type difference struct {
	place                Place
	wasTarget, nowTarget *action.Target
	wasEntry, nowEntry   *action.Execution
}

// differences reports each object in which two catalogs differ, in no order.
// It costs one look at each object, and none at a scope that both share.
func differences(before, after *Snapshot, report func(difference)) {
	for org, was := range before.Scopes {
		scopeDifferences(org, was, after.Scopes[org], report)
	}
	for org, now := range after.Scopes {
		if _, known := before.Scopes[org]; !known {
			scopeDifferences(org, nil, now, report)
		}
	}
}

var noScope = &Scope{}

func scopeDifferences(org string, was, now *Scope, report func(difference)) {
	if was == now {
		return
	}
	if was == nil {
		was = noScope
	}
	if now == nil {
		now = noScope
	}
	for name, t := range was.Targets {
		u, stays := now.Targets[name]
		if stays && sameTarget(&t, &u) {
			continue
		}
		d := difference{place: Place{org, Ref{Name: name}}, wasTarget: clone(t)}
		if stays {
			d.nowTarget = clone(u)
		}
		report(d)
	}
	for name, u := range now.Targets {
		if _, known := was.Targets[name]; !known {
			report(difference{place: Place{org, Ref{Name: name}}, nowTarget: clone(u)})
		}
	}
	for _, phase := range action.Phases {
		sectionDifferences(org, phase, was.Sections[phase], now.Sections[phase], report)
	}
}

// clone keeps what a loop looks at from being allocated unless it is needed.
func clone[T any](v T) *T { return &v }

// sectionDifferences goes through two sections side by side as long as they
// have the same names, from the front and from the back; only what lies between
// is looked up.
func sectionDifferences(org string, phase action.Phase, was, now []action.Execution, report func(difference)) {
	if len(was) == len(now) && (len(was) == 0 || &was[0] == &now[0]) {
		return
	}
	compare := func(a, b *action.Execution) {
		if !sameExecution(a, b) {
			report(difference{place: Place{org, Ref{phase, b.Name}}, wasEntry: a, nowEntry: b})
		}
	}
	for len(was) > 0 && len(now) > 0 && was[0].Name == now[0].Name {
		compare(&was[0], &now[0])
		was, now = was[1:], now[1:]
	}
	for i, j := len(was)-1, len(now)-1; i >= 0 && j >= 0 && was[i].Name == now[j].Name; i, j = i-1, j-1 {
		compare(&was[i], &now[j])
		was, now = was[:i], now[:j]
	}
	left := make(map[string]*action.Execution, len(was))
	for i := range was {
		left[was[i].Name] = &was[i]
	}
	for i := range now {
		e := &now[i]
		if a := left[e.Name]; a != nil {
			delete(left, e.Name)
			compare(a, e)
			continue
		}
		report(difference{place: Place{org, Ref{phase, e.Name}}, nowEntry: e})
	}
	for name, e := range left {
		report(difference{place: Place{org, Ref{phase, name}}, wasEntry: e})
	}
}
