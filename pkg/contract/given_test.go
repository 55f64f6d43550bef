package contract

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
)

// givenBy is the document of a core that gives schemas of its events.
func givenBy(t *testing.T, schemas map[string]string) *Document {
	t.Helper()
	core := catalog.Declaration{Core: "a", Schemas: map[string]json.RawMessage{}}
	for name, text := range schemas {
		core.EventTypes = append(core.EventTypes, name)
		core.Schemas["event/"+name] = json.RawMessage(text)
	}
	types, err := TypesOf("the core a", core)
	require.NoError(t, err)
	raw, err := json.Marshal(Targets(types))
	require.NoError(t, err)
	document, err := ReadDocument(raw)
	require.NoError(t, err)
	return document
}

// TestNamesOfSchemasAreTheirOwn: keys and $defs that are written alike as components are not
// taken for each other.
func TestNamesOfSchemasAreTheirOwn(t *testing.T) {
	t.Parallel()
	document := givenBy(t, map[string]string{
		"user":       `{"type":"object","properties":{"is":{"$ref":"#/$defs/added"}},"$defs":{"added":{"type":"object","properties":{"def":{}}}}}`,
		"user.added": `{"type":"object","properties":{"event":{}}}`,
		"a/b":        `{"type":"object","properties":{"slash":{}}}`,
		"a_b":        `{"type":"object","properties":{"line":{}},"$defs":{"c d":{},"c_d":{}}}`,
	})
	for name, member := range map[string]string{"user": "is/def", "user.added": "event", "a/b": "slash", "a_b": "line"} {
		require.True(t, document.Has(action.OnEvent, name, "/event_payload/"+member), "%s has its own %s", name, member)
		require.False(t, document.Has(action.OnEvent, name, "/event_payload/other"), name)
	}
}

// TestSchemasThatNameEachOther have more ways through them than there is time for: after a
// while a pointer is taken to name something.
func TestSchemasThatNameEachOther(t *testing.T) {
	t.Parallel()
	document := givenBy(t, map[string]string{"a": `{"$ref":"#/$defs/A","$defs":{"A":{"allOf":[{"$ref":"#/$defs/A"},{"$ref":"#/$defs/A"}]}}}`})
	ended := make(chan bool, 1)
	go func() { ended <- document.Has(action.OnEvent, "a", "/event_payload/x") }()
	select {
	case has := <-ended:
		require.True(t, has)
	case <-time.After(time.Minute):
		require.Fail(t, "it looks for ever")
	}
}
