package contract

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog/file"
)

func typedDocument(t testing.TB) *Document {
	t.Helper()
	types, err := TypesOf("", typed(t))
	require.NoError(t, err)
	raw, err := json.Marshal(Targets(types))
	require.NoError(t, err)
	document, err := ReadDocument(raw)
	require.NoError(t, err)
	return document
}

// TestPointersThatNameNothing: one is doubted that no typed body of its target has anything
// for, and none where something is not known.
func TestPointersThatNameNothing(t *testing.T) {
	t.Parallel()
	const configuration = `
targets:
  change: {type: call, url: 'https://a.example', allow: [/oneInt64, /oneInt46, /oneAll/oneAll/nope, /mapAll/x/oneBool, /oneStruct/x], redact: [/request/oneBool, /request/oneBol, /userID, '/request/manyAll/*/oneBool', '/request/manyAll/*/no', '/request/*/anything', /headers/x/0]}
  hook: {type: webhook, url: 'https://a.example', redact: [/event_payload/total/cents, /event_payload/total/euros, /event_payload/oneAny/x]}
  other: {type: webhook, url: 'https://a.example', redact: [/event_payload/whatever]}
requests:
  all.v1.AllService: {targets: [{target: change}]}
events:
  "*": {targets: [{target: hook}]}
  untyped: {targets: [{target: other}]}
orgs:
  acme:
    targets:
      own: {type: webhook, url: 'https://a.example', redact: [/event_payload/nope]}
    events:
      all.done: {targets: [{target: own}]}
`
	s, problems, err := file.CheckFiles(t.Context(), time.Time{}, "", []file.File{{Name: "f.yaml", Text: []byte(configuration)}}, typedDocument(t).Doubts)
	require.NoError(t, err)
	require.NotNil(t, s)
	doubted := []string{}
	for _, p := range problems {
		require.Equal(t, "no_effect", p.Code)
		require.Positive(t, p.Line, "it is told where it stands")
		doubted = append(doubted, p.Path)
	}
	require.Equal(t, []string{"targets.change.allow[1]", "targets.change.allow[2]", "targets.change.redact[1]", "targets.change.redact[4]",
		"targets.hook.redact[1]", "orgs.acme.targets.own.redact[0]"}, doubted)
}

// TestSchemaNeedsNothingElse: the schema of a body compiles alone, and says what the
// document does.
func TestSchemaNeedsNothingElse(t *testing.T) {
	t.Parallel()
	document := typedDocument(t)
	schema, typed, err := document.SchemaFor(action.OnEvent, "orders/create")
	require.NoError(t, err)
	require.True(t, typed)
	require.NotContains(t, mustJSON(t, schema), components)
	require.Equal(t, []string{"all.done", "orders/create"}, document.Typed(action.OnEvent))
	schema, typed, err = document.SchemaFor(action.Function, "token")
	require.NoError(t, err)
	require.False(t, typed, "function.token is no function of a core")
	require.Contains(t, mustJSON(t, schema), "FunctionCall")
	for _, no := range []string{`[]`, `{}`, `{"webhooks":{}}`, `x`} {
		_, err := ReadDocument([]byte(no))
		require.ErrorContains(t, err, "no contract of targets", no)
	}
}

func mustJSON(t testing.TB, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	return string(raw)
}
