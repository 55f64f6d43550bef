// Package patch applies a target's answer to an object. It works on text: what
// an answer does not touch keeps its bytes, the digits of its numbers and the
// order of its keys. Nothing is changed in place.
package patch

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// JSONPatch is the content type of an answer that is a list of operations
// (RFC 6902).
const JSONPatch = "application/json-patch+json"

// Answer is what a call target sent, with what its definition says about it.
type Answer struct {
	Body      []byte // empty: nothing is changed
	JSONPatch bool   // the body is a list of operations
	Mapping   action.Mapping
	// Function tells that the object is what the targets of a function have answered so
	// far: replace then takes the place of the members that the answer names, so that
	// each target's answer is kept, as in ZITADEL.
	Function bool
	Allow    []string // JSON pointers that may change; none = all
}

// Apply returns the object as the answer leaves it, and whether that differs.
// Object is nil when there is none yet (a function whose targets returned
// nothing so far); its text has been checked, as that of a wire.Call is. limit
// is the size in bytes that the result may have. ctx is asked before each
// operation of a JSON Patch; a merge takes time in proportion to the texts. The
// errors are *action.Error: answer_malformed, also of a JSON Patch with too many
// operations or steps, not_allowed, too_large, and deadline or cancelled.
func Apply(ctx context.Context, object []byte, a Answer, limit int) (result []byte, changed bool, err error) {
	if len(bytes.TrimSpace(a.Body)) == 0 {
		return object, false, nil
	}
	if a.JSONPatch {
		result, err = operations(ctx, object, a.Body, limit)
		changed = err == nil && !equal(result, orEmpty(object))
	} else {
		result, changed, err = whole(object, a)
	}
	switch {
	case err != nil:
		return nil, false, err
	case !changed:
		return object, false, nil
	case len(result) > limit:
		return nil, false, tooLarge().WithCause(fmt.Errorf("%d bytes, %d are allowed", len(result), limit))
	case wire.CheckObjectDepth(result) != nil: // well-formed parts can be too deep once merged
		return nil, false, malformed("the changed object is nested too deep")
	}
	if len(a.Allow) > 0 {
		if err := allowed(object, result, a.Allow); err != nil {
			return nil, false, err
		}
	}
	return result, true, nil
}

// whole merges or replaces by an answer that is an object. `{}` changes
// nothing under either mapping.
func whole(object []byte, a Answer) (result []byte, changed bool, err error) {
	members, err := wire.Members(a.Body)
	if err != nil {
		return nil, false, malformed("").WithCause(err)
	}
	if members = withoutForwarded(members); len(members) == 0 {
		return object, false, nil
	}
	switch {
	case a.Mapping == action.Replace && a.Function:
		return merge(object, a.Body, members, shallow)
	case a.Mapping == action.Replace:
		result = build(a.Body, members)
		return result, !equal(result, orEmpty(object)), nil
	}
	return merge(object, a.Body, members, deep)
}

// withoutForwarded drops the members that speak to the caller, not of the
// object.
func withoutForwarded(members []wire.Member) []wire.Member {
	kept := members[:0]
	for _, m := range members {
		if m.Name != "forwardedStatusCode" && m.Name != "forwardedErrorMessage" {
			kept = append(kept, m)
		}
	}
	return kept
}

// orEmpty is the object that an answer changes when there is none yet.
func orEmpty(object []byte) []byte {
	if object == nil {
		return []byte(`{}`)
	}
	return object
}

// ended is the error of who went away, or whose time is over, before all was
// applied.
func ended(err error) *action.Error {
	code := action.CodeCancelled
	if errors.Is(err, context.DeadlineExceeded) {
		code = action.CodeDeadline
	}
	return action.NewError(code, action.StageApply, "").WithCause(err)
}

func tooLarge() *action.Error {
	return action.NewError(action.CodeTooLarge, action.StageApply, "the object has become too large")
}

func malformed(message string) *action.Error {
	return action.NewError(action.CodeAnswerMalformed, action.StageApply, message)
}

// build writes an object of the given members of text.
func build(text []byte, members []wire.Member) []byte {
	out := append(make([]byte, 0, len(text)), '{')
	for i, m := range members {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, text[m.Start:m.ValEnd]...)
	}
	return append(out, '}')
}
