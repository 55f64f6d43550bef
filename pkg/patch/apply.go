// Package patch applies a target's answer to an object. It works on text: what
// an answer does not touch keeps its bytes, the digits of its numbers and the
// order of its keys. Nothing is changed in place.
package patch

import (
	"bytes"
	"errors"
	"fmt"

	jsonpatch "github.com/evanphx/json-patch/v5"

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
	Allow     []string // JSON pointers that may change; none = all
}

// Apply returns the object as the answer leaves it, and whether that differs.
// Object is nil when there is none yet (a function whose targets returned
// nothing so far); its text has been checked, as that of a wire.Call is. limit is the size in bytes that the result may have. The
// errors are *action.Error: answer_malformed, not_allowed, too_large.
func Apply(object []byte, a Answer, limit int) (result []byte, changed bool, err error) {
	if len(bytes.TrimSpace(a.Body)) == 0 {
		return object, false, nil
	}
	if a.JSONPatch {
		if result, err = operations(object, a.Body, limit); err == nil && wire.CheckJSON(result) != nil {
			err = malformed("the changed object is not well-formed")
		}
		if changed = err == nil && !equal(result, orEmpty(object)); changed {
			result = graft(orEmpty(object), result)
		}
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
	if a.Mapping == action.Replace {
		result = build(a.Body, members)
		return result, !equal(result, orEmpty(object)), nil
	}
	return merge(object, a.Body, members)
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

func operations(object, body []byte, limit int) ([]byte, error) {
	object = orEmpty(object)
	if _, err := wire.Elements(body); err != nil { // null would be read as no operations
		return nil, malformed("the answer is not a JSON Patch").WithCause(err)
	}
	ops, err := jsonpatch.DecodePatch(body)
	if err != nil {
		return nil, malformed("the answer is not a JSON Patch").WithCause(err)
	}
	options := jsonpatch.NewApplyOptions()
	options.EscapeHTML = false
	options.SupportNegativeIndices = false // RFC 6902 knows none
	options.AccumulatedCopySizeLimit = int64(limit)
	result, err := ops.ApplyWithOptions(object, options)
	if grown := (*jsonpatch.AccumulatedCopySizeError)(nil); errors.As(err, &grown) {
		return nil, tooLarge().WithCause(err)
	}
	if err != nil {
		return nil, malformed("the JSON Patch does not fit the object").WithCause(err)
	}
	if !wire.IsObject(result) {
		return nil, malformed("the JSON Patch leaves no object")
	}
	return result, nil
}

// orEmpty is the object that an answer changes when there is none yet.
func orEmpty(object []byte) []byte {
	if object == nil {
		return []byte(`{}`)
	}
	return object
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
