package catalog

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// MaxDeclaredTypes bounds the messages and schemas that a core names. How large they are
// is bounded by MaxDeclaredBytes, with all else that is declared.
const MaxDeclaredTypes = 2000

var (
	errNoMessages = errors.New("names messages of descriptors, and there are none")
	errNoType     = errors.New("is written event/TYPE, request/package.Service/Method, response/package.Service/Method or function/NAME")
	errNoSchema   = errors.New("is a JSON Schema: an object")
)

// checkTypes tells whether what types a declaration is within its grammar. Whether the
// descriptors can be read is seen where a contract is made of them.
func (d *Declaration) checkTypes() error {
	if n := len(d.EventMessages) + len(d.Schemas); n > MaxDeclaredTypes {
		return tooMuchDeclared(fmt.Sprintf("a core names at most %d messages and schemas, here are %d", MaxDeclaredTypes, n))
	}
	for _, name := range slices.Sorted(maps.Keys(d.EventMessages)) {
		if err := action.CheckEventType(name); err != nil {
			return declarationError(JoinPath("event_messages", name), err)
		}
	}
	if len(d.EventMessages) > 0 && len(d.Descriptors) == 0 {
		return declarationError("event_messages", errNoMessages)
	}
	for _, name := range slices.Sorted(maps.Keys(d.Schemas)) {
		phase, rest, _ := strings.Cut(name, "/")
		err := errNoType
		switch action.Phase(phase) {
		case action.Request, action.Response:
			err = action.CheckMethod("/" + rest)
		case action.Function:
			err = action.CheckFunction(rest)
		case action.OnEvent:
			err = action.CheckEventType(rest)
		}
		if err == nil && !isObject(d.Schemas[name]) {
			err = errNoSchema
		}
		if err != nil {
			return declarationError(JoinPath("schemas", name), err)
		}
	}
	return nil
}

// isObject tells whether a text is a JSON object that a reader of declarations takes.
func isObject(raw json.RawMessage) bool {
	var o map[string]json.RawMessage
	return wire.CheckJSON(raw) == nil && json.Unmarshal(raw, &o) == nil && o != nil
}

// IsTyped tells whether a declaration says what is in the bodies.
func (d *Declaration) IsTyped() bool { return len(d.Descriptors)+len(d.Schemas) > 0 }
