package catalog

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

// TestTypesOfADeclaration: what is no name of a body, and no schema, is refused with its
// place.
func TestTypesOfADeclaration(t *testing.T) {
	for body, field := range map[string]string{
		`{"core":"a","event_types":["x"],"schemas":{"event/x":{},"request/a.S/Do":{},"response/a.S/Do":{},"function/f":{}}}`: "",
		`{"core":"a","event_types":["x"],"descriptors":"CgA=","event_messages":{"x":"a.B"}}`:                                 "",
		`{"core":"a","event_types":["x"],"event_messages":{"x":"a.B"}}`:                                                      "event_messages",
		`{"core":"a","event_types":["x"],"descriptors":"CgA=","event_messages":{"x..y":"a.B"}}`:                              `event_messages."x..y"`,
		`{"core":"a","event_types":["x"],"schemas":{"x":{}}}`:                                                                "schemas.x",
		`{"core":"a","event_types":["x"],"schemas":{"event/":{}}}`:                                                           `schemas."event/"`,
		`{"core":"a","event_types":["x"],"schemas":{"request/Do":{}}}`:                                                       `schemas."request/Do"`,
		`{"core":"a","event_types":["x"],"schemas":{"event/x":[1]}}`:                                                         `schemas."event/x"`,
		`{"core":"a","event_types":["x"],"schemas":{"event/x":null}}`:                                                        `schemas."event/x"`,
	} {
		_, err := DecodeDeclaration([]byte(body))
		if field == "" {
			require.NoError(t, err, body)
			require.Empty(t, StrangeInDeclaration([]byte(body)))
			continue
		}
		require.Equal(t, action.CodeBadField, action.CodeOf(err), body)
		require.Equal(t, field, action.AsError(err, action.StageDecode).Field, body)
	}
	many := Declaration{Core: "a", EventTypes: []string{"x"}, Schemas: map[string]json.RawMessage{}}
	for n := range MaxDeclaredTypes + 1 {
		many.Schemas[fmt.Sprintf("event/x%d", n)] = json.RawMessage(`{}`)
	}
	require.Equal(t, action.CodeTooLarge, action.CodeOf(many.Check()))
}

// TestOnlyWhatIsReadIsDeclared: a schema that no reader of declarations takes is refused
// before it is stored, with its place.
func TestOnlyWhatIsReadIsDeclared(t *testing.T) {
	t.Parallel()
	for _, schema := range []string{"{\"a\":\"\xb8\"}", `{"a":1,"a":2}`, `{"a":1}{}`, `{`} {
		d := Declaration{Core: "a", EventTypes: []string{"x"}, Schemas: map[string]json.RawMessage{"event/x": json.RawMessage(schema)}}
		_, err := d.Encode()
		require.Equal(t, action.CodeBadField, action.CodeOf(err), schema)
		require.Equal(t, `schemas."event/x"`, action.AsError(err, action.StageDecode).Field)
	}
}
