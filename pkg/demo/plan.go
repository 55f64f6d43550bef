package demo

import (
	"fmt"
	"slices"
)

// key tells steps apart: an arrow, and which attempt it belongs to (0 where
// attempts are not counted).
type key struct {
	Arrow
	attempt int
}

func (k key) String() string {
	if k.attempt > 1 {
		return fmt.Sprintf("%s (attempt %d)", k.Arrow, k.attempt)
	}
	return k.Arrow.String()
}

// want is a step that must happen exactly once: behind all of after, with the
// content that contents asks for.
type want struct {
	key
	after []key
}

// plan lists what must happen under a break, in the order of the diagram. The
// first missing step of it is the one that an error names.
//
// The front is what the client waits for, step by step. The two parties that
// work in the background are ordered among themselves, behind the step that set
// them going, and not against the client's answer; except that the async target
// finishes behind it, which is the proof that nobody waited for it.
func plan(broken string) []want {
	ask := chain(key{}, once(createUser, findRequest, requestInfo)...)
	if broken == BreakMetadata {
		return append(ask, chain(ask[2].key, once(metadataFails, refuseClient)...)...)
	}
	change := chain(ask[2].key, once(addMetadata, updatedUser, storeEvents, findEvent, eventStored)...)
	hook := chain(key{Arrow: findEvent}, hookSteps(broken)...)
	back := chain(key{Arrow: eventStored}, once(findResponse)...)
	state := chain(key{Arrow: findResponse}, stateSteps(broken)...)
	answer := chain(key{Arrow: findResponse}, once(clientOK)...)
	last := len(state) - 1
	state[last].after = append(state[last].after, key{Arrow: clientOK})
	return slices.Concat(ask, change, hook, back, state[:last], answer, state[last:])
}

// hookSteps is what UserAddedHook does, in its order.
func hookSteps(broken string) []key {
	switch broken {
	case BreakHook:
		return append(attempt(1, sendEvent, hookFails), once(deadLetter)...)
	case BreakLDAP:
		var steps []key
		for n := 1; n <= ldapFailures; n++ {
			steps = append(steps, attempt(n, sendEvent, ldapFails, hookFails)...)
		}
		steps = append(steps, once(ldapUp)...)
		return append(steps, attempt(ldapFailures+1, sendEvent, storeUser, hookOK)...)
	}
	return attempt(1, sendEvent, storeUser, hookOK)
}

// stateSteps is what ResponseStateAsyncHook does, in its order.
func stateSteps(broken string) []key {
	var steps []key
	n := 1
	if broken == BreakAsync {
		for ; n <= stateFailures; n++ {
			steps = append(steps, attempt(n, responseInfo, stateHookFails)...)
		}
	}
	return append(steps, attempt(n, responseInfo, logUserID)...)
}

func once(arrows ...Arrow) []key { return attempt(0, arrows...) }

func attempt(n int, arrows ...Arrow) []key {
	var out []key
	for _, a := range arrows {
		out = append(out, key{a, n})
	}
	return out
}

// chain wants steps one behind the other, the first behind start unless that
// is empty.
func chain(start key, steps ...key) []want {
	var out []want
	for _, k := range steps {
		w := want{key: k}
		if start != (key{}) {
			w.after = []key{start}
		}
		out = append(out, w)
		start = k
	}
	return out
}
